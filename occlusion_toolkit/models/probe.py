"""People whose truth is known, to try a regressor on."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from occlusion_toolkit.body.joint_output import JointOutput
from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.crops import normalise, sample_crop
from occlusion_toolkit.data.people import EvenlySpaced
from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.files.shipped import shipped
from occlusion_toolkit.models.base import RegressorOutput
from occlusion_toolkit.models.preprocessing import REFERENCE, Preprocessing
from occlusion_toolkit.models.views import read_view

PEOPLE = 12
"""People that a model is tried on."""


class CheckFailed(Exception):
    """What a regressor does not keep to, what that means, and what to do."""


@dataclass(frozen=True)
class Probe:
    """People to try a regressor on.

    Attributes:
        crops: of at least two different people, as the regressor wants them; normalised, (B, 3, 224, 224),
            by default.
        rotmats: their true joint rotations, (B, 24, 3, 3), in the frames of `BodyParameters`.
        joints: their true LSP joints relative to the pelvis, (B, 14, 3), metres; None where networks that
            give joints alone are not tried.
        placement: where the crops lie before the camera, (B, 3), for regressors that are told.
        preprocessing: how the crops were made.
    """

    crops: Float[Tensor, "batch 3 height width"]
    rotmats: Float[Tensor, "batch 24 3 3"]
    joints: Float[Tensor, "batch joints 3"] | None = None
    placement: Float[Tensor, "batch 3"] | None = None
    preprocessing: Preprocessing = REFERENCE

    def feedings(self) -> dict[str, Float[Tensor, "batch 3 height width"]]:
        """The same people as networks of other habits want them, by name."""
        plain, own = self.preprocessing.rgb(self.crops), self.preprocessing

        def fed(**changes: str) -> Tensor:
            return own.model_copy(update=changes).numbers(plain)

        others = {
            "values from 0 to 1, not normalised": fed(normalisation="unit"),
            "values from 0 to 255": fed(normalisation="bytes"),
            "values from -1 to 1": fed(normalisation="signed"),
            "values normalised as ImageNet's": fed(normalisation="imagenet"),
            "channels in the order BGR": fed(colours="bgr"),
            "channels in the order RGB": fed(colours="rgb"),
        }
        return {name: crops for name, crops in others.items() if not torch.equal(crops, self.crops)}

    def error(self, output: RegressorOutput | JointOutput) -> tuple[float, str]:
        """How wrong an answer is, and the unit: mean angle of joint rotations, or mean distance of joints."""
        if isinstance(output, JointOutput):
            if self.joints is None:
                raise CheckFailed("the true joints of the probe are not known")
            apart = output.centred(LSP14) - self.joints.to(output.joints)
            return 1000 * float(torch.linalg.vector_norm(apart, dim=-1).mean()), "mm"
        relative = output.rotmats.transpose(-1, -2) @ self.rotmats.to(output.rotmats)
        cosine = (relative.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2
        return float(cosine.clamp(-1, 1).acos().mean().rad2deg()), "degrees"


def open_probe(preprocessing: Preprocessing = REFERENCE) -> Probe:
    """People of the open test set, evenly spaced over all of them, as a regressor wants their crops.

    Joint rotations mean the same for every body of SMPL's format, so they are known answers for regressors of
    SMPL bodies too.
    """
    people = list(EvenlySpaced(ThreeDPW(shipped("open-test"), "test"), PEOPLE))
    rotmats, betas = (
        torch.from_numpy(np.stack([getattr(p, n) for p in people])) for n in ("rotmats", "betas")
    )
    true = BodyParameters(rotmats, betas, torch.zeros(len(people), 3))
    joints = load_open_body().centred_joints(true, LSP14)
    if preprocessing.is_reference:
        rule = preprocessing.reference_rule
        crops = np.stack([sample_crop(person, resampling=rule) for person in people])
        return Probe(normalise(crops), rotmats, joints)
    views = [read_view(preprocessing, person) for person in people]
    placements = [view.placement for view in views if view.placement is not None]
    return Probe(
        torch.stack([view.crop for view in views]),
        rotmats,
        joints,
        torch.stack(placements) if placements else None,
        preprocessing,
    )
