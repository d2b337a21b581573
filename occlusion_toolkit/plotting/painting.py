"""Maps as pictures: cells over exactly their blocks of the crop, colours over a grey photograph."""

from typing import Literal

import numpy as np
from jaxtyping import Float, Int64, UInt8
from numpy.typing import NDArray
from PIL import Image
from scipy.interpolate import RegularGridInterpolator

from occlusion_toolkit.plotting.colormaps import ColourScale

Smoothing = Literal["none", "linear"]

# The photograph is greyed and kept clear of black and white, so that colours stay readable over all of it.
_GREY_FLOOR, _GREY_CEILING = 0.14, 0.94
_LUMA = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709

# Opacity of the weakest and the strongest value; the exponent keeps middling ones in colour.
_FAINTEST, _STRONGEST, _ONSET = 0.32, 0.88, 0.6


def paint_cells(
    values: Float[np.ndarray, "rows cols"],
    cells: Int64[np.ndarray, "windows 4"],
    resolution: int,
    smoothing: Smoothing = "none",
) -> Float[np.ndarray, "resolution resolution"]:
    """Each value over exactly its block of the crop; NaN where no block is.

    Args:
        values: one value per cell, (rows, cols).
        cells: the block (y0, y1, x0, x1) of each cell in pixels of the crop, row-major, (rows * cols, 4).
        resolution: side of the crop, pixels.
        smoothing: "linear" interpolates between the centres of the blocks instead, over the same area.

    Returns:
        One value per pixel of the crop.
    """
    painted = np.full((resolution, resolution), np.nan)
    for value, (y0, y1, x0, x1) in zip(values.ravel(), cells, strict=True):
        painted[y0:y1, x0:x1] = value
    if smoothing == "linear" and min(values.shape) > 1:
        return np.where(np.isnan(painted), np.nan, _between_centres(values, cells, resolution))
    return painted


def _between_centres(
    values: NDArray[np.floating], cells: NDArray[np.int64], resolution: int
) -> NDArray[np.float64]:
    by_cell = cells.reshape(*values.shape, 4)
    y = by_cell[:, 0, :2].mean(axis=1)
    x = by_cell[0, :, 2:].mean(axis=1)
    pixel = np.arange(resolution) + 0.5
    rows, cols = np.meshgrid(pixel.clip(y[0], y[-1]), pixel.clip(x[0], x[-1]), indexing="ij")
    return np.asarray(RegularGridInterpolator((y, x), values)((rows, cols)), dtype=np.float64)


def grey_backdrop(crop: UInt8[np.ndarray, "height width 3"], size: int) -> Float[np.ndarray, "size size"]:
    """The crop in subdued grey, resampled to a square of `size` pixels, values in [0, 1]."""
    resized = Image.fromarray(crop).resize((size, size), Image.Resampling.LANCZOS)
    luma: NDArray[np.float64] = np.asarray(resized, dtype=np.float64) @ _LUMA / 255
    return _GREY_FLOOR + (_GREY_CEILING - _GREY_FLOOR) * luma


def paint_over(
    backdrop: Float[np.ndarray, "size size"],
    painted: Float[np.ndarray, "resolution resolution"],
    scale: ColourScale,
) -> UInt8[np.ndarray, "size size 3"]:
    """A painted map over the grey crop.

    Args:
        backdrop: of `grey_backdrop`; its side is a multiple of the map's, so that no cell is stretched.
        painted: of `paint_cells`, NaN where the crop shows through untouched.
        scale: colours of the values.

    Returns:
        RGB of the backdrop's size.
    """
    factor = len(backdrop) // len(painted)
    tint = tinted(painted, scale).repeat(factor, axis=0).repeat(factor, axis=1)
    return (_over(tint, backdrop) * 255).round().clip(0, 255).astype(np.uint8)


def tinted(values: Float[np.ndarray, "..."], scale: ColourScale) -> Float[np.ndarray, "... 4"]:
    """Colours and opacities of values: weak ones are translucent, strong ones hardly, NaN fully.

    Args:
        values: any shape, millimetres.
        scale: their colours.

    Returns:
        sRGB and opacity in [0, 1].
    """
    opacity = _FAINTEST + (_STRONGEST - _FAINTEST) * scale.strength(values) ** _ONSET
    opacity = np.where(np.isnan(values), 0.0, opacity)[..., None]
    return np.concatenate([scale.colours(values), opacity], axis=-1)


def bar_colours(
    values: Float[np.ndarray, " steps"], scale: ColourScale, grey: float
) -> Float[np.ndarray, "steps 3"]:
    """The colours of values over a uniform grey, for a colour bar."""
    return _over(tinted(values, scale), np.full(len(values), grey))


def _over(tint: NDArray[np.float64], grey: NDArray[np.float64]) -> NDArray[np.float64]:
    opacity = tint[..., 3:]
    blended: NDArray[np.float64] = opacity * tint[..., :3] + (1.0 - opacity) * grey[..., None]
    return blended
