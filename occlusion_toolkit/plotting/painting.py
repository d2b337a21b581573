"""Maps as pictures: cells over exactly their blocks of the crop, which the photograph only shades."""

from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt8
from numpy.typing import NDArray
from PIL import Image
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import gaussian_filter

from occlusion_toolkit.plotting.colormaps import ColourScale

Smoothing = Literal["none", "linear"]

LIGHTER, DARKER = 0.08, 0.12
"""How far the photograph under a map takes its colours to white and to black at most.

In CIELAB a colour stays within 12 of that in the bar; the whole scale is over 100 long.
"""

NO_CELL = 0.86
"""Grey of the crop where no cell is."""

PHOTOGRAPH_NOTE = "the photograph lightens and darkens colours a little, at most by " + (
    f"{100 * LIGHTER:.0f} and {100 * DARKER:.0f} %"
)

# How the detail of a photograph is found: blur as a share of the crop's side, and gain.
_SURROUNDINGS, _CONTRAST = 0.06, 4.0

_GREY_FLOOR, _GREY_CEILING = 0.14, 0.94
_LUMA = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709


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
    return _GREY_FLOOR + (_GREY_CEILING - _GREY_FLOOR) * _luma(crop, size)


def detail_of(crop: UInt8[np.ndarray, "height width 3"], size: int) -> Float[np.ndarray, "size size"]:
    """How much lighter a crop is than its surroundings, at most `LIGHTER`, or darker, at least -`DARKER`.

    Even ground is zero whatever its brightness, so a map painted over it has the colours of its bar.

    Args:
        crop: RGB.
        size: side of the answer, pixels.
    """
    luma = _luma(crop, size)
    surroundings = gaussian_filter(luma, _SURROUNDINGS * size, mode="nearest")
    relief = np.tanh(_CONTRAST * (luma - surroundings))
    return np.asarray(np.where(relief > 0, LIGHTER, DARKER) * relief)


def paint_over(
    detail: Float[np.ndarray, "size size"],
    painted: Float[np.ndarray, "resolution resolution"],
    scale: ColourScale,
) -> UInt8[np.ndarray, "size size 3"]:
    """A painted map in the colours of its scale, lightened and darkened by the detail of the crop.

    A colour moves only a little of the way to white or black, so it can be read off the colour bar whatever
    lies beneath.

    Args:
        detail: of `detail_of`; its side is a multiple of the map's, so that no cell is stretched.
        painted: of `paint_cells`; NaN, where there is no cell, is light grey.
        scale: colours of the values.

    Returns:
        RGB of the detail's size.
    """
    factor = len(detail) // len(painted)
    colours = scale.colours(painted)
    colours[np.isnan(painted)] = NO_CELL
    colours = colours.repeat(factor, axis=0).repeat(factor, axis=1)
    towards = np.where(detail > 0, 1.0, 0.0)[..., None]
    shaded = colours + np.abs(detail)[..., None] * (towards - colours)
    return np.asarray((shaded * 255).round().clip(0, 255), dtype=np.uint8)


def _luma(crop: UInt8[np.ndarray, "height width 3"], size: int) -> NDArray[np.float64]:
    resized = Image.fromarray(crop).resize((size, size), Image.Resampling.LANCZOS)
    return np.asarray(np.asarray(resized, dtype=np.float64) @ _LUMA / 255)


# Lines over what a network cannot see: how far apart and how wide, pixels of the picture, and their grey.
_HATCH_STEP, _HATCH_WIDTH, _HATCH_GREY = 14, 2, 120


def hatched(
    picture: UInt8[np.ndarray, "size size 3"], area: Bool[np.ndarray, "resolution resolution"]
) -> UInt8[np.ndarray, "size size 3"]:
    """The picture with grey diagonal lines over an area of the crop, whose side divides the picture's."""
    factor = len(picture) // len(area)
    row, column = np.indices(picture.shape[:2])
    line = (row + column) % _HATCH_STEP < _HATCH_WIDTH
    lit = (line & area.repeat(factor, axis=0).repeat(factor, axis=1))[..., None]
    return np.where(lit, np.uint8(_HATCH_GREY), picture)
