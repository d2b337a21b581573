"""One person in one image of a data set: where the image is, where the person is in it, and the true body."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Float64
from scipy.spatial.transform import Rotation

from occlusion_toolkit.body.arrays import Gender
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

    @property
    def focal_px(self) -> float | None:
        """Focal length of the camera, pixels; None where it is not published."""
        return None if self.intrinsics is None else float(self.intrinsics[0, 0])


TOLERANCE = 1e-3
"""How far a product R R^T of a rotation of a file may be from one; files hold rotations to about 1e-6."""


def camera_rotmats(
    poses: Float64[np.ndarray, "people 72"], cameras: Float64[np.ndarray, "people 3 3"] | None = None
) -> Float32[np.ndarray, "people 24 3 3"]:
    """Joint rotations with the root in the camera frame: root = camera · exp(pose of the root).

    Args:
        poses: axis-angle of 24 joints, (N, 72), radians.
        cameras: rotations from the frame of the root to the camera, (N, 3, 3); None where the root is in
            the camera frame already.
    """
    rotmats = Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
    if cameras is not None:
        rotmats[:, 0] = cameras @ rotmats[:, 0]
    return rotmats.astype(np.float32)


def are_rotations(
    matrices: Float64[np.ndarray, "people 3 3"], tolerance: float = TOLERANCE
) -> Bool[np.ndarray, " people"]:
    """Whether matrices are rotations; false for reflections and where a value is not finite."""
    identity = matrices @ matrices.transpose(0, 2, 1)
    rotations: np.ndarray = np.abs(identity - np.eye(3)).max(axis=(1, 2), initial=0.0) <= tolerance
    rotations[rotations] = np.linalg.det(matrices[rotations]) > 0
    return rotations
