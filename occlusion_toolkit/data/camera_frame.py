"""Bodies turned from the frame they were recorded in into that of the camera."""

import numpy as np
from jaxtyping import Bool, Float32, Float64
from scipy.spatial.transform import Rotation

_TOLERANCE = 1e-3  # files hold rotations to about 1e-6


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


def are_rotations(matrices: Float64[np.ndarray, "people 3 3"]) -> Bool[np.ndarray, " people"]:
    """Whether matrices are rotations; false for reflections and where a value is not finite."""
    identity = matrices @ matrices.transpose(0, 2, 1)
    rotations: np.ndarray = np.abs(identity - np.eye(3)).max(axis=(1, 2), initial=0.0) <= _TOLERANCE
    rotations[rotations] = np.linalg.det(matrices[rotations]) > 0
    return rotations
