"""The building blocks that ResNet, HRNet and the PARE head share."""

from collections.abc import Sequence
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from occlusion_toolkit.errors import CropError


class Backbone(nn.Module):
    """A network from normalised crops to one feature map.

    Attributes:
        out_channels: channels of the feature map.
        size_multiple: crop height and width must be multiples of this.
    """

    out_channels: int
    size_multiple: int = 1

    def check_size(self, crops: Tensor) -> None:
        """Refuse crops that the network would cut into maps of sizes that do not fit each other.

        Args:
            crops: images, (B, 3, H, W).

        Raises:
            CropError: H or W is not a multiple of `size_multiple`.
        """
        height, width = crops.shape[-2:]
        if height % self.size_multiple or width % self.size_multiple:
            raise CropError(
                f"{type(self).__name__} cannot take crops of {height}x{width} px: height and width must be "
                f"multiples of {self.size_multiple}; crop at 224x224."
            )


def conv_bn_relu(in_channels: int, out_channels: int, *, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    """A convolution that keeps the size (at stride 1), batch normalisation and a ReLU."""
    convolution = nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)]


def conv_steps(in_channels: int, filters: Sequence[int], *, stride: int = 1) -> nn.Sequential:
    """Convolutions 3x3, each with batch normalisation and ReLU; every step divides the size by `stride`."""
    steps: list[nn.Module] = []
    for width in filters:
        steps += conv_bn_relu(in_channels, width, stride=stride)
        in_channels = width
    return nn.Sequential(*steps)


def upsample_steps(in_channels: int, filters: Sequence[int]) -> nn.Sequential:
    """Bilinear doublings with aligned corners, each followed by a 3x3 convolution, normalisation and ReLU."""
    steps: list[nn.Module] = []
    for width in filters:
        steps.append(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True))
        steps += conv_bn_relu(in_channels, width)
        in_channels = width
    return nn.Sequential(*steps)


def deconv_steps(in_channels: int, filters: Sequence[int]) -> nn.Sequential:
    """Transposed 4x4 convolutions that double the size, each with batch normalisation and ReLU."""
    steps: list[nn.Module] = []
    for width in filters:
        deconvolution = nn.ConvTranspose2d(in_channels, width, 4, stride=2, padding=1, bias=False)
        steps += [deconvolution, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        in_channels = width
    return nn.Sequential(*steps)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al., CVPR 2016, Figure 5 left)."""

    expansion: ClassVar[int] = 1

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _projection(in_channels, width * self.expansion, stride)

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch out h w"]:
        """Add the two convolutions' answer to the input."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        shortcut = x if self.downsample is None else self.downsample(x)
        output: Tensor = self.relu(y + shortcut)
        return output


class Bottleneck(nn.Module):
    """Convolutions 1x1, 3x3 (which carries the stride) and 1x1 to four times the width, and a shortcut."""

    expansion: ClassVar[int] = 4

    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        out_channels = width * self.expansion
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _projection(in_channels, out_channels, stride)

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch out h w"]:
        """Add the three convolutions' answer to the input."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        shortcut = x if self.downsample is None else self.downsample(x)
        output: Tensor = self.relu(y + shortcut)
        return output


Block = type[BasicBlock] | type[Bottleneck]
"""The kind of residual block a backbone is made of."""


def residual_layer(block: Block, in_channels: int, width: int, depth: int, stride: int = 1) -> nn.Sequential:
    """`depth` residual blocks, the first of which changes size and channels."""
    first = block(in_channels, width, stride)
    rest = [block(width * block.expansion, width) for _ in range(depth - 1)]
    return nn.Sequential(first, *rest)


def initialise_convolutions(module: nn.Module) -> None:
    """Draw convolutions from N(0, 2 / (kernel area x output channels)) (He et al., ICCV 2015, Eq. 14)."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            out_share = part.out_channels * part.kernel_size[0] * part.kernel_size[1]
            nn.init.normal_(part.weight, std=(2.0 / out_share) ** 0.5)


def _projection(in_channels: int, out_channels: int, stride: int) -> nn.Sequential | None:
    """A 1x1 convolution for shortcuts that change size or channels, None for those that do not."""
    if stride == 1 and in_channels == out_channels:
        return None
    convolution = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out_channels))
