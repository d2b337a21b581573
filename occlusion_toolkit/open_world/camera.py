"""Pinhole cameras in OpenCV's frame (x right, y down, z forward) and their OpenGL matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occlusion_toolkit.open_world.rig import Floats

NEAR_M, FAR_M = 0.1, 200.0


@dataclass(frozen=True)
class Camera:
    """A calibrated camera.

    Attributes:
        extrinsics: (4, 4) world to camera, metres.
        intrinsics: (3, 3) in pixels; (0, 0) is the centre of the first pixel, as in OpenCV.
        width: of the image in pixels.
        height: of the image in pixels.
    """

    extrinsics: Floats
    intrinsics: Floats
    width: int
    height: int

    @property
    def position(self) -> Floats:
        """The camera centre in world coordinates, (3,)."""
        return np.asarray(-self.extrinsics[:3, :3].T @ self.extrinsics[:3, 3])

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Return pixel positions (N, 2) and depths (N,) in metres of world points (N, 3)."""
        seen = points @ self.extrinsics[:3, :3].T + self.extrinsics[:3, 3]
        pixels = seen @ self.intrinsics.T
        return pixels[:, :2] / pixels[:, 2:3], seen[:, 2]

    def view_projection(self) -> Floats:
        """Return the OpenGL clip matrix (4, 4) of world points; y up in clip space."""
        fx, fy = self.intrinsics[0, 0], self.intrinsics[1, 1]
        cx, cy = self.intrinsics[0, 2], self.intrinsics[1, 2]
        depth = FAR_M - NEAR_M
        projection = np.array(
            [
                [2 * fx / self.width, 0.0, (2 * cx + 1.0) / self.width - 1.0, 0.0],
                [0.0, -2 * fy / self.height, 1.0 - (2 * cy + 1.0) / self.height, 0.0],
                [0.0, 0.0, (FAR_M + NEAR_M) / depth, -2 * FAR_M * NEAR_M / depth],
                [0.0, 0.0, 1.0, 0.0],
            ]
        )
        return np.asarray(projection @ self.extrinsics)


def look_at(eye: Floats, target: Floats, roll: float) -> Floats:
    """Return world-to-camera extrinsics (4, 4) of a camera at `eye` that sees `target` in its centre."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, np.array([0.0, 1.0, 0.0]))
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    cosine, sine = np.cos(roll), np.sin(roll)
    rotation = np.stack([cosine * right + sine * down, -sine * right + cosine * down, forward])
    extrinsics = np.eye(4)
    extrinsics[:3, :3] = rotation
    extrinsics[:3, 3] = -rotation @ eye
    return extrinsics


def sun_matrix(direction: Floats, centre: Floats, radius: float) -> Floats:
    """Return the orthographic clip matrix (4, 4) of light from `direction` over a ball of `radius` metres."""
    side = np.cross(np.array([0.0, 1.0, 0.013]), direction)
    side /= np.linalg.norm(side)
    above = np.cross(direction, side)
    matrix = np.eye(4)
    matrix[0, :3], matrix[1, :3], matrix[2, :3] = side / radius, above / radius, -direction / (1.5 * radius)
    matrix[:3, 3] = -matrix[:3, :3] @ centre
    return matrix
