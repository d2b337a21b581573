"""What can be written in a training recipe: network, body, and a `train:` section."""

from dataclasses import dataclass
from itertools import accumulate
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from occlusion_toolkit.models.architecture import Architecture, Section
from occlusion_toolkit.models.cards import Slug

Probability = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(gt=0, le=1)]
InitialWeights = Literal["scaled", "published"]
Projection = Literal["weak", "perspective"]


@dataclass(frozen=True)
class LossWeights:
    """Weight of each term; the defaults are those of PARE's public code, all multiplied by `overall`.

    Attributes:
        overall: factor on the whole sum.
        joints_2d: projected joints in crop coordinates [-1, 1].
        joints_3d: joints in metres around the root.
        body_joints: the same in the frame of the pelvis, blind to the heading; not in PARE, hence zero.
        pose: rotation matrices.
        betas: shape coefficients.
        camera: the penalty on negative scales.
        parts: supervision of the 2D branch by part labels (the lambda_P of the paper) or by attention.
        heatmaps: supervision of the 2D branch by Gaussians.
        heatmap_joints: supervision of the 2D branch by where its heatmaps see the joints.
        points_2d: what a BlazePose that is tuned says of its points, in crop coordinates [-1, 1].
        points_3d: the same in metres around the hips.
    """

    overall: float = 60.0
    joints_2d: float = 5.0
    joints_3d: float = 5.0
    body_joints: float = 0.0
    pose: float = 1.0
    betas: float = 0.001
    camera: float = 1.0
    parts: float = 1.0
    heatmaps: float = 5.0
    heatmap_joints: float = 5.0
    points_2d: float = 5.0
    points_3d: float = 5.0


@dataclass(frozen=True)
class WarpRanges:
    """How far crops are moved.

    Attributes:
        flip_probability: share of mirrored crops.
        turn_probability: share of turned crops.
        turn_degrees: standard deviation of the turn; clipped at twice that.
        zoom: standard deviation of the box's relative size; clipped at that.
        shift: largest shift of the box, as a share of half its side.
    """

    flip_probability: float = 0.5
    turn_probability: float = 0.4
    turn_degrees: float = 15.0
    zoom: float = 0.15
    shift: float = 0.08


@dataclass(frozen=True)
class AppearanceRanges:
    """How strongly crops are recoloured.

    Attributes:
        channel_gain: largest relative change of a colour channel (PARE's code: 0.4).
        contrast: largest relative change of contrast around the crop's mean.
        grey_probability: share of crops turned to grey.
        blur_probability: share of crops that are blurred.
        noise: largest standard deviation of pixel noise, in units of 0..255.
    """

    channel_gain: float = 0.3
    contrast: float = 0.25
    grey_probability: float = 0.05
    blur_probability: float = 0.3
    noise: float = 8.0


PARE_WARPS = WarpRanges(flip_probability=0.5, turn_probability=0.4, turn_degrees=30.0, zoom=0.25, shift=0.0)
"""Turns N(0, 30 degrees) clipped at 60 on 40% of the crops, box sizes N(1, 0.25) clipped to [0.75, 1.25]."""

PARE_APPEARANCE = AppearanceRanges(
    channel_gain=0.4, contrast=0.0, grey_probability=0.0, blur_probability=0.0, noise=0.0
)
"""Each colour channel times a number between 0.6 and 1.4."""


class SyntheticOcclusion(Section):
    """SynthOcc: cut-out objects pasted over the crop (Sarandi et al. 2018).

    Attributes:
        objects: "voc" for those of Pascal VOC 2012, "drawn" for the toolkit's own, "voc or drawn" for the
            former where they are on this machine and the latter elsewhere.
        probability: share of crops that get any (PARE's code: 1).
        most: largest number of objects in a crop; the number is uniform from one (PARE's code: 7).
        smallest: smallest scale of an object; a scale of one is 128 px in a 256 px crop.
        largest: largest scale (PARE's code: 0.2 to 1).
    """

    objects: Literal["drawn", "voc", "voc or drawn"] = "drawn"
    probability: Probability = 1.0
    most: PositiveInt = 7
    smallest: Annotated[float, Field(gt=0, le=4)] = 0.2
    largest: Annotated[float, Field(gt=0, le=4)] = 1.0


