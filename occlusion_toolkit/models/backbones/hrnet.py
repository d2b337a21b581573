"""The high-resolution backbone (Sun et al., CVPR 2019) with the learned fusion that PARE uses."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from occlusion_toolkit.models.backbones.blocks import (
    Backbone,
    BasicBlock,
    Bottleneck,
    conv_bn_relu,
    conv_steps,
    initialise_convolutions,
    residual_layer,
    upsample_steps,
)

Fusion = Literal["upsample", "downsample"]
"""Size at which the four scales are joined: the highest resolution (PARE) or the lowest (HMR)."""


class HighResolutionModule(nn.Module):
    """Parallel branches at halving resolutions, and an exchange in which each hears all the others.

    Args:
        widths: channels of each branch, highest resolution first.
        blocks: number of residual blocks in each branch.
    """

    def __init__(self, widths: Sequence[int], blocks: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(residual_layer(BasicBlock, width, width, blocks) for width in widths)
        # Dictionaries: a branch has no layers towards itself, and published names are (target, source).
        self.fuse_layers = nn.ModuleList(
            nn.ModuleDict(
                {
                    str(source): _exchange(widths, source, target)
                    for source in range(len(widths))
                    if source != target
                }
            )
            for target in range(len(widths))
        )

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Refine every map (B, C_i, H / 2^i, W / 2^i) and add what the others say."""
        maps = [branch(x) for branch, x in zip(self.branches, maps, strict=True)]
        outputs = []
        for target, layers in enumerate(self.fuse_layers):
            total = maps[target]
            for source, layer in layers.items():  # type: ignore[operator]
                total = total + layer(maps[int(source)])
            outputs.append(torch.relu(total))
        return outputs


class HRNet(Backbone):
    """A backbone that keeps a map at a quarter of the crop's size throughout, beside three coarser ones.

    The defaults are HRNet-W32 with the fusion of the released PARE.

    Args:
        width: channels of the finest map; each coarser one has twice as many.
        fusion: "upsample" joins the maps at 1/4 of the crop's size, "downsample" at 1/32.
        modules: number of exchange modules in stages 2, 3 and 4.
        blocks: number of residual blocks in each branch of a module, and in the stem.
        stem_width: channels of the stem.
    """

    size_multiple = 32

    def __init__(
        self,
        width: int = 32,
        fusion: Fusion = "upsample",
        *,
        modules: tuple[int, int, int] = (1, 4, 3),
        blocks: int = 4,
        stem_width: int = 64,
    ) -> None:
        super().__init__()
        widths = [width * 2**scale for scale in range(4)]
        self.conv1 = nn.Conv2d(3, stem_width, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem_width)
        self.conv2 = nn.Conv2d(stem_width, stem_width, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(stem_width)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = residual_layer(Bottleneck, stem_width, stem_width, blocks)
        stem_out = stem_width * Bottleneck.expansion
        self.transition1 = nn.ModuleDict(
            {"0": conv_steps(stem_out, widths[:1]), "1": _new_branch(stem_out, widths[1])}
        )
        self.stage2 = _stage(widths[:2], modules[0], blocks)
        self.transition2 = nn.ModuleDict({"2": _new_branch(widths[1], widths[2])})
        self.stage3 = _stage(widths[:3], modules[1], blocks)
        self.transition3 = nn.ModuleDict({"3": _new_branch(widths[2], widths[3])})
        self.stage4 = _stage(widths, modules[2], blocks)
        self.fusion = fusion
        for scale, channels in enumerate(widths):
            if fusion == "upsample" and scale > 0:
                self.add_module(_join(fusion, scale), upsample_steps(channels, [channels] * scale))
            elif fusion == "downsample" and scale < 3:
                steps = conv_steps(channels, [channels] * (3 - scale), stride=2)
                self.add_module(_join(fusion, scale), steps)
        self.out_channels = sum(widths)
        initialise_convolutions(self)

    def start_as_published(self) -> None:
        """Draw all convolutions again from N(0, 0.001), as PARE's public code does before it reads a file."""
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.normal_(part.weight, std=0.001)

    def forward(self, crops: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch channels h w"]:
        """Features of normalised crops, (B, out_channels, H / 4, W / 4), or 1/32 if maps are downsampled."""
        x = self.relu(self.bn1(self.conv1(crops)))
        x = self.layer1(self.relu(self.bn2(self.conv2(x))))
        maps: list[Tensor] = self.stage2([self.transition1["0"](x), self.transition1["1"](x)])
        maps = self.stage3([*maps, self.transition2["2"](maps[-1])])
        maps = self.stage4([*maps, self.transition3["3"](maps[-1])])
        joins = (getattr(self, _join(self.fusion, scale), None) for scale in range(4))
        return torch.cat([x if join is None else join(x) for join, x in zip(joins, maps, strict=True)], dim=1)


def _join(fusion: Fusion, scale: int) -> str:
    """Published name of the layers that bring the map of a scale (0 = finest) to the common size."""
    return f"{fusion}_stage_{scale + 1}"


def _stage(widths: Sequence[int], modules: int, blocks: int) -> nn.Sequential:
    """Exchange modules in a row."""
    return nn.Sequential(*(HighResolutionModule(widths, blocks) for _ in range(modules)))


def _new_branch(in_channels: int, out_channels: int) -> nn.Sequential:
    """A branch at half the resolution, made from the coarsest map so far."""
    return nn.Sequential(conv_steps(in_channels, [out_channels], stride=2))


def _exchange(widths: Sequence[int], source: int, target: int) -> nn.Sequential:
    """Layers that bring one branch's map to another branch's size and channels."""
    if source > target:
        convolution = nn.Conv2d(widths[source], widths[target], 1, bias=False)
        upsample = nn.Upsample(scale_factor=2 ** (source - target), mode="nearest")
        return nn.Sequential(convolution, nn.BatchNorm2d(widths[target]), upsample)
    halvings = target - source - 1
    steps = [conv_steps(widths[source], [widths[source]], stride=2) for _ in range(halvings)]
    last = conv_bn_relu(widths[source], widths[target], stride=2)[:-1]  # the ReLU comes after the sum
    return nn.Sequential(*steps, nn.Sequential(*last))
