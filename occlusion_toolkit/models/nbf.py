"""Body regression from a part segmentation alone: the two-stage baseline of PARE's Table 3."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from occlusion_toolkit.models.backbones.blocks import Backbone, initialise_convolutions
from occlusion_toolkit.models.base import NUM_JOINTS, RegressorOutput
from occlusion_toolkit.models.hmr import HMR
from occlusion_toolkit.models.pare import Branch


class NBF(nn.Module):
    """A segmentation of the crop into parts, and a regressor that sees nothing else.

    After Neural Body Fitting (Omran et al., 3DV 2018), which paints the parts in colours and regresses from
    that picture. Here probabilities of background and parts are mixed into three learned colours, and HMR
    regresses from the picture they make. The stages do not share gradients: segmentation learns from part
    labels only, regression takes the picture as it is.

    Args:
        backbone: backbone of the segmentation.
        branch: builder of the layers that lead from its features to the parts.
        filters: channels of each of those layers.
        regression: the second stage, over pictures of the crop's size; its backbone is `encoder` here.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        branch: Branch,
        filters: Sequence[int],
        regression: HMR,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.segmentation = nn.Sequential(
            branch(backbone.out_channels, filters), nn.Conv2d(filters[-1], NUM_JOINTS + 1, 1)
        )
        initialise_convolutions(self.segmentation)
        self.palette = nn.Conv2d(NUM_JOINTS + 1, 3, 1)
        self.encoder, self.head = regression.backbone, regression.head

    def forward(self, crops: Float[Tensor, "batch 3 height width"]) -> RegressorOutput:
        """Predict people from normalised crops.

        Args:
            crops: RGB crops normalised with the ImageNet mean and standard deviation, (B, 3, H, W).

        Returns:
            Rotations, betas, cameras and raw part scores, which are a segmentation and no attention.
        """
        self.backbone.check_size(crops)
        part_logits = self.segmentation(self.backbone(crops))
        parts = part_logits.detach().softmax(dim=1)
        picture = self.palette(
            functional.interpolate(parts, size=crops.shape[-2:], mode="bilinear", align_corners=True)
        )
        found: RegressorOutput = self.head(self.encoder(picture))
        return RegressorOutput(found.rotmats, found.betas, found.camera, part_logits, attends=False)
