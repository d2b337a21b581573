"""HMR2.0 (Goel et al., ICCV 2023) and CameraHMR (Patel and Black, 3DV 2025): a ViT, a one-query decoder."""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from occlusion_toolkit.errors import CropError
from occlusion_toolkit.models.backbones.vit import ViT
from occlusion_toolkit.models.base import NUM_BETAS, NUM_JOINTS, MeanParameters, RegressorOutput
from occlusion_toolkit.models.decoder import Decoder
from occlusion_toolkit.models.rotation6d import columns_to_rotmat

PLACEMENT = 3
"""Numbers that say where a crop lies before the camera."""


class DecoderHead(nn.Module):
    """A decoder and what is read out of its token: corrections of a mean person.

    The published mean pose is SPIN's, in SPIN's interleaved layout, and the network was trained to correct
    its raw numbers: only the sum is read as rotations, and as consecutive columns. Neither may be repaired.

    Args:
        channels: of the feature map.
        width: of the decoder's token.
        depth: layers of the decoder.
        heads: its attention heads.
        head_width: numbers per head.
        hidden: width inside its perceptrons.
        mean: the person to start from.
        placed: the query says where the crop lies before the camera and who the mean person is (CameraHMR);
            otherwise it is a zero (HMR2.0).
    """

    init_body_pose: Tensor
    init_betas: Tensor
    init_cam: Tensor

    def __init__(
        self,
        channels: int,
        *,
        width: int,
        depth: int,
        heads: int,
        head_width: int,
        hidden: int,
        mean: MeanParameters,
        placed: bool,
    ) -> None:
        super().__init__()
        pose, betas, camera = NUM_JOINTS * 6, NUM_BETAS, 3
        self.placed = placed
        query = PLACEMENT + pose + betas + camera if placed else 1
        self.transformer = Decoder(query, width, depth, heads, head_width, hidden, channels)
        self.decpose = nn.Linear(width, pose)
        self.decshape = nn.Linear(width, betas)
        self.deccam = nn.Linear(width, camera)
        if placed:
            self.deckp = nn.Linear(
                width, 44 * 2
            )  # 2D key points of CameraHMR's training; read by nothing here
        for decoder in (self.decpose, self.decshape, self.deccam):
            nn.init.xavier_uniform_(decoder.weight, gain=0.01)
        self.register_buffer(
            "init_body_pose", mean.rotmats[..., :2].transpose(-1, -2).reshape(1, pose).clone()
        )
        self.register_buffer("init_betas", mean.betas.reshape(1, betas).clone())
        self.register_buffer("init_cam", mean.camera.reshape(1, camera).clone())

    def forward(
        self,
        features: Float[Tensor, "batch channels height width"],
        placement: Float[Tensor, "batch 3"] | None = None,
    ) -> RegressorOutput:
        """Body parameters from a feature map."""
        means = torch.cat((self.init_body_pose, self.init_betas, self.init_cam), dim=1)
        if placement is None:
            query = features.new_zeros((len(features), 1))
        else:
            query = torch.cat((placement.to(features), means.expand(len(features), -1)), dim=1)
        token = self.transformer(query, features.flatten(2).transpose(1, 2))
        pose = self.init_body_pose + self.decpose(token)
        return RegressorOutput(
            columns_to_rotmat(pose.view(-1, NUM_JOINTS, 6)),
            self.init_betas + self.decshape(token),
            self.init_cam + self.deccam(token),
        )


