"""One person in one image of a data set: where the image is, where the person is in it, and the true body."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64

from occlusion_toolkit.body.gender import Gender
from occlusion_toolkit.data.boxes import CropBox

GENDER_CODES: dict[str, Gender] = {"m": "male", "f": "female", "n": "neutral"}
"""Genders by the codes that data set files use."""


@dataclass(frozen=True)
class Sample:
    """One person in one image, with ground truth.

    Attributes:
        image_path: the image.
        sequence: name of the sequence; frames of one sequence are not independent of each other.
        frame: number of the image.
        person: index of the person in the sequence.
        gender: "male", "female" or "neutral".
        box: square around the person, margin included.
        rotmats: rotations, the root's in the camera frame, (24, 3, 3).
        betas: shape, (10,).
        joints_m: kinematic SMPL joints in the camera frame, (24, 3), metres; None where not published.
        keypoints_px: x, y in pixels and confidence of 18 COCO keypoints, (18, 3); None where not published.
        intrinsics: of the camera, (3, 3), pixels; None where not published.
        part_path: part labels of the image (uint8: 0 background, 1 + k for part k); None where there are
            none.
    """

    image_path: Path
    sequence: str
    frame: int
    person: int
    gender: Gender
    box: CropBox
    rotmats: Float32[np.ndarray, "24 3 3"]
    betas: Float32[np.ndarray, " 10"]
    joints_m: Float32[np.ndarray, "24 3"] | None = None
    keypoints_px: Float32[np.ndarray, "18 3"] | None = None
    intrinsics: Float64[np.ndarray, "3 3"] | None = None
    part_path: Path | None = None
