"""BlazePose's detector: how sure a person stands at each of 2254 places of a picture, and how large.

Unlike other detectors it does not give the person's rectangle but the middle of the hips and a second point,
which together say how large the person is and how far leaned or turned.
"""

from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from occlusion_toolkit.models.backbones.blazepose_blocks import (
    Inverted,
    Separable,
    Trunk,
    depthwise,
    doubled,
    residuals,
)

RESOLUTION: Final = 224
"""Side of the picture that the network takes, pixels."""

_NUMBERS: Final = 12  # per place: the face's box (x, y, width, height) and four points (x, y)

_LEVELS: Final = ((28, 2), (14, 2), (7, 6))
"""Cells a side, and places at each cell, of the three maps that people are read from."""


class Detections(NamedTuple):
    """What the network says of every place.

    Attributes:
        logits: that a person is there, (B, 2254).
        points: middle of the hips; a point that lies as far above it as the person is large; middle of the
            shoulders; the same for the upper body. (x, y) in pixels of the input, (B, 2254, 4, 2).
    """

    logits: Float[Tensor, "batch places"]
    points: Float[Tensor, "batch places 4 2"]


class BlazePoseDetector(nn.Module):
    """The published detector, 1.5 million parameters, not trained.

    Input: pictures of 224x224 RGB values in -1..1, (B, 3, 224, 224).
    """

    centres: Tensor

    def __init__(self) -> None:
        super().__init__()
        blocks = [
            Inverted(64, 24, stride=2),
            Inverted(144, 24),
            Inverted(144, 40, kernel=5, stride=2),
            Inverted(240, 40, kernel=5),
            Inverted(240, 80, stride=2),
            *[Inverted(480, 80)] * 2,
            Inverted(480, 112, kernel=5),
            *[Inverted(672, 112, kernel=5)] * 2,
            Inverted(672, 192, kernel=5, stride=2),
            *[Inverted(1152, 192, kernel=5)] * 3,
        ]
        self.trunk = Trunk(24, 16, blocks, 1152)
        *_, c28, c14 = self.trunk.tapped_channels
        self.lateral14 = Separable(c14, 192, inner_relu=False)
        self.lateral28 = Separable(c28, 96, inner_relu=False)
        self.from7 = nn.Conv2d(1152, 192, 1)
        self.from14 = nn.Conv2d(192, 96, 1)
        self.refine14 = nn.Sequential(*residuals(192, 2, inner_relu=False))
        self.refine28 = nn.Sequential(*residuals(96, 2, inner_relu=False))
        widths = (96 // 4, 192 // 4, 1152 // 4)  # the heads look at maps with channels spread over pixels
        self.scores = nn.ModuleList(
            _head(width, places) for width, (_, places) in zip(widths, _LEVELS, strict=True)
        )
        self.places = nn.ModuleList(
            _head(width, places * _NUMBERS) for width, (_, places) in zip(widths, _LEVELS, strict=True)
        )
        self.register_buffer("centres", _cell_centres(), persistent=False)

    def forward(self, pictures: Float[Tensor, "batch 3 224 224"]) -> Detections:
        """Logits and points of all places."""
        *_, map28, map14, map7 = self.trunk(pictures)
        fused14 = self.refine14(self.lateral14(map14) + F.relu6(self.from7(doubled(map7))))
        fused28 = self.refine28(self.lateral28(map28) + F.relu6(self.from14(doubled(fused14))))
        spread = [_channels_to_pixels(x) for x in (fused28, fused14, map7)]
        logits = [_listed(head(x), 1) for head, x in zip(self.scores, spread, strict=True)]
        numbers = [_listed(head(x), _NUMBERS) for head, x in zip(self.places, spread, strict=True)]
        points = torch.cat(numbers, dim=1)[..., 4:].reshape(pictures.shape[0], -1, 4, 2)
        return Detections(torch.cat(logits, dim=1).squeeze(-1), points + self.centres[:, None])


def _head(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(depthwise(in_channels, stride=2), nn.Conv2d(in_channels, out_channels, 1))


def _listed(x: Float[Tensor, "batch channels height width"], numbers: int) -> Tensor:
    """Answers of a map as a list of places, row by row, the places of one cell together."""
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, numbers)


def _channels_to_pixels(x: Float[Tensor, "batch channels height width"]) -> Tensor:
    """A quarter of the channels at twice the size, in TensorFlow's order (pixel first, then channel)."""
    batch, channels, height, width = x.shape
    pixels = x.reshape(batch, 4, channels // 4, height, width).transpose(1, 2)
    return F.pixel_shuffle(pixels.reshape(x.shape), 2)


def _cell_centres() -> Float[Tensor, "places 2"]:
    """Middle of every place's cell, (x, y) in pixels of the input."""
    levels = []
    for cells, places in _LEVELS:
        middles = (torch.arange(cells) + 0.5) * (RESOLUTION / cells)
        y, x = torch.meshgrid(middles, middles, indexing="ij")
        levels.append(torch.stack([x, y], dim=-1).reshape(-1, 2).repeat_interleave(places, dim=0))
    return torch.cat(levels)
