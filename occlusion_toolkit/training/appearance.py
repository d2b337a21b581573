"""Augmentation of appearance: colour, brightness, blur and noise. Nothing here moves a pixel."""

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
    crops: Float[Tensor, "batch 3 height width"], ranges: AppearanceRanges, generator: torch.Generator
) -> Float[Tensor, "batch 3 height width"]:
    """Draw a new appearance for every crop.

    Args:
        crops: RGB in 0..255.
        ranges: strength of the changes.
        generator: source of randomness.

    Returns:
        RGB in 0..255, clipped.
    """
    batch = len(crops)

    def symmetric(*shape: int) -> Tensor:
        return 2 * torch.rand(*shape, generator=generator) - 1

    def chosen(probability: float) -> Tensor:
        return (torch.rand(batch, generator=generator) < probability).nonzero()[:, 0]

    blurred = chosen(ranges.blur_probability)
    if len(blurred):
        crops = crops.index_copy(0, blurred, _blur(crops[blurred], symmetric(len(blurred))))
    grey = chosen(ranges.grey_probability)
    if len(grey):
        luminance = crops[grey].mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
        crops = crops.index_copy(0, grey, luminance)
    gain = 1 + ranges.channel_gain * symmetric(batch, 3, 1, 1)
    contrast = 1 + ranges.contrast * symmetric(batch, 1, 1, 1)
    mean = crops.mean(dim=(1, 2, 3), keepdim=True)
    crops = ((crops - mean) * contrast + mean) * gain
    if ranges.noise > 0:
        strength = ranges.noise * torch.rand(batch, 1, 1, 1, generator=generator)
        crops = crops + strength * torch.randn(crops.shape, generator=generator)
    return crops.clamp(0, 255)


def _blur(crops: Tensor, strength: Tensor) -> Tensor:
    """Mix every crop with its 3x3 binomial blur; `strength` in [-1, 1] sets the share."""
    padded = functional.pad(crops, (1, 1, 1, 1), mode="replicate")
    # Sums of shifted views: for a few channels far faster than a depthwise convolution.
    rows = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]
    soft = (rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:]) / 16
    share = (0.5 + 0.5 * strength)[:, None, None, None]
    return crops + share * (soft - crops)
