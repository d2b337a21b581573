"""By which rules people of a data set are measured: frames, crop, ground-truth body, joints."""

from dataclasses import dataclass
from typing import Literal

from occlusion_toolkit.body.arrays import Gender
from occlusion_toolkit.body.joints import LSP14, JointSet
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.data.boxes import RESOLUTION
from occlusion_toolkit.data.crops import Resampling
from occlusion_toolkit.data.people import FrameFilter

PVEAlignment = Literal["none", "pelvis"]
"""`none`: as the body gives them, as PARE measures. `pelvis`: relative to the pelvis of the joints."""

GenderRule = Literal["gendered", "neutral"]
"""`gendered`: the true body is male or female as the data set says. `neutral`: it is neutral for everybody.

The prediction is always of the neutral body: that is what regressors are trained with.
"""

_GENDERS: dict[GenderRule, str] = {
    "gendered": "male or female as the data set says",
    "neutral": "neutral whatever the gender",
}
_ONE_BODY = "one body whatever the gender"


def gender_rule_of(described: str | None) -> GenderRule | None:
    """The rule that `Protocol.described_genders` put into words; None where there was no choice."""
    return next((rule for rule, words in _GENDERS.items() if words == described), None)


_SCALING: dict[Resampling, str] = {
    "antialias": "anti-aliased bilinear",
    "imresize": "contrast stretched to 0..255, then anti-aliased bilinear (imresize)",
    "bilinear": "bilinear",
}


def described_crop(box: str, resampling: Resampling = "antialias", resolution: int = RESOLUTION) -> str:
    """How crops are made in words, as cards carry it.

    Args:
        box: where the box comes from.
        resampling: how pixels become crop pixels.
        resolution: side of the crop.
    """
    return f"{box}; {_SCALING[resampling]} to {resolution} px; black outside the image"


DATASET_BOX = "the data set's box"
"""Where the box of a crop comes from, in words."""


@dataclass(frozen=True)
class Protocol:
    """The rules of a measurement.

    Attributes:
        gender_rule: the true body's gender.
        frame_filter: frames of 3DPW to use (`data.catalogue`).
        joint_set: joints of MPJPE and PA-MPJPE.
        pve_alignment: what vertices are centred on.
        crop_rule: how pixels of the image become pixels of the crop.
    """

    gender_rule: GenderRule
    frame_filter: FrameFilter = "spin"
    joint_set: JointSet = LSP14
    pve_alignment: PVEAlignment = "none"
    crop_rule: Resampling = "antialias"

    def true_gender(self, gender: str, topology: str) -> Gender:
        """The gender of the body that a person's ground truth is posed with.

        Args:
            gender: what the data set says, "male", "female" or "neutral".
            topology: the body's topology id; the open body has one shape for all.
        """
        if self.gender_rule == "neutral" or topology == OPEN_BODY_TOPOLOGY:
            return "neutral"
        genders: dict[str, Gender] = {"male": "male", "female": "female"}
        return genders.get(gender, "neutral")

    def described_genders(self, topology: str) -> str:
        """The gender rule in words, as cards carry it."""
        return _ONE_BODY if topology == OPEN_BODY_TOPOLOGY else _GENDERS[self.gender_rule]


SPIN = Protocol("gendered")
"""SPIN's evaluation, and that of most papers on 3DPW: 35,515 samples of the test split."""

EFT = Protocol("gendered", "vibe")
"""EFT's evaluation: as SPIN's, on the 34,561 samples whose limbs were seen well."""

PARE = Protocol("neutral")
"""PARE's evaluation as its public configuration has it (USE_GENDER off)."""
