"""BlazePose's landmark network (Bazarevsky et al., CVPR workshops 2020): a person's points from one crop.

The published networks "full" and "heavy" differ in sizes only; weights are converted by
`tools/convert_blazepose`. Read `find` for how a crop is made.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar

from jaxtyping import Float
from torch import Tensor, nn

from occlusion_toolkit.errors import CropError
from occlusion_toolkit.models.backbones.blazepose_blocks import (
    Inverted,
    Separable,
    SeparableResidual,
    Trunk,
    doubled,
    residuals,
)

POINTS: Final = 39
"""Points of a person: 33 landmarks of the body and six that only help to track."""

RESOLUTION: Final = 256
"""Side of the crop that the published networks take, pixels."""


class BlazePoseFeatures(NamedTuple):
    """Maps of one crop at all scales; sizes for crops of 256 px, channels of "full".

    Attributes:
        fused64: all coarser scales and the trunk's own map added up, (B, 48, 64, 64).
        fused32: likewise, (B, 48, 32, 32).
        fused16: likewise, (B, 48, 16, 16).
        wide8: the end of the trunk, (B, 864, 8, 8).
        narrow8: what the points are computed from, (B, 288, 8, 8).
        pose2: what the points are read from, (B, 288, 2, 2).
    """

    fused64: Float[Tensor, "batch fused h64 w64"]
    fused32: Float[Tensor, "batch fused h32 w32"]
    fused16: Float[Tensor, "batch fused h16 w16"]
    wide8: Float[Tensor, "batch wide h8 w8"]
    narrow8: Float[Tensor, "batch narrow h8 w8"]
    pose2: Float[Tensor, "batch narrow h2 w2"]


class BlazePoseOutput(NamedTuple):
    """What the published network says of one crop.

    Attributes:
        landmarks: x, y, z in pixels of the crop (z from the hips, towards the camera negative), and the
            logits that the point is in the picture unhidden, and in the picture at all, (B, 39, 5).
        presence: probability that the crop shows a person, (B,).
        mask: logits of the person's silhouette, (B, 256, 256).
        heatmaps: logits of where the points are, (B, 39, 64, 64).
        world: points from the middle of the hips, metres, in the axes of the crop (x right, y down,
            z away from the camera), (B, 39, 3).
    """

    landmarks: Float[Tensor, "batch points 5"]
    presence: Float[Tensor, " batch"]
    mask: Float[Tensor, "batch height width"]
    heatmaps: Float[Tensor, "batch points h64 w64"]
    world: Float[Tensor, "batch points 3"]


class BlazePose(nn.Module):
    """A trunk, a decoder that adds its scales up, and three heads: points, heatmaps, silhouette.

    Input: crops of 256x256 RGB values in 0..1, without any other normalisation, (B, 3, 256, 256);
    `features` takes any multiple of 128. Use `blazepose_full` and `blazepose_heavy` for published sizes.

    Args:
        stem: channels of the first convolution.
        first: channels after the stem.
        blocks: the trunk; five of its blocks must halve the map.
        wide: channels at the end of the trunk.
        fused: channels of the decoder.
        narrow: channels of the maps that the points are computed from.
        descent: channels and number of further residual blocks at each of the three halvings that lead from
            the decoder's finest map back to 1/32; empty where the points are computed from the trunk alone.
        depths: number of residual blocks after the halvings to 1/64 and 1/128 of the crop's size.
        silhouette: channels of the silhouette's head.
    """

    def __init__(
        self,
        blocks: Sequence[Inverted],
        *,
        stem: int = 24,
        first: int = 16,
        wide: int = 864,
        fused: int = 48,
        narrow: int = 288,
        descent: Sequence[tuple[int, int]] = (),
        depths: tuple[int, int] = (4, 5),
        silhouette: int = 8,
    ) -> None:
        super().__init__()
        self.trunk = Trunk(stem, first, blocks, wide)
        c128, *finer = self.trunk.tapped_channels
        self.lateral128 = Separable(c128, silhouette)
        self.lateral64, self.lateral32, self.lateral16, self.lateral8 = (
            Separable(channels, fused) for channels in (*finer, wide)
        )
        self.narrow = Separable(wide, narrow)
        widths = [fused, *(channels for channels, _ in descent)]
        self.descent = nn.ModuleList(
            _stage(before, channels, count)
            for before, (channels, count) in zip(widths[:-1], descent, strict=True)
        )
        # Below 1/32 the trunk's last map joins as `narrow`.
        self.joins = nn.ModuleList(
            Separable(channels, width) for channels, (width, _) in zip(finer[1:], descent[:-1], strict=False)
        )
        self.pose = nn.Sequential(_stage(narrow, narrow, depths[0]), _stage(narrow, narrow, depths[1]))
        self.landmarks = nn.Conv2d(narrow, POINTS * 5, 2)
        self.world = nn.Conv2d(narrow, POINTS * 3, 2)
        self.presence = nn.Conv2d(narrow, 1, 2)
        self.heatmaps = nn.Conv2d(fused, POINTS, 1)
        self.silhouette = Silhouette(fused, silhouette)

    def features(self, crops: Float[Tensor, "batch 3 height width"]) -> BlazePoseFeatures:
        """Maps at all scales, without the silhouette's, the heatmaps' and the points' heads.

        Args:
            crops: RGB in 0..1, (B, 3, H, W), H and W multiples of 128.
        """
        return self._features(self.trunk(crops))

    def pose2(self, crops: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch narrow h2 w2"]:
        """`features(crops).pose2`, without the decoder where nothing of it leads there ("full")."""
        maps = self.trunk(crops)
        return self._features(maps).pose2 if len(self.descent) else self.pose(self.narrow(maps[-1]))

    def forward(self, crops: Float[Tensor, "batch 3 256 256"]) -> BlazePoseOutput:
        """Points, presence, silhouette and heatmaps of crops, RGB in 0..1, (B, 3, 256, 256)."""
        maps = self.trunk(crops)
        features = self._features(maps)
        fused, pose = features.fused64, features.pose2
        return BlazePoseOutput(
            landmarks=self.landmarks(pose).flatten(1).unflatten(1, (POINTS, 5)),
            presence=self.presence(pose).flatten().sigmoid(),
            mask=self.silhouette(fused, self.lateral128(maps[0])),
            heatmaps=self.heatmaps(fused),
            world=self.world(pose).flatten(1).unflatten(1, (POINTS, 3)),
        )

    def _features(self, maps: list[Tensor]) -> BlazePoseFeatures:
        _, map64, map32, map16, wide8 = maps
        fused16 = doubled(self.lateral8(wide8)) + self.lateral16(map16)
        fused32 = doubled(fused16) + self.lateral32(map32)
        fused64 = doubled(fused32) + self.lateral64(map64)
        narrow8 = self.narrow(wide8)
        if len(self.descent):
            to32, to16, to8 = self.descent
            join32, join16 = self.joins
            descended = to32(fused64) + join32(map32)
            descended = to16(descended) + join16(map16)
            narrow8 = to8(descended) + narrow8
        return BlazePoseFeatures(fused64, fused32, fused16, wide8, narrow8, self.pose(narrow8))

    @staticmethod
    def check_size(crops: Tensor) -> None:
        """Refuse crops whose maps at different scales would not fit each other.

        Raises:
            CropError: height or width is not a multiple of 128.
        """
        height, width = crops.shape[-2:]
        if height % 128 or width % 128:
            raise CropError(
                f"BlazePose cannot take crops of {height}x{width} px: height and width must be multiples of "
                f"128; crop at {RESOLUTION}x{RESOLUTION}."
            )


Network = TypeVar("Network", bound=BlazePose)


class Silhouette(nn.Module):
    """The head that draws the person's silhouette at the crop's size.

    Args:
        fused: channels of the decoder's map.
        width: channels of its own maps.
    """

    def __init__(self, fused: int, width: int) -> None:
        super().__init__()
        self.reduce = Separable(fused, width)
        self.at128 = nn.Sequential(*residuals(width, 2))
        self.at256 = nn.Sequential(*residuals(width, 2))
        self.out = nn.Conv2d(width, 1, 3, padding=1)

    def forward(
        self, fused: Float[Tensor, "batch fused h64 w64"], lateral: Float[Tensor, "batch lateral h128 w128"]
    ) -> Float[Tensor, "batch height width"]:
        """Logits at the crop's size."""
        x = self.at128(doubled(self.reduce(fused)) + lateral)
        logits: Tensor = self.out(self.at256(doubled(x)))
        return logits.squeeze(1)


