"""The residual backbone of HMR, SPIN, EFT and PARE-ResNet, of any depth and width."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from occlusion_toolkit.models.backbones.blocks import (
    Backbone,
    Block,
    Bottleneck,
    initialise_convolutions,
    residual_layer,
)


class ResNet(Backbone):
    """A residual network without its classifier: features at 1/32 of the crop's size (He et al., CVPR 2016).

    The defaults are ResNet-50 with the stride on the 3x3 convolution ("v1.5"), the backbone of the published
    networks; `ResNet(BasicBlock, (2, 2, 2, 2), width=32)` is a ResNet-18 of half the width.

    Args:
        block: the residual block.
        layers: number of blocks in each of the four stages.
        width: channels of the stem and of the first stage's blocks; doubled at every later stage.
        input_pooling: crops are first averaged over squares of this many pixels a side; 2 makes a network
            for 224 px crops nearly four times cheaper. The published networks use 1.
    """

    def __init__(
        self,
        block: Block = Bottleneck,
        layers: tuple[int, int, int, int] = (3, 4, 6, 3),
        width: int = 64,
        input_pooling: int = 1,
    ) -> None:
        super().__init__()
        widths = [width * 2**stage for stage in range(4)]
        outputs = [w * block.expansion for w in widths]
        self.input_pooling = nn.Identity() if input_pooling == 1 else nn.AvgPool2d(input_pooling)
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = residual_layer(block, width, widths[0], layers[0])
        later = [
            residual_layer(block, before, w, depth, stride=2)
            for (before, _), w, depth in zip(pairwise(outputs), widths[1:], layers[1:], strict=True)
        ]
        self.layer2, self.layer3, self.layer4 = later
        self.out_channels = outputs[-1]
        initialise_convolutions(self)

    def forward(self, crops: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch channels h w"]:
        """Features of normalised crops, (B, out_channels, h, w): 1/32 of the (pooled) size, rounded up."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(self.input_pooling(crops)))))
        features: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return features
