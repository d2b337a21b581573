"""EFT's cameras in the toolkit's form: the one convention in which published regressors differ."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from occlusion_toolkit.models.base import RegressorOutput


class ShiftThenScale(nn.Module):
    """A network whose camera means s X + t (EFT), made to answer in the toolkit's form s (X + t).

    Args:
        network: the network as published.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Float[Tensor, "batch 3 height width"]) -> RegressorOutput:
        """The network's output with its cameras converted."""
        output: RegressorOutput = self.network(crops)
        return replace(output, camera=shift_then_scale(output.camera))


def shift_then_scale(camera: Float[Tensor, "batch 3"]) -> Float[Tensor, "batch 3"]:
    """Cameras that mean s X + t (EFT), as cameras that mean s (X + t) (SPIN, PARE and this toolkit).

    Args:
        camera: (s, tx, ty) with the translation in crop units, (B, 3).

    Returns:
        (s, tx / s, ty / s), with the translation in metres, (B, 3).
    """
    return torch.cat((camera[:, :1], camera[:, 1:] / camera[:, :1]), dim=1)