class RandomCrop(Section):
    """RandCrop: the box loses part of its side, so that the image's border cuts the person off.

    Attributes:
        probability: share of crops that are cut.
        smallest: least share of the side that is lost.
        largest: largest share.
        from_step: first step with cut crops; PARE starts at 175,000.
    """

    probability: Probability = 0.3
    smallest: Annotated[float, Field(ge=0, lt=1)] = 0.3
    largest: Annotated[float, Field(ge=0, lt=1)] = 0.5
    from_step: NonNegativeInt = 0

    @model_validator(mode="after")
    def _ordered(self) -> "RandomCrop":
        if self.smallest > self.largest:
            raise ValueError("smallest must not be above largest")
        return self


class SampleSettings(Section):
    """Everything that happens to a person between the file and the network.

    Attributes:
        resolution: side of the crops, pixels.
        label_stride: crop pixels per pixel of the part labels, along a side.
        warps: geometry.
        appearance: colours.
        motion_blur: share of crops that are blurred along a line.
        coarse: share of crops that are made smaller and large again.
        jpeg: share of crops that are compressed.
        occlusion: SynthOcc, or None.
        random_crop: RandCrop, or None.
        plain: share of crops to which nothing of this happens but mirror images and SynthOcc: people as
            they will be met later.
    """

    resolution: Annotated[int, Field(ge=32, le=512)] = 224
    label_stride: Annotated[int, Field(ge=1, le=8)] = 1
    warps: WarpRanges = PARE_WARPS
    appearance: AppearanceRanges = PARE_APPEARANCE
    motion_blur: Probability = 0.5
    coarse: Probability = 0.0
    jpeg: Probability = 0.0
    occlusion: SyntheticOcclusion | None = SyntheticOcclusion()
    random_crop: RandomCrop | None = None
    plain: Probability = 0.0

    def of_plain_crops(self) -> "SampleSettings":
        """The same for the share of crops that are left plain."""
        flips = self.warps.flip_probability
        return SampleSettings(
            resolution=self.resolution,
            label_stride=self.label_stride,
            warps=WarpRanges(flips, turn_probability=0.0, turn_degrees=0.0, zoom=0.0, shift=0.0),
            appearance=AppearanceRanges(
                channel_gain=0.0, contrast=0.0, grey_probability=0.0, blur_probability=0.0, noise=0.0
            ),
            motion_blur=0.0,
            occlusion=self.occlusion,
        )


class Optimisation(Section):
    """Adam at a constant rate, as in the paper, unless told otherwise.

    Attributes:
        learning_rate: the rate after warm-up.
        warm_up_steps: steps over which the rate grows linearly.
        final_rate: share of the rate that a cosine over all steps ends at; 1 keeps the rate constant.
        tuned_rate: share of the rate at which a backbone that is `tuned` learns.
        weight_decay: decoupled decay (AdamW) of kernels and matrices; vectors never decay.
        clip_norm: largest Euclidean norm of the gradient; None does not clip.
        average_decay: decay per step of a moving average of the weights, which is then what is validated and
            shipped; None ships the weights themselves.
    """

    learning_rate: PositiveFloat = 5e-5
    warm_up_steps: Annotated[int, Field(ge=0)] = 0
    final_rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    tuned_rate: PositiveFloat = 1.0
    weight_decay: NonNegativeFloat = 0.0
    clip_norm: PositiveFloat | None = None
    average_decay: Annotated[float, Field(gt=0, lt=1)] | None = None


class Supervision(Section):
    """What the 2D branch of a part attention network is taught (Table 3 of the paper).

    Attributes:
        by: "parts" is cross-entropy with part labels. Three kinds use Gaussians around the 24 joints:
            "heatmaps" and "heatmaps and joints" are the `hm` and `hm_soft` of PARE's public code, squared
            distances between scores and Gaussians, and between expected places and joints besides;
            "attention" is our own, cross-entropy of attention with the Gaussians.
        until_step: from this step on nothing is supervised (lambda_P is zero) and attention is free; None
            never.
    """

    by: Literal["parts", "heatmaps", "heatmaps and joints", "attention"] = "parts"
    until_step: PositiveInt | None = None


