"""How samples are augmented; the defaults are those of PARE's public code."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from occlusion_toolkit.models.architecture import Section
from occlusion_toolkit.training.appearance import AppearanceRanges
from occlusion_toolkit.training.augment import WarpRanges
from occlusion_toolkit.training.occluders import OcclusionRanges

Probability = Annotated[float, Field(ge=0, le=1)]

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
        probability: share of crops that get any.
        most: largest number of objects in a crop; the number is uniform from one.
        smallest: smallest scale of an object.
        largest: largest scale.
    """

    objects: Literal["drawn", "voc", "voc or drawn"] = "drawn"
    probability: Probability = 1.0
    most: PositiveInt = 7
    smallest: Annotated[float, Field(gt=0, le=4)] = 0.2
    largest: Annotated[float, Field(gt=0, le=4)] = 1.0

    @property
    def ranges(self) -> OcclusionRanges:
        """The same, as the function that pastes takes it."""
        return OcclusionRanges(self.probability, self.most, self.smallest, self.largest)


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
