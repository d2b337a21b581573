"""Occluders without shape of their own: plain colours, noise and blur."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from occlusion_toolkit.data.crops import IMAGENET_MEAN, normalise_colour
from occlusion_toolkit.sweep.occluders.base import Occluder

BLUR_SIGMA_PER_SIZE = 0.25
"""Standard deviation of the blur as a part of the window's side: what is left has no finer detail."""


class GreyOccluder(Occluder):
    """The ImageNet mean colour, written as 0 into the normalised crop, as the public PARE script does."""

    def __init__(self) -> None:
        self.spec = {"name": "grey", "rgb": [round(255 * mean) for mean in IMAGENET_MEAN]}

    def fill(self, crops: Float[Tensor, "images 3 height width"]) -> Float[Tensor, "images 3 1 1"]:
        """Zeros, (M, 3, 1, 1)."""
        return crops.new_zeros((len(crops), 3, 1, 1))


class ColourOccluder(Occluder):
    """One colour, the same everywhere.

    Args:
        name: what results call it.
        rgb: 8-bit RGB values.
    """

    def __init__(self, name: str, rgb: tuple[int, int, int]) -> None:
        self._rgb = rgb
        self.spec = {"name": name, "rgb": list(rgb)}

    def fill(self, crops: Float[Tensor, "images 3 height width"]) -> Float[Tensor, "images 3 1 1"]:
        """The normalised colour, (M, 3, 1, 1)."""
        colour = torch.tensor(self._rgb, dtype=torch.float64)[:, None, None] / 255
        return normalise_colour(colour).to(crops).expand(len(crops), 3, 1, 1)


class MeanOccluder(Occluder):
    """The mean colour of the whole crop, its padding included; another colour for every crop."""

    def __init__(self) -> None:
        self.spec = {"name": "mean"}

    def fill(self, crops: Float[Tensor, "images 3 height width"]) -> Float[Tensor, "images 3 1 1"]:
        """Mean colours, (M, 3, 1, 1)."""
        return crops.mean(dim=(2, 3), keepdim=True)


class NoiseOccluder(Occluder):
    """Independent uniform 8-bit RGB values per pixel.

    The noise is fixed to the crop, not to the window: a pixel that two windows cover has the same noise in
    both, and all crops share one noise image. So neighbouring values of a map differ by where the window
    is and not by what was drawn.

    Args:
        seed: chooses the noise image.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self.spec = {"name": "noise", "seed": seed}

    def fill(self, crops: Float[Tensor, "images 3 height width"]) -> Float[Tensor, "images 3 height width"]:
        """The normalised noise image for every crop, (M, 3, H, W)."""
        generator = torch.Generator().manual_seed(self._seed)  # on the host: the same on every device
        rgb = torch.randint(0, 256, crops.shape[1:], generator=generator, dtype=torch.float64) / 255
        return normalise_colour(rgb).to(crops).expand_as(crops)


class BlurOccluder(Occluder):
    """A Gaussian blur of the crop itself: hides detail and keeps colour and coarse shape.

    Args:
        size: side of the window, pixels; the standard deviation is a quarter of it.
    """

    def __init__(self, size: int) -> None:
        self._sigma_px = BLUR_SIGMA_PER_SIZE * size
        self.spec = {"name": "blur", "sigma_px": self._sigma_px}

    def fill(self, crops: Float[Tensor, "images 3 height width"]) -> Float[Tensor, "images 3 height width"]:
        """The blurred crops, (M, 3, H, W); the border is continued by its outermost pixels."""
        radius = math.ceil(3 * self._sigma_px)
        offsets = torch.arange(-radius, radius + 1, device=crops.device, dtype=crops.dtype)
        kernel = torch.exp(-0.5 * (offsets / self._sigma_px) ** 2)
        kernel = (kernel / kernel.sum()).expand(3, 1, -1)
        padded = F.pad(crops, (radius, radius, radius, radius), mode="replicate")
        blurred_rows = F.conv2d(padded, kernel[:, :, :, None], groups=3)
        return F.conv2d(blurred_rows, kernel[:, :, None, :], groups=3)