def blazepose_full(kind: type[Network] = BlazePose) -> Network:  # type: ignore[assignment]
    """The published network "full", 3.2 million parameters, not trained."""
    return kind(
        [
            Inverted(64, 24, stride=2),
            Inverted(144, 24),
            Inverted(144, 32, kernel=5, stride=2),
            Inverted(192, 32, kernel=5),
            Inverted(192, 64, stride=2),
            *[Inverted(384, 64)] * 2,
            Inverted(384, 88, kernel=5),
            *[Inverted(528, 88, kernel=5)] * 2,
            Inverted(528, 144, kernel=5, stride=2),
            *[Inverted(864, 144, kernel=5)] * 3,
        ]
    )


def blazepose_heavy(kind: type[Network] = BlazePose) -> Network:  # type: ignore[assignment]
    """The published network "heavy", 13.8 million parameters, not trained."""
    return kind(
        [
            Inverted(96, 32, stride=2),
            Inverted(128, 32),
            *[Inverted(192, 32)] * 2,
            Inverted(192, 56, kernel=5, stride=2),
            *[Inverted(336, 56, kernel=5)] * 3,
            Inverted(336, 112, stride=2),
            *[Inverted(672, 112)] * 5,
            Inverted(672, 160, kernel=5),
            *[Inverted(960, 160, kernel=5)] * 5,
            Inverted(960, 272, kernel=5, stride=2),
            *[Inverted(1632, 272, kernel=5)] * 7,
        ],
        first=24,
        wide=1632,
        descent=[(96, 6), (192, 7), (288, 7)],
        depths=(7, 7),
    )


def _stage(in_channels: int, channels: int, count: int) -> nn.Sequential:
    """A halving and residual blocks at the new size."""
    return nn.Sequential(SeparableResidual(in_channels, channels, halve=True), *residuals(channels, count))
