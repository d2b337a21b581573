"""The camera of a sequence: where it stands, what it sees, and what it does to a clean picture.

Pinhole cameras in OpenCV's frame (x right, y down, z forward). Everyday heights, small tilts, people that
fill the frame; defocus, exposure, white balance and noise.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from occlusion_toolkit.open_world.rig import Floats, rotmats_from_axis_angle

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


@dataclass(frozen=True)
class Sensor:
    """Camera faults of one sequence, in display values 0..255.

    blur_px: Gaussian sigma. gain: per channel. contrast: about mid-grey. offset: added. noise: sigma.
    """

    blur_px: float
    gain: NDArray[np.float32]
    contrast: float
    offset: float
    noise: float
    jpeg_quality: int


def draw_sensor(draw: np.random.Generator, jpeg_quality: int | None) -> Sensor:
    """Return a random camera; `jpeg_quality` None draws that too."""
    return Sensor(
        blur_px=float(draw.uniform(0.35, 1.4)) if draw.random() < 0.5 else 0.0,
        gain=(1.0 + draw.normal(0.0, 0.06, 3)).astype(np.float32),
        contrast=float(draw.uniform(0.75, 1.2)),
        offset=float(draw.normal(0.0, 5.0)),
        noise=float(draw.uniform(0.0, 5.0)),
        jpeg_quality=int(draw.integers(76, 95)) if jpeg_quality is None else jpeg_quality,
    )


def expose(clean: NDArray[np.uint8], sensor: Sensor, draw: np.random.Generator) -> NDArray[np.uint8]:
    """Return the picture (H, W, 3) as the camera would have taken it."""
    if sensor.blur_px > 0:
        clean = np.asarray(Image.fromarray(clean).filter(ImageFilter.GaussianBlur(sensor.blur_px)))
    scale = sensor.contrast * sensor.gain
    picture = clean.astype(np.float32) * scale
    picture += 128.0 * (1.0 - sensor.contrast) + sensor.offset
    if sensor.noise > 0:
        picture += sensor.noise * draw.standard_normal(clean.shape, dtype=np.float32)
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)
