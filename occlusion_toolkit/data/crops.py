"""From a photograph and a box to the square crop a regressor sees, and to its normalised form."""

import math
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from PIL import Image
from torch import Tensor

from occlusion_toolkit.data.boxes import BOX_MARGIN, RESOLUTION, CropBox
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.errors import CropError
from occlusion_toolkit.files.images import read_image

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Mean of RGB in [0, 1] that crops are normalised with."""

IMAGENET_STD = (0.229, 0.224, 0.225)
"""Standard deviation of RGB in [0, 1] that crops are normalised with."""


def normalise_colour(rgb: Float[Tensor, "3 height width"]) -> Float[Tensor, "3 height width"]:
    """RGB in [0, 1] to the normalised space of the networks, per channel."""
    mean = torch.tensor(IMAGENET_MEAN, dtype=rgb.dtype)[:, None, None]
    std = torch.tensor(IMAGENET_STD, dtype=rgb.dtype)[:, None, None]
    return (rgb - mean) / std


Resampling = Literal["antialias", "imresize", "bilinear"]
"""How pixels become crop pixels.

`antialias`: bilinear, averaging all pixels that fall on a crop pixel (Pillow's; PARE's evaluation does so
with scikit-image, whose filter differs a little).
`imresize`: the same after the contrast of the crop was stretched, darkest value to 0 and brightest to 255.
SPIN's crops are so: `scipy.misc.imresize` stretched every array that did not hold bytes. Nothing changes
where a crop holds both 0, as of a box that reaches beyond the image, and 255.
`bilinear`: four neighbours only, as PARE's demo does; large people lose detail to aliasing.
"""

_MAX_ENLARGEMENT = 20  # a box this many times longer than the image leaves the person a few pixels

_REDUCE_ABOVE = 4096  # slices with a longer side are averaged down in whole blocks first


def crop_image(
    image: UInt8[np.ndarray, "height width 3"],
    box: CropBox,
    resolution: int = RESOLUTION,
    rotation: float = 0.0,
    resampling: Resampling = "antialias",
) -> UInt8[np.ndarray, "resolution resolution 3"]:
    """Cuts the box out of an image and scales it; what lies outside the image is black.

    The pixels are those of `box.corners()`, whole ones, as in the published code, so the picture can be off
    from `box.transform` by less than a pixel of the image.

    Args:
        image: upright RGB, (H, W, 3).
        box: what to cut out.
        resolution: side of the crop, pixels.
        rotation: turns the picture counter-clockwise about the centre of the box, degrees.
        resampling: how pixels are averaged.

    Returns:
        The crop, (resolution, resolution, 3).

    Raises:
        CropError: the box lies outside the image, holds no whole pixel, or is absurdly large for it; or the
            crop is to be turned and stretched, which SPIN does twice and the toolkit does not.
    """
    if rotation and resampling == "imresize":
        raise CropError("crops by `imresize` are upright; leave the rotation out")
    check_overlap(image, box)
    x0, y0, x1, y1 = box.corners()
    # Turning brings in pixels from beyond the slice; the corners of a square reach sqrt(2) - 1 further.
    border = math.ceil((math.hypot(x1 - x0, y1 - y0) - min(x1 - x0, y1 - y0)) / 2) if rotation else 0
    longest = max(x1 - x0, y1 - y0) + 2 * border
    block = longest // (_REDUCE_ABOVE // 2) if longest > _REDUCE_ABOVE else 1
    padded = _padded(image, x0 - border, y0 - border, x1 + border, y1 + border, block)
    picture = Image.fromarray(stretched(padded) if resampling == "imresize" else padded)
    if rotation:
        picture = picture.rotate(rotation, Image.Resampling.BILINEAR)
    margin = border / block
    region = (margin, margin, margin + (x1 - x0) / block, margin + (y1 - y0) / block)
    return np.asarray(_resized(picture, region, resolution, resampling))


def stretched(pixels: UInt8[np.ndarray, "rows columns 3"]) -> UInt8[np.ndarray, "rows columns 3"]:
    """The pixels with the darkest value of all channels at 0, the brightest at 255, halves rounded up.

    This is what SciPy's `bytescale` made of an array of floats; a picture of one value becomes black.
    """
    low, high = int(pixels.min()), int(pixels.max())
    gain = 255.0 / ((high - low) or 1)
    table = ((np.arange(256.0) - low) * gain).clip(0.0, 255.0) + 0.5
    bytescaled: np.ndarray = table.astype(np.uint8)[pixels]
    return bytescaled


def integer_crop(
    image: UInt8[np.ndarray, "height width 3"], box: CropBox
) -> UInt8[np.ndarray, "rows columns 3"]:
    """The pixels of `box.corners()` before any scaling, black outside the image.

    Raises:
        CropError: the box lies outside the image, holds no whole pixel, or is absurdly large for it.
    """
    check_overlap(image, box)
    return _padded(image, *box.corners(), 1)


def normalise(crops: UInt8[np.ndarray, "*batch height width 3"]) -> Float32[Tensor, "*batch 3 height width"]:
    """RGB bytes to what the networks take: (value / 255 - mean) / standard deviation, channels first."""
    values = torch.from_numpy(np.array(crops)).movedim(-1, -3).to(torch.float32)
    mean = torch.tensor(IMAGENET_MEAN)[:, None, None]
    std = torch.tensor(IMAGENET_STD)[:, None, None]
    return (values / 255.0 - mean) / std


def denormalise(crops: Float[Tensor, "*batch 3 height width"]) -> UInt8[np.ndarray, "*batch height width 3"]:
    """The inverse of `normalise`, rounded and clipped to bytes."""
    mean = torch.tensor(IMAGENET_MEAN, device=crops.device)[:, None, None]
    std = torch.tensor(IMAGENET_STD, device=crops.device)[:, None, None]
    values = ((crops.float() * std + mean) * 255.0).round().clamp(0, 255).to(torch.uint8)
    return values.movedim(-3, -1).contiguous().cpu().numpy()


def check_overlap(image: UInt8[np.ndarray, "height width 3"], box: CropBox) -> None:
    """Refuse boxes that show nobody.

    Raises:
        CropError: the box lies outside the image, holds no whole pixel, or is absurdly large for it.
    """
    height, width = image.shape[:2]
    x0, y0, x1, y1 = box.corners()
    described = f"the box from ({x0}, {y0}) to ({x1}, {y1})"
    if x1 <= x0 or y1 <= y0:
        raise CropError(f"{described} holds no whole pixel; make it larger")
    half = box.size / BOX_MARGIN / 2  # the person; an overlap of the margin alone shows nobody
    (x, y) = box.centre
    if x + half <= 0 or y + half <= 0 or x - half >= width or y - half >= height:
        raise CropError(
            f"{described} lies outside the image of {width} x {height} pixels; "
            "give x, y, width and height in pixels of the upright image"
        )
    if box.size > _MAX_ENLARGEMENT * max(height, width):
        raise CropError(
            f"{described} is more than {_MAX_ENLARGEMENT} times as large as the image of {width} x {height} "
            "pixels; give the box of the person"
        )


def _padded(
    image: UInt8[np.ndarray, "height width 3"], x0: int, y0: int, x1: int, y1: int, block: int
) -> UInt8[np.ndarray, "rows columns 3"]:
    """The slice from (x0, y0) to (x1, y1), black outside the image, averaged over block x block pixels."""
    rows, columns = -(-(y1 - y0) // block), -(-(x1 - x0) // block)
    padded = np.zeros((rows, columns, 3), np.uint8)
    height, width = image.shape[:2]
    left, top = max(x0, 0), max(y0, 0)
    right, bottom = min(x0 + columns * block, width), min(y0 + rows * block, height)
    row, column = (top - y0) // block, (left - x0) // block
    inside = image[top:bottom, left:right]
    if block > 1:
        inside = _block_averages(inside, (top - y0) % block, (left - x0) % block, block)
    padded[row : row + inside.shape[0], column : column + inside.shape[1]] = inside
    return padded


def _block_averages(
    inside: UInt8[np.ndarray, "height width 3"], skipped_rows: int, skipped_columns: int, block: int
) -> UInt8[np.ndarray, "rows columns 3"]:
    """Averages over block x block pixels, pixels outside the image counting as black.

    Only pixels of the image are touched, one row of blocks at a time, so memory follows neither the box nor
    the image.

    Args:
        inside: the part of the image that lies in the slice, (H, W, 3).
        skipped_rows: rows of the first block that lie above the image.
        skipped_columns: columns of the first block that lie left of the image.
        block: side of a block, pixels.
    """
    column_starts = np.arange(-skipped_columns, inside.shape[1], block).clip(0)
    averages = []
    for first in range(-skipped_rows, inside.shape[0], block):
        band = inside[max(first, 0) : first + block].sum(axis=0, dtype=np.uint32)
        sums = np.add.reduceat(band, column_starts, axis=0)
        averages.append(((sums + block * block // 2) // (block * block)).astype(np.uint8))
    return np.stack(averages)


def _resized(
    picture: Image.Image, region: tuple[float, float, float, float], resolution: int, resampling: Resampling
) -> Image.Image:
    """Scales a region (x0, y0, x1, y1) of a picture to a square."""
    size = (resolution, resolution)
    if resampling != "bilinear":
        return picture.resize(size, Image.Resampling.BILINEAR, box=region)
    x0, y0, x1, y1 = region
    step_x, step_y = (x1 - x0) / resolution, (y1 - y0) / resolution
    matrix = (step_x, 0.0, x0, 0.0, step_y, y0)
    return picture.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)


def sample_crop(
    sample: Sample, resolution: int = RESOLUTION, resampling: Resampling = "antialias"
) -> UInt8[np.ndarray, "resolution resolution 3"]:
    """Reads the image of a person and cuts the box out; black outside the image.

    Args:
        sample: the person.
        resolution: side of the crop, pixels.
        resampling: how pixels are averaged.

    Returns:
        The crop as RGB, (resolution, resolution, 3).

    Raises:
        ImageError: the image is missing or damaged.
        CropError: the box does not show anybody.
    """
    pixels = read_image(sample.image_path).pixels
    try:
        return crop_image(pixels, sample.box, resolution, resampling=resampling)
    except CropError as error:
        raise CropError(f"{str(sample.image_path)!r}, person {sample.person}: {error}") from error
