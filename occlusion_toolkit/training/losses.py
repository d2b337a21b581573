"""The training objective (PARE, Section 4.1): its terms, one pure function each, and their weighted sum."""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import BLAZEPOSE33, SMPL24
from occlusion_toolkit.body.joints49 import J24, J24_HIPS, NUM_OPENPOSE, Joints49
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.models.base import RegressorOutput, part_attention
from occlusion_toolkit.training.heatmap_losses import attention_loss, heatmap_joints_loss, heatmap_loss
from occlusion_toolkit.training.label_cameras import Pinhole, camera_translation, fit_translation, fitted_to
from occlusion_toolkit.training.means import mean_of_some
from occlusion_toolkit.training.recipe import LossWeights, Projection, Supervision
from occlusion_toolkit.training.sample import TrainingSample

SeenPoints = tuple[Float[Tensor, "batch 39 2"], Float[Tensor, "batch 39 3"]]
"""Places in crop coordinates and metres, as of `points_of`."""

POINTS = [point for point, name in enumerate(BLAZEPOSE33.joint_names) if name in J24.joint_names]
"""BlazePose's points that are joints of the body too: nose, eyes, ears and the twelve joints of the limbs."""

POINT_JOINTS = [J24.index(BLAZEPOSE33.joint_names[point]) for point in POINTS]
POINT_HIPS = (POINT_JOINTS.index(J24_HIPS[0]), POINT_JOINTS.index(J24_HIPS[1]))

IGNORED_PART = 255
"""Part label of a pixel that the part loss leaves out."""


@dataclass(frozen=True)
class LossTerms:
    """Unweighted loss terms of one batch, each a scalar; a term that does not apply is zero."""

    joints_2d: Float[Tensor, ""]
    joints_3d: Float[Tensor, ""]
    body_joints: Float[Tensor, ""]
    pose: Float[Tensor, ""]
    betas: Float[Tensor, ""]
    camera: Float[Tensor, ""]
    parts: Float[Tensor, ""]
    heatmaps: Float[Tensor, ""]
    heatmap_joints: Float[Tensor, ""]
    points_2d: Float[Tensor, ""]
    points_3d: Float[Tensor, ""]

    def total(self, weights: LossWeights) -> Float[Tensor, ""]:
        """The weighted sum that is minimised."""
        terms = torch.stack([getattr(weights, f.name) * getattr(self, f.name) for f in fields(self)])
        return weights.overall * terms.sum()


def joints_2d_loss(
    predicted: Float[Tensor, "batch joints 2"],
    truth: Float[Tensor, "batch joints 2"],
    confidence: Float[Tensor, "batch joints"],
) -> Float[Tensor, ""]:
    """Mean squared distance per coordinate; joints of zero confidence stay in the denominator, as in PARE.

    Args:
        predicted: projected joints in crop coordinates [-1, 1], (B, J, 2).
        truth: annotated joints, likewise.
        confidence: weight of each joint, (B, J).

    Returns:
        A scalar, in squared crop units.
    """
    return (confidence[..., None] * (predicted - truth).square()).mean()


def joints_3d_loss(
    predicted: Float[Tensor, "batch joints 3"],
    truth: Float[Tensor, "batch joints 3"],
    confidence: Float[Tensor, "batch joints"],
    root: tuple[int, ...],
    has_joints: Bool[Tensor, " batch"],
) -> Float[Tensor, ""]:
    """Mean squared distance per coordinate after moving the root of both sides to the origin.

    Args:
        predicted: joints in metres, (B, J, 3).
        truth: annotated joints in metres, in the same frame.
        confidence: weight of each joint, (B, J).
        root: the joints whose mean is the root (PARE takes the two hips).
        has_joints: people that are annotated in 3D, (B,); the others do not count.

    Returns:
        A scalar in square metres, zero where nobody is annotated.
    """
    columns = list(root)
    truth = _known(truth, predicted, has_joints)
    predicted = predicted - predicted[:, columns].mean(dim=1, keepdim=True)
    truth = truth - truth[:, columns].mean(dim=1, keepdim=True)
    return mean_of_some(confidence[..., None] * (predicted - truth).square(), has_joints)


