"""What BlazePose's two networks, landmarks and detector, are built from.

All convolutions have a bias and no batch normalisation: the published files have it folded in. Convolutions
that TensorFlow pads as `SAME` add one more pixel at the end than at the start where they halve an even map,
so that padding is written out; all others are padded alike on both sides.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class Inverted(NamedTuple):
    """Sizes of one inverted residual block.

    Attributes:
        hidden: channels between its two 1x1 convolutions.
        out: channels that leave it.
        kernel: side of the depthwise convolution.
        stride: 2 halves the map.
    """

    hidden: int
    out: int
    kernel: int = 3
    stride: int = 1


class InvertedResidual(nn.Module):
    """1x1 to more channels, depthwise, 1x1 to fewer; added to the input where size and channels stay.

    Args:
        in_channels: channels that enter.
        sizes: all others.
    """

    def __init__(self, in_channels: int, sizes: Inverted) -> None:
        super().__init__()
        self.expand = nn.Conv2d(in_channels, sizes.hidden, 1)
        self.depthwise = depthwise(sizes.hidden, sizes.kernel, sizes.stride)
        self.project = nn.Conv2d(sizes.hidden, sizes.out, 1)
        self.adds_input = sizes.stride == 1 and sizes.out == in_channels

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch out h w"]:
        """The next map."""
        y: Tensor = self.project(F.relu6(self.depthwise(F.relu6(self.expand(x), inplace=True)), inplace=True))
        return x + y if self.adds_input else y


class Trunk(nn.Module):
    """Inverted residual blocks in a row (as in MobileNetV2, Sandler et al., CVPR 2018), halving the map.

    Args:
        stem: channels of the first convolution.
        first: channels after the stem.
        blocks: sizes of the blocks.
        wide: channels of the last map.
    """

    def __init__(self, stem: int, first: int, blocks: Sequence[Inverted], wide: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, stem, 3, stride=2, padding=1)
        self.stem_depthwise = depthwise(stem)
        self.stem_project = nn.Conv2d(stem, first, 1)
        channels = [first, *(sizes.out for sizes in blocks)]
        # A block that halves the map is looked at before it: its input goes to the decoder.
        self.tapped = tuple(index for index, sizes in enumerate(blocks) if sizes.stride == 2)
        self.tapped_channels = tuple(channels[index] for index in self.tapped)
        self.blocks = nn.ModuleList(
            InvertedResidual(width, sizes) for width, sizes in zip(channels[:-1], blocks, strict=True)
        )
        self.widen = nn.Conv2d(channels[-1], wide, 1)
        self.widen_depthwise = depthwise(wide)

    def forward(self, pictures: Float[Tensor, "batch 3 height width"]) -> list[Tensor]:
        """The maps before each halving, finest first, and the last one, (B, wide, h, w)."""
        x = F.relu6(self.stem_depthwise(F.relu6(self.stem(pictures), inplace=True)), inplace=True)
        x = self.stem_project(x)
        maps = []
        for index, block in enumerate(self.blocks):
            if index in self.tapped:
                maps.append(x)
            x = block(x)
        return [*maps, F.relu6(self.widen_depthwise(F.relu6(self.widen(x), inplace=True)), inplace=True)]

    def freeze_fine(self) -> None:
        """Leave the stem and the layers up to the second halving of the blocks untrained."""
        for layer in (self.stem, self.stem_depthwise, self.stem_project, *self.blocks[: self.tapped[1] + 1]):
            layer.requires_grad_(False)


class Separable(nn.Module):
    """A depthwise 3x3 convolution and a 1x1 one with ReLU6.

    Args:
        in_channels: channels that enter.
        out_channels: channels that leave.
        inner_relu: whether a ReLU6 stands between the two.
    """

    def __init__(self, in_channels: int, out_channels: int, *, inner_relu: bool = True) -> None:
        super().__init__()
        self.depthwise = depthwise(in_channels)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1)
        self.inner_relu = inner_relu

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch out h w"]:
        """The map with other channels."""
        y = self.depthwise(x)
        return F.relu6(self.pointwise(F.relu6(y, inplace=True) if self.inner_relu else y), inplace=True)


class SeparableResidual(nn.Module):
    """Depthwise 3x3 and 1x1, added to the input before a ReLU6.

    Args:
        in_channels: channels that enter.
        out_channels: channels that leave, not fewer; the input is filled up with zeros.
        halve: whether the map leaves at half its size; the input is then max-pooled.
        inner_relu: whether a ReLU6 stands between the two convolutions.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, halve: bool = False, inner_relu: bool = True
    ) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(
            in_channels, in_channels, 3, 2 if halve else 1, 0 if halve else 1, groups=in_channels
        )
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1)
        self.halve, self.inner_relu, self.added = halve, inner_relu, out_channels - in_channels

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch out h w"]:
        """The refined map."""
        y = self.depthwise(F.pad(x, (0, 1, 0, 1)) if self.halve else x)  # SAME: the extra pixel at the end
        y = self.pointwise(F.relu6(y, inplace=True) if self.inner_relu else y)
        if self.halve:
            x = F.max_pool2d(x, 2)
        if self.added:
            x = F.pad(x, (0, 0, 0, 0, 0, self.added))
        return F.relu6(x + y, inplace=True)


def depthwise(channels: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    """A convolution of every channel for itself, padded alike on both sides."""
    return nn.Conv2d(channels, channels, kernel, stride, padding=kernel // 2, groups=channels)


def residuals(channels: int, count: int, *, inner_relu: bool = True) -> list[nn.Module]:
    """So many `SeparableResidual` that keep size and channels."""
    return [SeparableResidual(channels, channels, inner_relu=inner_relu) for _ in range(count)]


def doubled(x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels h w"]:
    """The map at twice its size, bilinear with half-pixel centres."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
