"""A picture and an EXIF block that tests of the image reader write to files."""

import numpy as np
from PIL import ExifTags, Image


def smooth_scene() -> np.ndarray:
    """A smooth picture without symmetry, 40 x 24, so that JPEG keeps it within a few grey levels."""
    y, x = np.mgrid[0:40, 0:24]
    return np.stack([x * 10, y * 6, 250 - 3 * x - 3 * y], axis=-1).astype(np.uint8)


def exif(orientation: object) -> Image.Exif:
    """A block that holds an orientation and nothing else."""
    block = Image.Exif()
    block[ExifTags.Base.Orientation] = orientation
    return block
