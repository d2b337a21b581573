"""People to try a regressor on, and what the regressor says about them."""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from occlusion_toolkit.data.colours import IMAGENET_MEAN, IMAGENET_STD
from occlusion_toolkit.models.base import Regressor, RegressorOutput


@dataclass(frozen=True)
class Probe:
    """People to try a regressor on.

    Attributes:
        crops: normalised crops, (B, 3, 224, 224), of at least two different people.
        rotmats: their true joint rotations, (B, 24, 3, 3), in the frames of `BodyParameters`.
    """

    crops: Float[Tensor, "batch 3 height width"]
    rotmats: Float[Tensor, "batch 24 3 3"]

    def feedings(self) -> dict[str, Float[Tensor, "batch 3 height width"]]:
        """The same people as networks of other habits want them, by name."""
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
        plain = self.crops * std + mean
        return {
            "values from 0 to 1, not normalised": plain,
            "values from 0 to 255": plain * 255,
            "values from -1 to 1": plain * 2 - 1,
            "channels in the order BGR": (plain.flip(1) - mean) / std,
        }

    def error_deg(self, output: RegressorOutput) -> float:
        """Mean angle between predicted and true joint rotations, degrees."""
        relative = output.rotmats.transpose(-1, -2) @ self.rotmats.to(output.rotmats)
        cosine = (relative.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2
        return float(cosine.clamp(-1, 1).acos().mean().rad2deg())


@dataclass(frozen=True)
class Trial:
    """A regressor with its answer to the probe; the answer is made once."""

    regressor: Regressor
    probe: Probe

    @cached_property
    def output(self) -> RegressorOutput:
        """What it says about the probe's crops."""
        return self.regressor(self.probe.crops.clone())