def in_pelvis_frame(
    joints: Float[Tensor, "batch joints 3"], root_rotmats: Float[Tensor, "batch 3 3"]
) -> Float[Tensor, "batch joints 3"]:
    """Joints with the rotation of the root undone: where they are seen from the pelvis."""
    return joints @ root_rotmats  # rows times R are the transposed rotation


def pose_loss(
    predicted: Float[Tensor, "batch 24 3 3"],
    truth: Float[Tensor, "batch 24 3 3"],
    confidence: Float[Tensor, "batch 24"],
    has_body: Bool[Tensor, " batch"],
) -> Float[Tensor, ""]:
    """Mean squared difference of the entries of rotation matrices over the people with a known body."""
    truth = _known(truth, predicted, has_body)
    return mean_of_some(confidence[..., None, None] * (predicted - truth).square(), has_body)


def betas_loss(
    predicted: Float[Tensor, "batch 10"], truth: Float[Tensor, "batch 10"], has_body: Bool[Tensor, " batch"]
) -> Float[Tensor, ""]:
    """Mean squared difference of shape coefficients over the people with a known body."""
    return mean_of_some((predicted - _known(truth, predicted, has_body)).square(), has_body)


def camera_loss(camera: Float[Tensor, "batch 3"]) -> Float[Tensor, ""]:
    """Penalty exp(-10 s)^2 that keeps the scale of the camera positive (as in PARE's public code)."""
    return torch.exp(-10.0 * camera[:, 0]).square().mean()


def part_loss(
    part_logits: Float[Tensor, "batch 25 h w"],
    labels: Int[Tensor, "batch height width"],
    has_body: Bool[Tensor, " batch"],
) -> Float[Tensor, ""]:
    """Cross-entropy of the part scores, averaged over all pixels, background included (PARE, L_P).

    Scores are brought to the size of the labels bilinearly with aligned corners.

    Args:
        part_logits: raw scores of background (channel 0) and part k (channel k + 1), (B, 25, h, w).
        labels: 0 for background, k + 1 for part k, `IGNORED_PART` for pixels that do not count.
        has_body: people with part labels, (B,).

    Returns:
        A scalar in nats, zero where nobody has labels.
    """
    scores = functional.interpolate(
        part_logits.float(), size=labels.shape[-2:], mode="bilinear", align_corners=True
    )
    known = labels.long().masked_fill(~has_body[:, None, None], IGNORED_PART)
    entropy = functional.cross_entropy(scores, known, ignore_index=IGNORED_PART, reduction="sum")
    return entropy / (known != IGNORED_PART).sum().clamp_min(1)


def _known(truth: Tensor, predicted: Tensor, chosen: Bool[Tensor, " batch"]) -> Tensor:
    """Truth, and for everybody else the prediction: what is not annotated may hold anything, even NaN."""
    return torch.where(chosen.view(-1, *[1] * (truth.ndim - 1)), truth, predicted.detach())


