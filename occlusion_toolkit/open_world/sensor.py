"""What a camera does to a clean picture: defocus, exposure, white balance, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter


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
