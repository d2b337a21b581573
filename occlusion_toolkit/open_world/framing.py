"""Where the camera stands and what it sees: everyday heights, small tilts, people that fill the frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occlusion_toolkit.open_world.camera import Camera, look_at
from occlusion_toolkit.open_world.rig import Floats, rotmats_from_axis_angle


@dataclass(frozen=True)
class Framing:
    """How a sequence is filmed; angles in radians, lengths in metres.

    fill is the share of the frame height that the standing person takes; `aim_y` is the height the camera
    looks at. `centre` is the principal point in pixels: frames are cut out of larger pictures.
    """

    focal_px: float
    centre: tuple[float, float]
    distance: float
    aim_y: float
    fill: float


def draw_framing(
    draw: np.random.Generator, stature: float, width: int, height: int, *, close_share: float
) -> Framing:
    """Return a framing; a share of `close_share` cuts through the person, as close pictures do."""
    angle = float(np.radians(draw.uniform(18.0, 58.0)))
    focal = 0.5 * height / np.tan(angle / 2)
    fill = float(draw.uniform(0.62, 0.84))
    aim = 0.5 * stature
    if draw.random() < close_share:
        fill = float(draw.uniform(0.95, 1.5))
        aim = stature * float(draw.uniform(0.55, 0.85))
    centre = (
        0.5 * width + float(draw.normal(0.0, 0.18)) * width - 0.5,
        0.5 * height + float(draw.normal(0.05, 0.15)) * height - 0.5,
    )
    return Framing(focal, centre, float(focal * stature / (fill * height)), aim, fill)


def place_camera(
    draw: np.random.Generator, framing: Framing, width: int, height: int, *, indoor: bool
) -> tuple[Camera, float]:
    """Return a camera that sees the origin's person, and its azimuth about the vertical from +z."""
    azimuth = float(draw.uniform(-0.55, 0.55) if indoor else draw.uniform(-0.8, 0.8))
    level = float(np.clip(draw.normal(1.35, 0.42), 0.35, 2.8))
    eye = np.array([framing.distance * np.sin(azimuth), level, framing.distance * np.cos(azimuth)])
    target = np.array([0.0, framing.aim_y, 0.0])
    extrinsics = look_at(eye, target, float(draw.normal(0.0, 0.03)))
    wanted = np.array(
        [
            0.5 * width + float(draw.normal(0.0, 0.04)) * width - 0.5,
            0.5 * height + float(draw.normal(0.0, 0.02)) * height - 0.5,
        ]
    )
    ray = np.array([*((wanted - framing.centre) / framing.focal_px), 1.0])
    swing = _rotation_from_forward(ray / np.linalg.norm(ray))
    extrinsics[:3] = swing @ extrinsics[:3]
    intrinsics = np.array(
        [
            [framing.focal_px, 0.0, framing.centre[0]],
            [0.0, framing.focal_px, framing.centre[1]],
            [0.0, 0.0, 1.0],
        ]
    )
    return Camera(extrinsics, intrinsics, width, height), azimuth


def _rotation_from_forward(direction: Floats) -> Floats:
    """Return the smallest rotation (3, 3) that turns the optical axis to a unit direction."""
    axis = np.cross(np.array([0.0, 0.0, 1.0]), direction)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-9:
        return np.eye(3)
    return rotmats_from_axis_angle(axis / sine * np.arctan2(sine, direction[2]))
