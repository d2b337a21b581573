"""The training objective: network output against ground truth, through the body model."""

import torch
from jaxtyping import Float
from torch import Tensor

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import LSP14, SMPL24
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.regressors.base import RegressorOutput
from occlusion_toolkit.training.losses import (
    LossTerms,
    betas_loss,
    camera_loss,
    in_pelvis_frame,
    joints_2d_loss,
    joints_3d_loss,
    part_loss,
    pose_loss,
)
from occlusion_toolkit.training.targets import TrainingBatch

ROOT_JOINTS = (SMPL24.index("left_hip"), SMPL24.index("right_hip"))
"""The joints around which joints in 3D are compared: the hips, as in PARE."""

CROP_BORDER = 1.1
"""Joints farther out than this, in crop coordinates, are not supervised in 2D."""


def supervised_joints(body: BodyModel, parameters: BodyParameters) -> Float[Tensor, "batch joints 3"]:
    """The kinematic and the evaluation joints of posed bodies, not centred, metres, camera frame."""
    return torch.cat((body.joints(parameters, SMPL24), body.joints(parameters, LSP14)), dim=1)


def project(
    joints: Float[Tensor, "batch joints 3"], camera: Float[Tensor, "batch 3"]
) -> Float[Tensor, "batch joints 2"]:
    """Weak-perspective projection to crop coordinates: x = s (X + tx), y = s (Y + ty) (SPIN's convention)."""
    return camera[:, None, :1] * (joints[..., :2] + camera[:, None, 1:])


def fit_camera(
    joints_3d: Float[Tensor, "batch joints 3"], joints_2d: Float[Tensor, "batch joints 2"]
) -> Float[Tensor, "batch 3"]:
    """The weak-perspective camera (s, tx, ty) that projects joints closest to where they are seen.

    Least squares in closed form: centred coordinates give the scale, the means give the shift.
    """
    flat = joints_3d[..., :2]
    mean_3d, mean_2d = flat.mean(dim=1, keepdim=True), joints_2d.mean(dim=1, keepdim=True)
    around, seen = flat - mean_3d, joints_2d - mean_2d
    scale = (around * seen).sum(dim=(1, 2)) / around.square().sum(dim=(1, 2))
    shift = mean_2d[:, 0] / scale[:, None] - mean_3d[:, 0]
    return torch.cat((scale[:, None], shift), dim=1)


def loss_terms(body: BodyModel, output: RegressorOutput, truth: TrainingBatch) -> LossTerms:
    """All loss terms for a batch in which everybody is fully annotated.

    Args:
        body: the body whose parameters are regressed.
        output: what the network predicts.
        truth: the augmented ground truth.

    Returns:
        Unweighted terms; the part term is zero for networks without part scores.
    """
    predicted = BodyParameters(output.rotmats.float(), output.betas.float(), output.camera.float())
    joints = supervised_joints(body, predicted)
    everyone = torch.ones(len(truth), dtype=torch.bool, device=joints.device)
    certain = torch.ones(joints.shape[:2], device=joints.device)
    # Annotators and detectors know nothing of joints that the crop does not show, and in close-ups such
    # joints are far outside: their squares would drown all others.
    shown = (truth.joints_2d.abs().amax(dim=-1) <= CROP_BORDER).float()
    if output.part_logits is None:
        parts = joints.new_zeros(())
    else:
        parts = part_loss(output.part_logits, truth.labels, everyone)
    from_pelvis = (
        in_pelvis_frame(joints, predicted.rotmats[:, 0]),
        in_pelvis_frame(truth.joints_3d, truth.rotmats[:, 0]),
    )
    return LossTerms(
        joints_2d=joints_2d_loss(project(joints, predicted.camera), truth.joints_2d, shown),
        joints_3d=joints_3d_loss(joints, truth.joints_3d, certain, ROOT_JOINTS, everyone),
        body_joints=joints_3d_loss(*from_pelvis, certain, ROOT_JOINTS, everyone),
        pose=pose_loss(predicted.rotmats, truth.rotmats, certain[:, :24], everyone),
        betas=betas_loss(predicted.betas, truth.betas, everyone),
        camera=camera_loss(predicted.camera),
        parts=parts,
    )
