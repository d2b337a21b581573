"""Blur along a line, as of a moving camera."""

import numpy as np
from jaxtyping import Float32

_LONGEST_PX = 7  # albumentations' default for motion blur, which PARE uses


def motion_blur(
    crop: Float32[np.ndarray, "3 height width"], rng: np.random.Generator
) -> Float32[np.ndarray, "3 height width"]:
    """The mean of the crop moved along a line of 3, 5 or 7 pixels in a random direction.

    Args:
        crop: RGB, (3, H, W).
        rng: source of randomness.

    Returns:
        The blurred crop, its border pixels repeated outwards.
    """
    length = 2 * int(rng.integers(1, _LONGEST_PX // 2 + 1)) + 1
    angle = rng.uniform(0, np.pi)
    steps = np.arange(length) - length // 2
    columns, rows = (np.rint(steps * wave).astype(int) for wave in (np.cos(angle), np.sin(angle)))
    border = length // 2
    padded = np.pad(crop, ((0, 0), (border, border), (border, border)), mode="edge")
    height, width = crop.shape[1:]
    total = np.zeros_like(crop)
    for row, column in zip(rows + border, columns + border, strict=True):
        total += padded[:, row : row + height, column : column + width]
    return total / np.float32(length)
