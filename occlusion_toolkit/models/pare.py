"""PARE: every joint is read from the features that its body part attends to (Kocabas et al., ICCV 2021)."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from occlusion_toolkit.models.backbones.blocks import (
    Backbone,
    deconv_steps,
    initialise_convolutions,
)
from occlusion_toolkit.models.base import (
    NUM_BETAS,
    NUM_JOINTS,
    MeanParameters,
    RegressorOutput,
    part_attention,
)
from occlusion_toolkit.models.rotation6d import rot6d_to_rotmat

Branch = Callable[[int, Sequence[int]], nn.Sequential]
"""Builds a branch from input channels and filters: `deconv_steps`, `upsample_steps` or `conv_steps`."""


class JointwiseLinear(nn.Module):
    """One linear map of its own for each joint, without bias.

    The weight keeps the published shape, (1, out, in, joints, 1, 1).
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, out_features, in_features, NUM_JOINTS, 1, 1))
        nn.init.normal_(self.weight, std=0.1 * in_features**-0.5)

    def forward(self, features: Float[Tensor, "batch channels 24"]) -> Float[Tensor, "batch 24 out"]:
        """Map the features of every joint, (B, C, 24), to that joint's numbers, (B, 24, out)."""
        return torch.einsum("bcj,ocj->bjo", features, self.weight[0, :, :, :, 0, 0])


class PAREHead(nn.Module):
    """Two branches over one feature map: where each part is, and what is seen there (PARE, Section 4.1).

    Args:
        in_channels: channels of the feature map.
        branch: builder of the layers of each branch.
        filters: channels of each step of a branch; the last is the width of the pose features.
        shape_features: channels that shape and camera are regressed from.
        mean: person that the regressed values are added to; None regresses absolute values, as the
            released networks do.
        pooling: read the features at the expected place of each part instead of averaging them over its
            attention (Table 3 a and f).
    """

    init_pose: Tensor
    init_shape: Tensor
    init_cam: Tensor

    def __init__(
        self,
        in_channels: int,
        *,
        branch: Branch,
        filters: Sequence[int],
        shape_features: int,
        mean: MeanParameters | None,
        pooling: bool = False,
    ) -> None:
        super().__init__()
        self.gather = sample_at_parts if pooling else attend
        width = filters[-1]
        pooled = shape_features * NUM_JOINTS
        self.keypoint_deconv_layers = branch(in_channels, filters)
        self.smpl_deconv_layers = branch(in_channels, filters)
        self.keypoint_final_layer = nn.Conv2d(width, NUM_JOINTS + 1, 1)
        self.smpl_final_layer = nn.Conv2d(width, shape_features, 1)
        self.pose_mlp = JointwiseLinear(width, 6)
        self.shape_mlp = nn.Linear(pooled, NUM_BETAS)
        self.cam_mlp = nn.Linear(pooled, 3)
        initialise_convolutions(self)
        self.corrects_mean = mean is not None
        if mean is not None:
            for name, value in mean.buffers().items():
                self.register_buffer(name, value)
            for decoder in (self.shape_mlp, self.cam_mlp):
                nn.init.xavier_uniform_(decoder.weight, gain=0.01)
                nn.init.zeros_(decoder.bias)

    def start_as_published(self) -> None:
        """Draw all weights again as PARE's public code does: PyTorch's defaults, N(0, 1) for the pose maps.

        At first attention is then nearly uniform, and rotations are nearly arbitrary.
        """
        for part in self.modules():
            if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                part.reset_parameters()
        nn.init.normal_(self.pose_mlp.weight)

    def forward(self, features: Float[Tensor, "batch channels height width"]) -> RegressorOutput:
        """Body parameters and part scores from a feature map of any size."""
        part_logits = self.keypoint_final_layer(self.keypoint_deconv_layers(features))
        attention = part_attention(part_logits)
        content = self.smpl_deconv_layers(features)
        pose = self.pose_mlp(self.gather(attention, content))
        # Flattened channel-major: feature c of joint j is number 24 c + j, as published weights expect.
        shape_features = self.gather(attention, self.smpl_final_layer(content)).flatten(1)
        betas, camera = self.shape_mlp(shape_features), self.cam_mlp(shape_features)
        if self.corrects_mean:
            pose = pose + self.init_pose.view(1, NUM_JOINTS, 6)
            betas, camera = betas + self.init_shape, camera + self.init_cam
        return RegressorOutput(rot6d_to_rotmat(pose), betas, camera, part_logits)


class PARE(nn.Module):
    """A backbone and part attention; trained with part labels first, then left to attend where it likes.

    `PARE(HRNet(), branch=conv_steps, filters=(128, 128))` is the released architecture,
    `PARE(ResNet())` the code's ResNet-50 default.

    Args:
        backbone: the backbone.
        branch: builder of the layers of each branch; `deconv_steps` and `upsample_steps` double the map
            at every step, `conv_steps` keeps its size.
        filters: channels of each step.
        shape_features: channels that shape and camera are regressed from.
        mean: person that the regressed values are added to; None regresses absolute values.
        pooling: read features at the expected place of each part instead of attending.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        branch: Branch = deconv_steps,
        filters: Sequence[int] = (256, 256, 256),
        shape_features: int = 64,
        mean: MeanParameters | None = None,
        pooling: bool = False,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = PAREHead(
            backbone.out_channels,
            branch=branch,
            filters=filters,
            shape_features=shape_features,
            mean=mean,
            pooling=pooling,
        )

    def forward(self, crops: Float[Tensor, "batch 3 height width"]) -> RegressorOutput:
        """Predict people from normalised crops.

        Args:
            crops: RGB crops normalised with the ImageNet mean and standard deviation, (B, 3, H, W).

        Returns:
            Rotations, betas, cameras and raw part scores.
        """
        self.backbone.check_size(crops)
        output: RegressorOutput = self.head(self.backbone(crops))
        return output


def attend(
    attention: Float[Tensor, "batch 24 height width"], features: Float[Tensor, "batch channels height width"]
) -> Float[Tensor, "batch channels 24"]:
    """Average features over the pixels of each part, weighted by its attention (PARE, Eq. 1).

    Args:
        attention: weights that sum to one over the pixels, (B, 24, h, w).
        features: feature map, (B, C, h, w).

    Returns:
        One feature vector per part, as columns, (B, C, 24).
    """
    return features.flatten(2) @ attention.flatten(2).transpose(1, 2)


def sample_at_parts(
    attention: Float[Tensor, "batch 24 height width"], features: Float[Tensor, "batch channels height width"]
) -> Float[Tensor, "batch channels 24"]:
    """Read features bilinearly at the expected place of each part, as HoloPose does at joints.

    Args:
        attention: weights that sum to one over the pixels, (B, 24, h, w).
        features: feature map, (B, C, h, w).

    Returns:
        One feature vector per part, as columns, (B, C, 24).
    """
    height, width = attention.shape[-2:]
    rows, columns = (
        (2 * torch.arange(size, device=attention.device, dtype=attention.dtype) + 1) / size - 1
        for size in (height, width)
    )
    places = torch.stack((attention.sum(dim=2) @ columns, attention.sum(dim=3) @ rows), dim=-1)
    sampled = functional.grid_sample(
        features, places[:, :, None].to(features.dtype), padding_mode="border", align_corners=False
    )
    return sampled[..., 0]
