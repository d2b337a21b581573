"""People cut out of photographs that do not exist."""

import numpy as np

from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.data.ground_truth import GroundTruth
from occlusion_toolkit.find.crop import Crop
from support.fakes import random_people


def random_crop(seed: int = 0, truth: GroundTruth | None = None) -> Crop:
    """Coarse noise, with a truth where one is given."""
    pixels = np.random.default_rng(seed).integers(0, 256, (56, 56, 3), dtype=np.uint8)
    pixels = pixels.repeat(4, axis=0).repeat(4, axis=1)
    return Crop(pixels, CropBox((100.0, 90.5), 180.0), "square", f"photo {seed}.jpg", f"{seed:064x}", truth)


def random_truth(seed: int = 0, **changes: object) -> GroundTruth:
    """A person whose camera nobody knows."""
    facts = {"has_camera": False, "topology": OPEN_BODY_TOPOLOGY} | changes
    return GroundTruth(random_people(1, seed), **facts)  # type: ignore[arg-type]
