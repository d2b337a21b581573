"""The crop of a person of a data set, as a regressor sees it before normalisation."""

import numpy as np
from jaxtyping import UInt8

from occlusion_toolkit.data.boxes import RESOLUTION
from occlusion_toolkit.data.crops import crop_image
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.errors import CropError
from occlusion_toolkit.files.images import read_image


def read_crop(frame: Sample, resolution: int = RESOLUTION) -> UInt8[np.ndarray, "resolution resolution 3"]:
    """Reads the image of a person and cuts the box out, antialiased; black outside the image.

    Args:
        frame: the person.
        resolution: side of the crop, pixels.

    Returns:
        The crop as RGB, (resolution, resolution, 3).

    Raises:
        ImageError: the image is missing or damaged.
        CropError: the box does not show anybody.
    """
    pixels = read_image(frame.image_path).pixels
    try:
        return crop_image(pixels, frame.box, resolution)
    except CropError as error:
        raise CropError(f"{str(frame.image_path)!r}, person {frame.person}: {error}") from error
