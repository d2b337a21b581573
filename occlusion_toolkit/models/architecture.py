"""Architectures as data: the part of a model card that a network is rebuilt from, without import strings."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from occlusion_toolkit.models.backbones import (
    BasicBlock,
    Block,
    Bottleneck,
    HRNet,
    ResNet,
    conv_steps,
    deconv_steps,
    upsample_steps,
)
from occlusion_toolkit.models.backbones.blazepose import blazepose_full
from occlusion_toolkit.models.backbones.blazepose_trunk import BlazePoseTrunk, tuned_blazepose
from occlusion_toolkit.models.backbones.vit import ViT
from occlusion_toolkit.models.base import MeanParameters
from occlusion_toolkit.models.hmr import HMR
from occlusion_toolkit.models.hmr2 import HMR2, CameraHMR
from occlusion_toolkit.models.nbf import NBF
from occlusion_toolkit.models.networks import PublishedNetwork, build_network
from occlusion_toolkit.models.pare import PARE

BLOCKS: dict[str, Block] = {"basic": BasicBlock, "bottleneck": Bottleneck}
BRANCHES = {"deconv": deconv_steps, "upsample": upsample_steps, "conv": conv_steps}

Width = Annotated[int, Field(ge=1, le=16384)]
"""Channels or features: more than any network of this kind has, so that no card fills the memory."""

Depth = Annotated[int, Field(ge=1, le=256)]
"""Layers, blocks or steps, likewise."""


class Section(BaseModel):
    """A part of a card: immutable, and an unknown key is an error rather than a silent typing mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ResNetBackbone(Section):
    """Arguments of `ResNet`."""

    kind: Literal["resnet"]
    block: Literal["basic", "bottleneck"] = "bottleneck"
    layers: tuple[Depth, Depth, Depth, Depth] = (3, 4, 6, 3)
    width: Width = 64
    input_pooling: Width = 1

    def build(self) -> ResNet:
        """The backbone, with random weights."""
        return ResNet(BLOCKS[self.block], self.layers, self.width, self.input_pooling)


class HRNetBackbone(Section):
    """Arguments of `HRNet`."""

    kind: Literal["hrnet"]
    width: Width = 32
    fusion: Literal["upsample", "downsample"] = "upsample"
    modules: tuple[Depth, Depth, Depth] = (1, 4, 3)
    blocks: Depth = 4
    stem_width: Width = 64

    def build(self) -> HRNet:
        """The backbone, with random weights."""
        return HRNet(
            self.width, self.fusion, modules=self.modules, blocks=self.blocks, stem_width=self.stem_width
        )


class BlazePoseBackbone(Section):
    """Arguments of `BlazePoseTrunk`.

    Attributes:
        weights: shipped file that BlazePose's weights are read from, or begin at where they are tuned:
            Google's, or those that this toolkit tuned to rendered people.
    """

    kind: Literal["blazepose"]
    weights: Literal["blazepose-full", "blazepose-open"] = "blazepose-full"
    join: Literal["map", "vector"]
    width: Width = 128
    dropout: float = Field(default=0.5, ge=0.0, lt=1.0)
    tuned: bool = False

    def build(self) -> BlazePoseTrunk:
        """The trunk: BlazePose with its weights, a neck with random ones.

        Raises:
            CheckpointError: BlazePose's weights are not on this machine.
        """
        from occlusion_toolkit.models.blazepose_weights import load_blazepose  # reads cards, which read this

        return BlazePoseTrunk(
            load_blazepose(
                self.weights, blazepose_full if self.weights == "blazepose-full" else tuned_blazepose
            ),
            join=self.join,
            width=self.width,
            dropout=self.dropout,
            tuned=self.tuned,
        )


BackboneArchitecture = Annotated[
    ResNetBackbone | HRNetBackbone | BlazePoseBackbone, Field(discriminator="kind")
]


class _Regression(Section):
    """A backbone under HMR's head: all of `HMR`, and the second stage of `NBF`."""

    kind: str
    backbone: BackboneArchitecture
    hidden: Width = 1024
    iterations: Depth = 3
    dropout: float = Field(default=0.5, ge=0.0, lt=1.0)

    def regression(self, mean: MeanParameters | None) -> HMR:
        """The network with random weights, starting from `mean` (by default the rest pose)."""
        return HMR(
            self.backbone.build(),
            hidden=self.hidden,
            iterations=self.iterations,
            dropout=self.dropout,
            mean=mean,
        )


