"""Small stand-ins for networks and bodies, so that a sweep can be tested in milliseconds."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from occlusion_toolkit.body.joint_output import JointOutput
from occlusion_toolkit.body.joints import BLAZEPOSE33, LSP14, SMPL24, JointSet
from occlusion_toolkit.body.kinematics import pose_skeleton
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.models.base import RegressorOutput
from occlusion_toolkit.models.rotation6d import rot6d_to_rotmat
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.measure import JointBody
from occlusion_toolkit.sweep.occluders import parse_occluder
from occlusion_toolkit.sweep.protocol import ProtocolCard
from occlusion_toolkit.sweep.sweep import WindowSweep

SMALL_GRID = Grid(size=16, stride=8, resolution=64)

LSP14_FROM_SMPL24 = [8, 5, 2, 1, 4, 7, 21, 19, 17, 16, 18, 20, 12, 15]
HIPS = [1, 2]

LEFT_ELBOW = SMPL24.index("left_elbow")
BEYOND_LEFT_ELBOW = {"left_wrist", "left_hand"}


class StickBody:
    """Random bones on the real joint tree; LSP14 is centred between the hips, SMPL24 on joint 0."""

    def __init__(self, seed: int = 0, scale: float = 1.0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.rest_joints = scale * 0.5 * torch.randn((24, 3), generator=generator)

    def centred_joints(self, parameters: BodyParameters, joint_set: JointSet) -> Tensor:
        rest = self.rest_joints * (1 + 0.1 * parameters.betas[:, :1, None])
        joints = pose_skeleton(parameters.rotmats, rest).positions
        if joint_set == LSP14:
            return joints[:, LSP14_FROM_SMPL24] - joints[:, HIPS].mean(dim=1, keepdim=True)
        return joints - joints[:, :1]


class TinyNetwork(nn.Module):
    """A convolution with batch norm, pooled to a coarse grid and read by a linear layer."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.convolution = nn.Conv2d(3, 6, 5, stride=4, padding=2, bias=False)
            self.batch_norm = nn.BatchNorm2d(6)
            self.batch_norm.running_mean.normal_(0, 0.1)
            self.batch_norm.running_var.uniform_(0.5, 2.0)
            self.decoder = nn.Linear(6 * 16, 24 * 6 + 10 + 3)
            self.decoder.bias.data[:144] += torch.eye(3)[:, :2].flatten().repeat(24)

    def forward(self, crops: Tensor) -> RegressorOutput:
        features = torch.relu(self.batch_norm(self.convolution(crops)))
        pooled = nn.functional.adaptive_avg_pool2d(features, 4).flatten(1)
        numbers = self.decoder(pooled)
        return RegressorOutput(
            rot6d_to_rotmat(numbers[:, :144].reshape(-1, 24, 6)), numbers[:, 144:154], numbers[:, 154:]
        )


class PixelReader:
    """Bends the left elbow by the red value of one pixel, and is the surer the redder that is."""

    def __init__(self, row: int, col: int) -> None:
        self.row, self.col = row, col

    def __call__(self, crops: Tensor) -> RegressorOutput:
        red = crops[:, 0, self.row, self.col]
        return replace(bent_elbow(red), confidence=red.sigmoid()[:, None].expand(-1, 24))


class ForgetfulNetwork:
    """A network on a device with room for `limit` crops; counts what it was asked."""

    def __init__(self, network: nn.Module, limit: int, error: Exception) -> None:
        self.network, self.limit, self.error = network.eval(), limit, error
        self.batch_sizes: list[int] = []

    def __call__(self, crops: Tensor) -> RegressorOutput:
        if len(crops) > self.limit:
            raise self.error
        self.batch_sizes.append(len(crops))
        return self.network(crops)


def bent_elbow(angles: Tensor) -> RegressorOutput:
    """Rest poses with the left elbow turned about z, one per angle in radians."""
    rotmats = torch.eye(3).repeat(len(angles), 24, 1, 1)
    cos, sin = angles.cos(), angles.sin()
    rotmats[:, LEFT_ELBOW, 0, 0], rotmats[:, LEFT_ELBOW, 1, 1] = cos, cos
    rotmats[:, LEFT_ELBOW, 0, 1], rotmats[:, LEFT_ELBOW, 1, 0] = -sin, sin
    camera = torch.tensor([0.9, 0.0, 0.0]).repeat(len(angles), 1)
    return RegressorOutput(rotmats, torch.zeros(len(angles), 10), camera)


def random_people(count: int, seed: int = 0) -> BodyParameters:
    """Random poses and shapes."""
    generator = torch.Generator().manual_seed(seed)
    rot6d = torch.eye(3)[:, :2].flatten() + 0.3 * torch.randn((count, 24, 6), generator=generator)
    betas = torch.randn((count, 10), generator=generator)
    return BodyParameters(rot6d_to_rotmat(rot6d), betas, torch.tensor([[0.9, 0.0, 0.0]]).repeat(count, 1))


def random_crops(count: int, resolution: int = 224, seed: int = 0) -> Tensor:
    """Normalised noise that is never exactly grey."""
    generator = torch.Generator().manual_seed(seed)
    return 0.1 + torch.rand((count, 3, resolution, resolution), generator=generator) * math.e


def sweep_of(
    network: Callable[[Tensor], RegressorOutput] | None = None,
    *,
    grid: Grid = SMALL_GRID,
    occluder: str = "grey",
    body: JointBody | None = None,
    **options: Any,
) -> WindowSweep:
    """A sweep of a tiny network over a body of sticks, or of what is given in their place."""
    return WindowSweep(
        network or TinyNetwork(), body or StickBody(), grid, parse_occluder(occluder, grid.size), **options
    )


def fake_card(**changes: Any) -> ProtocolCard:
    """The protocol card of a sweep of `pare-open` without ground truth, or with other fields."""
    fields: dict[str, Any] = {
        "analysis": "heatmap",
        "metrics": ("mpjpe", "pa_mpjpe"),
        "model_card": "pare-open",
        "weights_sha256": "0" * 64,
        "body": OPEN_BODY_TOPOLOGY,
        "joint_set": "lsp14",
        "crop_rule": "square, 1.2 margin",
        "grid": Grid(),
        "occluder": {"name": "grey", "rgb": [124, 116, 104]},
    }
    return ProtocolCard(**fields | changes)


class PointNetwork(nn.Module):
    """BlazePose's 33 points, a confidence and places, from what a convolution sees; no body."""

    def __init__(self, seed: int = 0, upright: bool = True) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.convolution = nn.Conv2d(3, 6, 5, stride=4, padding=2)
            self.decoder = nn.Linear(6 * 16, 33 * 6)
        names = BLAZEPOSE33.joint_names
        heights = [
            0.8 if "ankle" in n or "foot" in n or "heel" in n else 0.0 if "hip" in n else -0.6 for n in names
        ]
        self.register_buffer("standing", torch.tensor([[0.0, h if upright else -h, 0.0] for h in heights]))

    def forward(self, crops: Tensor) -> JointOutput:
        pooled = nn.functional.adaptive_avg_pool2d(torch.relu(self.convolution(crops)), 4).flatten(1)
        numbers = self.decoder(pooled).reshape(-1, 33, 6)
        return JointOutput(
            self.standing + 0.1 * numbers[..., :3],
            BLAZEPOSE33,
            numbers[..., 3].sigmoid(),
            112 + 80 * numbers[..., 4:].tanh(),
        )