class DataStage(Section):
    """A stretch of training on one mix of data sets.

    Attributes:
        shares: share of the samples by name of the data set; names joined by "+" share in proportion to
            their sizes.
        steps: length of the stretch; None lasts to the end.
    """

    shares: Annotated[dict[str, Share], Field(min_length=1)]
    steps: PositiveInt | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The training sets, in order."""
        return tuple(name for key in self.shares for name in key.split("+"))

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> "DataStage":
        if abs(sum(self.shares.values()) - 1) > 1e-6:
            raise ValueError(f"shares sum to {sum(self.shares.values()):g} instead of 1")
        if len(set(self.names)) < len(self.names):
            raise ValueError("a training set is named twice")
        return self


class Train(Section):
    """The `train:` section.

    Attributes:
        seed: of initial weights, order of samples and augmentation.
        steps: optimiser steps.
        batch_size: samples per step, over all devices and accumulated parts.
        optimisation: the optimiser.
        losses: weights of the loss terms.
        supervision: of the 2D branch; None leaves it unsupervised (and for networks without one).
        data: the data sets, stage by stage.
        augmentation: what happens to a sample on its way to the network.
        held_out: people at the start of the first data set that are validated on instead of trained on.
        validate_every: steps between validations.
        pictures_every: steps between pictures of fixed people.
        copies: augmented crops of each person that a frozen backbone looks at before training, which then
            reads what was seen; None makes new crops at every step, as a backbone that is trained needs them.
        projection: of the joints in the 2D term; "perspective" is that of PARE's public code, with a focal
            length of 5000 px.
        initial_weights: "published" draws PARE's head and HRNet's layers as PARE's public code does,
            "scaled" with smaller pose maps and larger part scores.
        start_from: file of weights, shipped or in `weights/` of the toolkit's home or at a path, that
            backbone and heads start from where their names and shapes fit; None starts at random.
    """

    seed: int = 0
    steps: PositiveInt
    batch_size: PositiveInt = 64
    optimisation: Optimisation = Optimisation()
    losses: LossWeights = LossWeights()
    supervision: Supervision | None = None
    data: Annotated[tuple[DataStage, ...], Field(min_length=1)]
    augmentation: SampleSettings = SampleSettings()
    held_out: Annotated[int, Field(ge=1)] = 256
    validate_every: PositiveInt = 1000
    pictures_every: PositiveInt = 5000
    copies: PositiveInt | None = None
    projection: Projection = "weak"
    initial_weights: InitialWeights = "scaled"
    start_from: str | None = None

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Names of all data sets, in the order of their first use."""
        return tuple(dict.fromkeys(name for stage in self.data for name in stage.names))

    @property
    def data_sets_with_parts(self) -> tuple[str, ...]:
        """Names of the data sets that are used while parts are supervised: only they need part labels."""
        if self.supervision is None or self.supervision.by != "parts":
            return ()
        until = self.supervision.until_step or self.steps
        used = (stage for stage, begin in zip(self.data, self.begins, strict=True) if begin < until)
        return tuple(dict.fromkeys(name for stage in used for name in stage.names))

    @property
    def begins(self) -> tuple[int, ...]:
        """The first step of each stage of data."""
        return tuple(accumulate((stage.steps or 0 for stage in self.data[:-1]), initial=0))

    @model_validator(mode="after")
    def _only_the_last_stage_is_open(self) -> "Train":
        if any(stage.steps is None for stage in self.data[:-1]):
            raise ValueError("every stage of data but the last needs steps")
        return self

    @model_validator(mode="after")
    def _the_end_is_validated(self) -> "Train":
        every = self.validate_every
        if self.steps > every and self.steps % every:
            raise ValueError(
                f"validate_every ({every}) does not divide steps ({self.steps}): the end is not validated"
            )
        return self


class Recipe(Section):
    """A network and how it is trained.

    Attributes:
        name: what the weights are called.
        title: one line for people.
        description: what it is for.
        network: its architecture.
        body: topology id of the body whose parameters it regresses.
        train: how it is trained.
    """

    name: Slug
    title: str = ""
    description: str = ""
    network: Architecture
    body: str
    train: Train

    @model_validator(mode="after")
    def _a_published_start_has_no_mean(self) -> "Recipe":
        if self.train.initial_weights == "published" and getattr(self.network, "corrects_mean", False):
            raise ValueError("initial_weights: published is for networks that correct no mean person")
        return self