class Objective(nn.Module):
    """Loss terms of a batch in which everybody is annotated with something else.

    Args:
        body: the body whose parameters are regressed.
        joints: its 49 joints.
        supervision: of the 2D branch.
        projection: of the joints in the 2D term.
    """

    def __init__(
        self,
        body: BodyModel,
        joints: Joints49,
        supervision: Supervision | None,
        projection: Projection = "weak",
    ) -> None:
        super().__init__()
        self.body = body
        self.joints = joints
        self.supervision = supervision
        self.project = project_in_perspective if projection == "perspective" else project

    def forward(
        self,
        output: RegressorOutput,
        truth: TrainingSample,
        *,
        supervised: bool = True,
        points: SeenPoints | None = None,
    ) -> LossTerms:
        """Unweighted terms in single precision; terms that nobody is annotated for are zero.

        Args:
            output: what the network predicts.
            truth: the collated samples.
            supervised: whether the 2D branch still is; its terms are zero otherwise.
            points: what a BlazePose that is tuned says of its points.
        """
        with torch.autocast(output.rotmats.device.type, enabled=False):
            return self._terms(output, truth, supervised, points)

    def _terms(
        self, output: RegressorOutput, truth: TrainingSample, supervised: bool, points: SeenPoints | None
    ) -> LossTerms:
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
            joints_2d=joints_2d_loss(
                self.project(joints, predicted.camera), truth.keypoints[..., :2], confidence
            ),
            joints_3d=joints_3d_loss(j24, seen[..., :3], seen[..., 3], J24_HIPS, truth.has_pose_3d),
            body_joints=joints_3d_loss(*from_pelvis, seen[..., 3], J24_HIPS, both),
            pose=pose_loss(predicted.rotmats, truth.rotmats, everywhere, truth.has_smpl),
            betas=betas_loss(predicted.betas, truth.betas, truth.has_smpl),
            camera=camera_loss(predicted.camera),
            **self._branch_losses(output, truth, supervised),
            **self._points_losses(points, truth, confidence),
        )

    def _points_losses(
        self, points: SeenPoints | None, truth: TrainingSample, confidence: Float[Tensor, "batch 49"]
    ) -> dict[str, Float[Tensor, ""]]:
        if points is None:
            return dict.fromkeys(("points_2d", "points_3d"), truth.betas.new_zeros(()))
        places, metres = (each[:, POINTS].float() for each in points)
        joints = [NUM_OPENPOSE + joint for joint in POINT_JOINTS]
        seen = truth.joints_3d[:, POINT_JOINTS]
        return {
            "points_2d": joints_2d_loss(places, truth.keypoints[:, joints, :2], confidence[:, joints]),
            "points_3d": joints_3d_loss(metres, seen[..., :3], seen[..., 3], POINT_HIPS, truth.has_pose_3d),
        }

    def _branch_losses(
        self, output: RegressorOutput, truth: TrainingSample, supervised: bool
    ) -> dict[str, Float[Tensor, ""]]:
        zero = output.betas.new_zeros((), dtype=torch.float32)
        found = dict.fromkeys(("parts", "heatmaps", "heatmap_joints"), zero)
        if output.part_logits is None or self.supervision is None or not supervised:
            return found
        scores, by, known = output.part_logits.float(), self.supervision.by, truth.has_smpl
        if by == "parts":
            return found | {"parts": part_loss(scores, truth.labels.long(), known)}
        places = self._places(truth)
        if by == "attention":
            return found | {"parts": attention_loss(part_attention(scores), places, known)}
        found["heatmaps"] = heatmap_loss(scores[:, 1:], places, known)
        if by == "heatmaps and joints":
            found["heatmap_joints"] = heatmap_joints_loss(part_attention(scores), places, known)
        return found

    def _places(self, truth: TrainingSample) -> Float[Tensor, "batch 24 2"]:
        """Where the 24 joints of the true bodies are in the crop, through the cameras of the part labels.

        Of people without a body or a camera this is anything.
        """
        bodies = BodyParameters(truth.rotmats, truth.betas, torch.zeros_like(truth.betas[:, :3]))
        translation, good = fit_translation(self.joints(bodies), fitted_to(truth.keypoints))
        places = Pinhole.at(translation).project(self.body.joints(bodies, SMPL24))[..., :2]
        return torch.where(good[:, None, None], places, torch.nan)


def project(
    joints: Float[Tensor, "batch joints 3"], camera: Float[Tensor, "batch 3"]
) -> Float[Tensor, "batch joints 2"]:
    """Weak-perspective projection to crop coordinates: x = s (X + tx), y = s (Y + ty) (SPIN's convention)."""
    return camera[:, None, :1] * (joints[..., :2] + camera[:, None, 1:])


def project_in_perspective(
    joints: Float[Tensor, "batch joints 3"], camera: Float[Tensor, "batch 3"]
) -> Float[Tensor, "batch joints 2"]:
    """Projection to crop coordinates with PARE's focal length, from the distance that the scale stands for.

    The camera (s, tx, ty) is put at (tx, ty, 2 f / (224 s)), f = 5000 px. Near the middle of the body that
    is `project`; the hand that points at the camera is larger.
    """
    return Pinhole.at(camera_translation(camera)).project(joints)[..., :2]
