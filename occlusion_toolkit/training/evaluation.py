"""Errors of a network on cached people, and of the predictor that has seen no image: the mean person."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.metrics.errors import mpjpe_per_joint, pa_mpjpe_per_joint
from occlusion_toolkit.regressors.base import MeanParameters
from occlusion_toolkit.regressors.rotation6d import rot6d_to_rotmat, rotmat_to_rot6d
from occlusion_toolkit.training.augment import Warp
from occlusion_toolkit.training.crops_cache import CropsCache
from occlusion_toolkit.training.targets import normalised, warp_people

EVALUATION_BATCH = 64


@dataclass(frozen=True)
class PoseErrors:
    """Mean errors of a set of people on the 14 LSP joints, millimetres."""

    mpjpe_mm: float
    pa_mpjpe_mm: float

    def __str__(self) -> str:
        return f"MPJPE {self.mpjpe_mm:.1f} mm, PA-MPJPE {self.pa_mpjpe_mm:.1f} mm"


Predictor = Callable[[Float[Tensor, "batch 3 height width"]], BodyParameters]


def mean_person(cache: CropsCache) -> MeanParameters:
    """The mean of a data set: 6D rotations averaged and made orthonormal, mean betas, mean camera."""
    rotmats, betas, camera = (
        torch.from_numpy(np.array(cache.column(name), np.float32)) for name in ("rotmats", "betas", "camera")
    )
    rot6d = rotmat_to_rot6d(rotmats).mean(dim=0)
    # A mean over all headings can be almost zero; the upright root is kept then.
    root = rot6d[0].view(3, 2)
    if float(root.norm(dim=0).min()) < 0.3:
        rot6d[0] = MeanParameters.standing().buffers()["init_pose"][0, :6]
    return MeanParameters(rot6d_to_rotmat(rot6d), betas.mean(dim=0), camera.mean(dim=0))


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


@torch.no_grad()
def evaluate(
    predict: Predictor, body: BodyModel, cache: CropsCache, rows: range, resolution: int
) -> PoseErrors:
    """Errors on cached people, seen without augmentation.

    Args:
        predict: from normalised crops to body parameters; a network must be in evaluation mode.
        body: the body of both prediction and ground truth.
        cache: the people.
        rows: which of them.
        resolution: side of the crops in pixels.

    Returns:
        Means over people and joints.
    """
    position, aligned = [], []
    for start in range(rows.start, rows.stop, EVALUATION_BATCH):
        chosen = np.arange(start, min(start + EVALUATION_BATCH, rows.stop))
        people = cache.batch(chosen, resolution)
        batch = normalised(warp_people(people, Warp.identity(len(chosen)), resolution))
        output = predict(batch.crops)
        found = BodyParameters(output.rotmats.float(), output.betas.float(), output.camera.float())
        truth = BodyParameters(batch.rotmats, batch.betas, people.camera)
        joints = body.centred_joints(found, LSP14), body.centred_joints(truth, LSP14)
        position.append(mpjpe_per_joint(*joints))
        aligned.append(pa_mpjpe_per_joint(*joints))
    return PoseErrors(1000 * float(torch.cat(position).mean()), 1000 * float(torch.cat(aligned).mean()))
