"""Everything that happens to a crop's pixels once it is cut: objects, blur and colours, in PARE's order."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional

from occlusion_toolkit.training.compression import coarsened, compressed
from occlusion_toolkit.training.recipe import AppearanceRanges, SampleSettings
from occlusion_toolkit.training.synthetic_occlusion import paste_objects
from occlusion_toolkit.training.voc import Cutout


def change_appearance(
    crops: Float[Tensor, "batch 3 height width"],
    settings: SampleSettings,
    cutouts: Sequence[Cutout],
    rngs: Sequence[np.random.Generator],
) -> Float[Tensor, "batch 3 height width"]:
    """Crops with objects pasted over them, blurred, recoloured, coarsened and compressed; RGB in 0..255.

    Args:
        crops: RGB in 0..255; may be changed in place.
        settings: how much of everything.
        cutouts: objects to paste.
        rngs: source of randomness of each crop.
    """
    for pixels, rng in zip(crops.numpy(), rngs, strict=True):
        if settings.occlusion is not None and cutouts:
            # A stream of its own: networks that never see objects see the same crops without them.
            paste_objects(pixels, cutouts, settings.occlusion, rng.spawn(1)[0])
        if rng.random() < settings.motion_blur:
            pixels[:] = motion_blur(pixels, rng)
    generators = [torch.Generator().manual_seed(int(rng.integers(2**63))) for rng in rngs]
    crops = recolour(crops, settings.appearance, generators)
    for pixels, rng in zip(crops.numpy(), rngs, strict=True):
        if settings.coarse and rng.random() < settings.coarse:
            pixels[:] = coarsened(pixels, rng)
        if settings.jpeg and rng.random() < settings.jpeg:
            pixels[:] = compressed(pixels, rng)
    return crops


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


def recolour(
    crops: Float[Tensor, "batch 3 height width"],
    ranges: AppearanceRanges,
    generators: Sequence[torch.Generator],
) -> Float[Tensor, "batch 3 height width"]:
    """Draw a new appearance for every crop; it does not depend on the batch.

    Args:
        crops: RGB in 0..255.
        ranges: strength of the changes.
        generators: source of randomness of each crop.

    Returns:
        RGB in 0..255, clipped.
    """
    drawn = torch.stack([torch.rand(8, generator=generator) for generator in generators])
    blurs, greys = (drawn[:, :2] < torch.tensor([ranges.blur_probability, ranges.grey_probability])).unbind(1)
    share, noise, signs = drawn[:, 2], drawn[:, 3], 2 * drawn[:, 4:, None, None] - 1
    blurred = blurs.nonzero()[:, 0]
    if len(blurred):
        crops = crops.index_copy(0, blurred, _blur(crops[blurred], share[blurred]))
    grey = greys.nonzero()[:, 0]
    if len(grey):
        luminance = crops[grey].mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
        crops = crops.index_copy(0, grey, luminance)
    gain = 1 + ranges.channel_gain * signs[:, 1:]
    contrast = 1 + ranges.contrast * signs[:, :1]
    # Crop by crop and colour by colour: other sums round differently within a batch or with more threads.
    mean = torch.stack([crop.mean(dim=(1, 2)).mean() for crop in crops])[:, None, None, None]
    crops = ((crops - mean) * contrast + mean) * gain
    if ranges.noise > 0:
        pixels = torch.stack([torch.randn(crops.shape[1:], generator=generator) for generator in generators])
        crops = crops + (ranges.noise * noise[:, None, None, None]) * pixels
    return crops.clamp(0, 255)


def _blur(crops: Tensor, share: Tensor) -> Tensor:
    """Mix every crop with its 3x3 binomial blur; `share` in [0, 1] says how much."""
    padded = functional.pad(crops, (1, 1, 1, 1), mode="replicate")
    # Sums of shifted views: for a few channels far faster than a depthwise convolution.
    rows = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]
    soft = (rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:]) / 16
    return crops + share[:, None, None, None] * (soft - crops)
