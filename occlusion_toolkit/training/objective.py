"""The training objective: network output against ground truth, through the body model (PARE, Eq. 2)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.body.joints49 import J24_HIPS, NUM_OPENPOSE, Joints49
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.models.base import RegressorOutput, part_attention
from occlusion_toolkit.training.losses import (
    LossTerms,
    attention_loss,
    betas_loss,
    camera_loss,
    in_pelvis_frame,
    joints_2d_loss,
    joints_3d_loss,
    part_loss,
    pose_loss,
)
from occlusion_toolkit.training.recipe import Supervision
from occlusion_toolkit.training.samples.sample import Sample


class Objective(nn.Module):
    """Loss terms of a batch in which everybody is annotated with something else.

    Args:
        body: the body whose parameters are regressed.
        joints: its 49 joints.
        supervision: of the 2D branch.
    """

    def __init__(self, body: BodyModel, joints: Joints49, supervision: Supervision | None) -> None:
        super().__init__()
        self.body = body
        self.joints = joints
        self.supervision = supervision

    def forward(self, output: RegressorOutput, truth: Sample, *, supervised: bool = True) -> LossTerms:
        """Unweighted terms in single precision; terms that nobody is annotated for are zero.

        Args:
            output: what the network predicts.
            truth: the collated samples.
            supervised: whether the 2D branch still is; its term is zero otherwise.
        """
        with torch.autocast(output.rotmats.device.type, enabled=False):
            return self._terms(output, truth, supervised)

    def _terms(self, output: RegressorOutput, truth: Sample, supervised: bool) -> LossTerms:
        predicted = BodyParameters(output.rotmats.float(), output.betas.float(), output.camera.float())
        joints = self.joints(predicted)
        confidence = truth.keypoints[..., 2].clone()
        confidence[:, :NUM_OPENPOSE] = 0  # OpenPose's detections have no weight in PARE's training
        j24, seen = joints[:, NUM_OPENPOSE:], truth.joints_3d
        from_pelvis = (
            in_pelvis_frame(j24, predicted.rotmats[:, 0]),
            in_pelvis_frame(seen[..., :3], truth.rotmats[:, 0]),
        )
        both = truth.has_smpl & truth.has_pose_3d
        everywhere = torch.ones_like(truth.rotmats[:, :, 0, 0])
        return LossTerms(
            joints_2d=joints_2d_loss(project(joints, predicted.camera), truth.keypoints[..., :2], confidence),
            joints_3d=joints_3d_loss(j24, seen[..., :3], seen[..., 3], J24_HIPS, truth.has_pose_3d),
            body_joints=joints_3d_loss(*from_pelvis, seen[..., 3], J24_HIPS, both),
            pose=pose_loss(predicted.rotmats, truth.rotmats, everywhere, truth.has_smpl),
            betas=betas_loss(predicted.betas, truth.betas, truth.has_smpl),
            camera=camera_loss(predicted.camera),
            parts=self._branch_loss(output, truth, supervised),
        )

    def _branch_loss(self, output: RegressorOutput, truth: Sample, supervised: bool) -> Float[Tensor, ""]:
        if output.part_logits is None or self.supervision is None or not supervised:
            return output.betas.new_zeros((), dtype=torch.float32)
        if self.supervision.by == "parts":
            return part_loss(output.part_logits, truth.labels.long(), truth.has_smpl)
        bodies = BodyParameters(truth.rotmats, truth.betas, output.camera.float())
        places = project(self.body.joints(bodies, SMPL24), fit_camera(self.joints(bodies), truth.keypoints))
        return attention_loss(part_attention(output.part_logits.float()), places, truth.has_smpl)


def project(
    joints: Float[Tensor, "batch joints 3"], camera: Float[Tensor, "batch 3"]
) -> Float[Tensor, "batch joints 2"]:
    """Weak-perspective projection to crop coordinates: x = s (X + tx), y = s (Y + ty) (SPIN's convention)."""
    return camera[:, None, :1] * (joints[..., :2] + camera[:, None, 1:])


def fit_camera(
    joints_3d: Float[Tensor, "batch joints 3"], keypoints: Float[Tensor, "batch joints 3"]
) -> Float[Tensor, "batch 3"]:
    """The weak-perspective camera (s, tx, ty) that projects joints closest to where they are seen.

    Least squares in closed form: centred coordinates give the scale, the means give the shift.

    Args:
        joints_3d: metres, camera frame, (B, J, 3).
        keypoints: crop coordinates and confidence, (B, J, 3); the confidence weighs the squares.
    """
    weight = keypoints[..., 2:]
    weight = weight / weight.sum(dim=1, keepdim=True).clamp_min(1e-6)
    flat, seen = joints_3d[..., :2], keypoints[..., :2]
    mean_3d, mean_2d = (weight * flat).sum(dim=1, keepdim=True), (weight * seen).sum(dim=1, keepdim=True)
    around = weight * (flat - mean_3d)
    spread = (around * (flat - mean_3d)).sum(dim=(1, 2)).clamp_min(1e-6)
    scale = (around * (seen - mean_2d)).sum(dim=(1, 2)) / spread
    shift = mean_2d[:, 0] / scale[:, None].clamp_min(1e-3) - mean_3d[:, 0]
    return torch.cat((scale[:, None], shift), dim=1)
