"""Mean errors, and the predictor that has seen no image: the mean person."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.models.base import MeanParameters
from occlusion_toolkit.sweep.metrics import mpjpe_per_joint, pa_mpjpe_per_joint


@dataclass(frozen=True)
class PoseErrors:
    """Mean errors of a set of people on the 14 LSP joints, millimetres."""

    mpjpe_mm: float
    pa_mpjpe_mm: float

    def __str__(self) -> str:
        return f"MPJPE {self.mpjpe_mm:.1f} mm, PA-MPJPE {self.pa_mpjpe_mm:.1f} mm"


def errors_mm(found: BodyParameters, truth: BodyParameters, body: BodyModel) -> Float[Tensor, "2 people"]:
    """MPJPE and PA-MPJPE of every person over the 14 LSP joints, millimetres, (2, P)."""
    joints = body.centred_joints(found, LSP14), body.centred_joints(truth, LSP14)
    return 1000 * torch.stack(
        [metric(*joints).mean(dim=1) for metric in (mpjpe_per_joint, pa_mpjpe_per_joint)]
    )


Predictor = Callable[[Float[Tensor, "batch 3 height width"]], BodyParameters]


def constant_predictor(mean: MeanParameters) -> Predictor:
    """The predictor that gives everybody the same body."""

    def predict(crops: Float[Tensor, "batch 3 height width"]) -> BodyParameters:
        batch = len(crops)
        return BodyParameters(
            mean.rotmats.expand(batch, -1, -1, -1),
            mean.betas.expand(batch, -1),
            mean.camera.expand(batch, -1),
        )

    return predict
