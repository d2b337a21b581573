"""Augmentation of appearance: colour, brightness, blur and noise. Nothing here moves a pixel."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class AppearanceRanges:
    """How strongly crops are recoloured.

    Attributes:
        channel_gain: largest relative change of a colour channel (PARE's code: 0.4).
        contrast: largest relative change of contrast around the crop's mean.
        grey_probability: share of crops turned to grey.
        blur_probability: share of crops that are blurred.
        noise: largest standard deviation of pixel noise, in units of 0..255.
    """

    channel_gain: float = 0.3
    contrast: float = 0.25
    grey_probability: float = 0.05
    blur_probability: float = 0.3
    noise: float = 8.0


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
