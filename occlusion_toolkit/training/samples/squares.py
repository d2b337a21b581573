"""Squares of photographs at exact, fractional places, for crops that are sampled out of them."""

import math

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.errors import CropError

_LARGEST_SLICE_PX = 16_384


def cut_square(
    image: UInt8[np.ndarray, "height width 3"], box: CropBox, margin: float, side: int
) -> UInt8[np.ndarray, "side side 3"]:
    """The square around a box at another resolution, averaged over the pixels that fall together.

    Unlike `crop_image`, which cuts at whole pixels as the published code does, the square lies where the
    numbers say: part labels and keypoints fit to a fraction of a pixel.

    Args:
        image: upright RGB, (H, W, 3).
        box: the person's box.
        margin: side of the square in box sides.
        side: of the result, pixels.

    Returns:
        RGB, black outside the image, (side, side, 3).

    Raises:
        CropError: the square is absurdly large.
    """
    (x, y), half = box.centre, box.size * margin / 2
    left, top = math.floor(x - half), math.floor(y - half)
    right, bottom = math.ceil(x + half), math.ceil(y + half)
    if max(right - left, bottom - top) > _LARGEST_SLICE_PX:
        raise CropError(f"the square around the box {box} is larger than {_LARGEST_SLICE_PX} px")
    outer = Image.fromarray(image).crop((left, top, right, bottom))
    region = (x - half - left, y - half - top, x + half - left, y + half - top)
    return np.asarray(outer.resize((side, side), Image.Resampling.BILINEAR, box=region))