class HMR2(nn.Module):
    """HMR2.0: of a square crop the middle columns go through a ViT, and a decoder reads the person.

    Defaults are the published sizes: ViT-H/16, six layers of eight heads; 670 million parameters.

    Args:
        backbone: the backbone; its crops may be narrower than high.
        width: of the decoder's token.
        depth: layers of the decoder.
        heads: its attention heads.
        head_width: numbers per head.
        hidden: width inside its perceptrons.
        mean: the person to start from; the rest pose, upright, by default.
    """

    placed = False
    """Whether it has to be told where its crops lie before the camera."""

    def __init__(
        self,
        backbone: ViT | None = None,
        *,
        width: int = 1024,
        depth: int = 6,
        heads: int = 8,
        head_width: int = 64,
        hidden: int = 1024,
        mean: MeanParameters | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone or ViT()
        self.smpl_head = DecoderHead(
            self.backbone.out_channels,
            width=width,
            depth=depth,
            heads=heads,
            head_width=head_width,
            hidden=hidden,
            mean=mean or MeanParameters.standing(),
            placed=self.placed,
        )

    @property
    def columns(self) -> tuple[int, int]:
        """First column of a square crop that goes into the backbone, and one past the last."""
        height, width = self.backbone.crop_px
        return (height - width) // 2, (height + width) // 2

    @property
    def map_area(self) -> tuple[int, int, int, int]:
        """Rows and columns (y0, y1, x0, x1) of the square crop under the patches, padding included."""
        rows, columns = (patches * self.backbone.patch_px for patches in self.backbone.map_shape)
        top, left = -self.backbone.padding_px, self.columns[0] - self.backbone.padding_px
        return top, top + rows, left, left + columns

    def forward(self, crops: Float[Tensor, "batch 3 side side"]) -> RegressorOutput:
        """Predict people from normalised square crops.

        Args:
            crops: RGB crops normalised with the ImageNet mean and standard deviation, (B, 3, 256, 256) with
                the published backbone.

        Returns:
            Rotations, betas and cameras (s, tx, ty) of the square crop; no part scores.

        Raises:
            CropError: the crops are of another size.
        """
        return cast(RegressorOutput, self.smpl_head(self._features(crops)))

    def _features(self, crops: Float[Tensor, "batch 3 side side"]) -> Tensor:
        side = self.backbone.crop_px[0]
        if tuple(crops.shape[-2:]) != (side, side):
            height, width = crops.shape[-2:]
            raise CropError(
                f"{type(self).__name__} takes square crops of {side} px, not {height} x {width}; "
                "the columns that it does not see are cut off here"
            )
        first, last = self.columns
        return cast(Tensor, self.backbone(crops[..., first:last]))

    @torch.no_grad()
    def cross_attention(
        self, crops: Float[Tensor, "batch 3 side side"], *placement: Float[Tensor, "batch 3"]
    ) -> Float[Tensor, "batch layers heads rows columns"]:
        """Where the decoder looks: a distribution over the patches for every layer and head.

        Args:
            crops: as for the network.
            placement: as for the network, where it takes one.
        """
        seen: list[Tensor] = []
        hooks = [
            part.register_forward_hook(lambda module, given, _answer: seen.append(module.weights(*given)))
            for part in self.smpl_head.transformer.cross_attentions
        ]
        try:
            self(crops, *placement)
        finally:
            for hook in hooks:
                hook.remove()
        weights = torch.stack(seen, dim=1)
        return weights.reshape(*weights.shape[:-1], *self.backbone.map_shape)


class CameraHMR(HMR2):
    """CameraHMR: HMR2.0 whose query knows where the crop lies before the camera, and the mean person."""

    placed = True

    def forward(  # type: ignore[override]
        self, crops: Float[Tensor, "batch 3 side side"], placement: Float[Tensor, "batch 3"]
    ) -> RegressorOutput:
        """Predict people from normalised square crops and the camera that they were cut from.

        Args:
            crops: as for `HMR2`.
            placement: (cx - W/2) / f, (cy - H/2) / f and b / f, (B, 3): centre and side of the crop in an
                image of W x H pixels that was taken with a focal length of f pixels.

        Returns:
            Rotations, betas and cameras (s, tx, ty) of the square crop; no part scores.

        Raises:
            CropError: the crops are of another size.
        """
        return cast(RegressorOutput, self.smpl_head(self._features(crops), placement))
