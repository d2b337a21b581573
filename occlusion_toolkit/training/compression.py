"""What cheap cameras and the network do to a picture: few pixels, and JPEG's blocks."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

SMALLEST_SHARE, LOWEST_QUALITY, HIGHEST_QUALITY = 0.3, 15, 75


def coarsened(pixels: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """The picture made smaller and large again, RGB in 0..255, (3, H, W)."""
    picture = _picture(pixels)
    share = float(rng.uniform(SMALLEST_SHARE, 0.9))
    small = picture.resize(
        (round(picture.width * share), round(picture.height * share)), Image.Resampling.BOX
    )
    return _pixels(small.resize(picture.size, Image.Resampling.BILINEAR))


def compressed(pixels: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """The picture as JPEG of a low quality leaves it, RGB in 0..255, (3, H, W)."""
    stream = io.BytesIO()
    quality = int(rng.integers(LOWEST_QUALITY, HIGHEST_QUALITY + 1))
    _picture(pixels).save(stream, "JPEG", quality=quality)
    with Image.open(stream) as stored:
        return _pixels(stored.convert("RGB"))


def _picture(pixels: npt.NDArray[np.float32]) -> Image.Image:
    return Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8).transpose(1, 2, 0))


def _pixels(picture: Image.Image) -> npt.NDArray[np.float32]:
    return np.asarray(picture, np.float32).transpose(2, 0, 1)
