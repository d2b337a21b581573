"""What a sweep measures at every window: joints, and their distance from truth and clean estimate."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from occlusion_toolkit.body.joints import JointSet
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.sweep.metrics import mpjpe_per_joint, pa_mpjpe_per_joint

_BODIES_AT_ONCE = 1024  # keeps the skinned markers of a stride-1 sweep in the megabytes

_MM_PER_M = 1000.0

Measure = Callable[[Tensor, Tensor], Tensor]
"""Distances (B, J) between predicted and target joints (B, J, 3)."""


@runtime_checkable
class JointBody(Protocol):
    """The part of a body model that a sweep needs: joints without the mesh."""

    def centred_joints(
        self, parameters: BodyParameters, joint_set: JointSet
    ) -> Float[Tensor, "batch joints 3"]:
        """Joints relative to the pelvis of the joint set, metres."""
        ...


@dataclass(frozen=True)
class JointReadouts:
    """One joint set at every window of a sweep. Joints are relative to the pelvis that errors are centred on.

    `pa_` values are taken after the best similarity of the whole joint set (Procrustes). Values against the
    truth are None where no truth was given.

    Attributes:
        joint_set: the joints and their order.
        joints_m: estimate under each window, (W, J, 3), metres, camera frame.
        clean_joints_m: estimate of the clean crop, (J, 3), metres.
        true_joints_m: ground truth, (J, 3), metres.
        displacement_mm: distance from the clean estimate, (W, J).
        pa_displacement_mm: the same after alignment to the clean estimate, (W, J).
        error_mm: distance from the truth (MPJPE before averaging), (W, J).
        pa_error_mm: the same after alignment to the truth (PA-MPJPE before averaging), (W, J).
        clean_error_mm: error of the clean estimate, (J,).
        clean_pa_error_mm: aligned error of the clean estimate, (J,).
    """

    joint_set: JointSet
    joints_m: Float32[np.ndarray, "windows joints 3"]
    clean_joints_m: Float32[np.ndarray, "joints 3"]
    displacement_mm: Float32[np.ndarray, "windows joints"]
    pa_displacement_mm: Float32[np.ndarray, "windows joints"]
    true_joints_m: Float32[np.ndarray, "joints 3"] | None = None
    error_mm: Float32[np.ndarray, "windows joints"] | None = None
    pa_error_mm: Float32[np.ndarray, "windows joints"] | None = None
    clean_error_mm: Float32[np.ndarray, " joints"] | None = None
    clean_pa_error_mm: Float32[np.ndarray, " joints"] | None = None


@torch.inference_mode()
def read_out(
    body: JointBody,
    joint_set: JointSet,
    estimates: BodyParameters,
    unchanged: Bool[Tensor, " passes"],
    true_joints: Float[Tensor, "joints 3"] | None,
) -> JointReadouts:
    """Measures the estimates of one crop.

    Args:
        body: the body that the estimates are parameters of.
        joint_set: the joints to measure.
        estimates: the clean estimate, then one per window, P = 1 + W of them.
        unchanged: passes that showed the network the clean crop, (P,). They take the clean pass's values, so
            that the rounding of differently filled batches does not look like an effect.
        true_joints: centred true joints, (J, 3), metres; None where there is no truth.

    Returns:
        Joints and distances of every window.
    """
    joints = clean_where_unchanged(centred_joints(body, joint_set, estimates), unchanged)

    def distances_mm(measure: Measure, target: Tensor) -> Tensor:
        # Differences of nearby points: float64 keeps rounding out of what is shown in millimetres.
        predicted = joints.double()
        values = _MM_PER_M * measure(predicted, target.double().expand_as(predicted))
        return clean_where_unchanged(values, unchanged)

    pa_displacement = distances_mm(pa_mpjpe_per_joint, joints[0])
    pa_displacement[unchanged] = 0.0  # aligning a set to itself leaves some 1e-13
    readouts = JointReadouts(
        joint_set=joint_set,
        joints_m=as_array(joints[1:]),
        clean_joints_m=as_array(joints[0]),
        displacement_mm=as_array(distances_mm(mpjpe_per_joint, joints[0])[1:]),
        pa_displacement_mm=as_array(pa_displacement[1:]),
    )
    if true_joints is None:
        return readouts
    error = as_array(distances_mm(mpjpe_per_joint, true_joints))
    pa_error = as_array(distances_mm(pa_mpjpe_per_joint, true_joints))
    return dataclasses.replace(
        readouts,
        true_joints_m=as_array(true_joints),
        error_mm=error[1:],
        pa_error_mm=pa_error[1:],
        clean_error_mm=error[0],
        clean_pa_error_mm=pa_error[0],
    )


def clean_where_unchanged(
    values: Float[Tensor, "passes ..."], unchanged: Bool[Tensor, " passes"]
) -> Float[Tensor, "passes ..."]:
    """Values of all passes (P, ...), with those of the clean pass, the first, for unchanged passes."""
    mask = unchanged.view(-1, *(1,) * (values.dim() - 1))
    return torch.where(mask, values[:1], values)


@torch.inference_mode()
def centred_joints(
    body: JointBody, joint_set: JointSet, parameters: BodyParameters
) -> Float[Tensor, "batch joints 3"]:
    """Joints relative to the pelvis for any number of bodies, (B, J, 3) metres, some at a time."""
    starts = range(0, len(parameters), _BODIES_AT_ONCE)
    parts = [body.centred_joints(parameters[start : start + _BODIES_AT_ONCE], joint_set) for start in starts]
    return torch.cat(parts)


def as_array(tensor: Tensor) -> Float32[np.ndarray, "..."]:
    """A float32 copy on the host."""
    return tensor.to("cpu", torch.float32, copy=True).numpy()
