"""Crops at whole pixel coordinates, as OpenCV's affine warp cuts them: how HMR2.0 and its successors see."""

import math

import numpy as np
from jaxtyping import Float, Float32, UInt8
from scipy.ndimage import gaussian_filter

from occlusion_toolkit.data.boxes import CropBox

_TRUNCATE = 4.0  # of the blur, in standard deviations


def blur_sigma(size: float, resolution: int) -> float:
    """Standard deviation in pixels of the image of the blur before a large box is shrunk; 0 for none.

    HMR2.0's demo blurs where the picture shrinks to less than half by more than a tenth.
    """
    factor = size / (2 * resolution)
    return (factor - 1) / 2 if factor > 1.1 else 0.0


def bilinear_crop(
    image: UInt8[np.ndarray, "height width 3"],
    box: CropBox,
    resolution: int,
    *,
    sigma: float = 0.0,
) -> Float32[np.ndarray, "resolution resolution 3"]:
    """The box, from four pixels for each pixel of the crop; black outside the image.

    Pixel i of the crop lies at (i - r / 2) size / r + centre, in numbers of pixels and not of their borders:
    the part of a pixel that makes the difference is left as the published code has it.

    Args:
        image: upright RGB, (H, W, 3).
        box: what to cut out; `box.size` is the side of the crop.
        resolution: side of the crop, pixels.
        sigma: standard deviation of a Gaussian blur before, pixels of the image.

    Returns:
        RGB from 0 to 255; whole numbers without a blur.
    """
    steps = (np.arange(resolution) - resolution / 2) * (box.size / resolution)
    columns, rows = (_Taps(steps + middle) for middle in box.centre)
    margin = math.ceil(_TRUNCATE * sigma + 0.5) if sigma else 0
    (top, bottom), (left, right) = rows.span(len(image), margin), columns.span(image.shape[1], margin)
    if bottom <= top or right <= left:
        return np.zeros((resolution, resolution, 3), np.float32)
    part = image[top:bottom, left:right].astype(np.float32)
    if sigma:
        part = gaussian_filter(part, (sigma, sigma, 0.0), mode="nearest", truncate=_TRUNCATE)
    crop = columns.read(rows.read(part, top, 0), left, 1)
    return crop if sigma else np.rint(crop)


class _Taps:
    """Two neighbours and their weights for places along an axis, numbers of pixels."""

    def __init__(self, places: Float[np.ndarray, " places"]) -> None:
        self._first = np.floor(places).astype(np.int64)
        self._share = (places - self._first).astype(np.float32)

    def span(self, length: int, margin: int) -> tuple[int, int]:
        """Pixels of the image that are read, and as many more on both sides: first, and one past the last."""
        low, high = int(self._first[0]) - margin, int(self._first[-1]) + 2 + margin
        return min(max(low, 0), length), max(min(high, length), 0)

    def read(self, pixels: Float32[np.ndarray, "..."], start: int, axis: int) -> Float32[np.ndarray, "..."]:
        """The values at the places, along an axis of pixels that begin with number `start`; 0 outside."""
        along = [1] * pixels.ndim
        along[axis] = -1
        total = np.zeros((), np.float32)
        for offset, weight in ((0, 1 - self._share), (1, self._share)):
            index = self._first + offset - start
            inside = (index >= 0) & (index < pixels.shape[axis])
            values = pixels.take(index.clip(0, pixels.shape[axis] - 1), axis=axis)
            total = total + values * (weight * inside).astype(np.float32).reshape(along)
        return total