class HMRArchitecture(_Regression):
    """Arguments of `HMR`."""

    kind: Literal["hmr"]

    def build(self, mean: MeanParameters | None = None) -> HMR:
        """The network with random weights, starting from `mean` (by default the rest pose)."""
        return self.regression(mean)


class PAREArchitecture(Section):
    """Arguments of `PARE`; `corrects_mean` says whether the network adds to a mean person.

    `sampling` is "attention", or "pooling" for the ablations (a) and (f) of the paper's Table 3.
    """

    kind: Literal["pare"]
    backbone: BackboneArchitecture
    branch: Literal["deconv", "upsample", "conv"] = "deconv"
    filters: tuple[Width, ...] = Field(default=(256, 256, 256), min_length=1, max_length=16)
    shape_features: Width = 64
    corrects_mean: bool = False
    sampling: Literal["attention", "pooling"] = "attention"

    def build(self, mean: MeanParameters | None = None) -> PARE:
        """The network with random weights; one that corrects a mean starts from `mean` or the rest pose."""
        return PARE(
            self.backbone.build(),
            branch=BRANCHES[self.branch],
            filters=self.filters,
            shape_features=self.shape_features,
            mean=(mean or MeanParameters.standing()) if self.corrects_mean else None,
            pooling=self.sampling == "pooling",
        )


class NBFArchitecture(_Regression):
    """Arguments of `NBF`; both stages have a backbone of the same kind."""

    kind: Literal["nbf"]
    branch: Literal["deconv", "upsample", "conv"] = "deconv"
    filters: tuple[Width, ...] = Field(default=(256, 256, 256), min_length=1, max_length=16)

    def build(self, mean: MeanParameters | None = None) -> NBF:
        """The network with random weights, starting from `mean` (by default the rest pose)."""
        return NBF(
            self.backbone.build(),
            branch=BRANCHES[self.branch],
            filters=self.filters,
            regression=self.regression(mean),
        )


class ViTBackbone(Section):
    """Arguments of `ViT`; a crop is `height_px` x `width_px`."""

    kind: Literal["vit"] = "vit"
    width: Width = 1280
    depth: Depth = 32
    heads: Width = 16
    hidden: Width | None = None
    height_px: Width = 256
    width_px: Width = 192
    patch_px: Width = 16
    padding_px: int = Field(default=2, ge=0)

    def build(self) -> ViT:
        """The backbone, with random weights."""
        return ViT(**self.model_dump(exclude={"kind"}))


class HMR2Architecture(Section):
    """Arguments of `HMR2`, or of `CameraHMR`, whose crops come with their place before the camera."""

    kind: Literal["hmr2", "camerahmr"]
    backbone: ViTBackbone = ViTBackbone()
    width: Width = 1024
    depth: Depth = 6
    heads: Width = 8
    head_width: Width = 64
    hidden: Width = 1024

    def build(self, mean: MeanParameters | None = None) -> HMR2:
        """The network with random weights, starting from `mean` (by default the rest pose)."""
        return (CameraHMR if self.kind == "camerahmr" else HMR2)(
            self.backbone.build(),
            width=self.width,
            depth=self.depth,
            heads=self.heads,
            head_width=self.head_width,
            hidden=self.hidden,
            mean=mean,
        )


class PublishedArchitecture(Section):
    """One of the published networks, by its name in `build_network`."""

    kind: Literal["published"]
    name: Literal[
        "spin_hmr",
        "pare_hmr_r50",
        "pare_hmr_hrnet_w32_conv",
        "pare_hrnet_w32_conv",
        "pare_r50",
        "pare_r50_upsample",
        "hmr2",
        "camerahmr",
        "blazepose_full",
        "blazepose_heavy",
    ]

    def build(self) -> PublishedNetwork:
        """The network, with random weights."""
        return build_network(self.name)


Architecture = Annotated[
    HMRArchitecture | PAREArchitecture | NBFArchitecture | HMR2Architecture | PublishedArchitecture,
    Field(discriminator="kind"),
]
"""What a card's `network` section holds; `.build()` makes the network."""
