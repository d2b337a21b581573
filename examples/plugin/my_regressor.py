"""A regressor of your own: put your network where `layers` is."""

import torch
from torch import Tensor, nn

from occlusion_toolkit.models import RegressorOutput
from occlusion_toolkit.models.plugins import RegressorPlugin
from occlusion_toolkit.models.rotation6d import rot6d_to_rotmat

REST_POSE = torch.tensor([[1.0, 0, 0, 1, 0, 0]] * 24)  # two columns of a rotation, row by row
REST_POSE[0] = torch.tensor([1.0, 0, 0, -1, 0, 0])  # the root turns y up into the camera's y down


class MyRegressor(nn.Module):
    """An untrained linear layer on averaged colours."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.AvgPool2d(32), nn.Flatten(), nn.Linear(147, 157))

    def forward(self, crops: Tensor) -> RegressorOutput:
        """Crops (B, 3, 224, 224), normalised, to rotations, betas and cameras x = s (X + t)."""
        pose, betas, shift = self.layers(crops).split((144, 10, 3), dim=1)
        rotmats = rot6d_to_rotmat(REST_POSE.to(crops) + 0.1 * pose.view(-1, 24, 6))
        return RegressorOutput(rotmats, betas, shift * 0.1 + shift.new_tensor([0.9, 0.0, 0.0]))


# A network with weights builds itself from them: `build=lambda: load_mine("weights.pt")`.
plugin = RegressorPlugin(
    title="A linear layer",
    description="Untrained: a place for your network.",
    licence="CC0-1.0",
    body="open-adult-6000-v1",
    build=MyRegressor,
)
