"""From estimated people to distances in millimetres, by any metric."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from occlusion_toolkit.body.joint_output import Estimates
from occlusion_toolkit.body.joints import JointSet
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.body.parts import part_of_joint
from occlusion_toolkit.errors import GroundTruthError, SweepError, UsageError
from occlusion_toolkit.sweep.metrics import mpjpe, pa_mpjpe

Metric = Callable[[Tensor, Tensor], Tensor]
"""Distances (B, J) in metres between predicted and target joints, both (B, J, 3), pelvis at the origin."""

METRICS: Mapping[str, Metric] = {"mpjpe": mpjpe, "pa_mpjpe": pa_mpjpe}
"""What a sweep measures unless it is told: distances after centring on the pelvis, and after Procrustes."""

ENTRY_POINT_GROUP = "occlusion_toolkit.metrics"
"""Other packages add metrics here: a name, and a function like those of `METRICS`."""

_BODIES_AT_ONCE = 1024  # keeps the skinned markers of a stride-1 sweep in the megabytes

_MM_PER_M = 1000.0


def metrics_with(*names: str) -> dict[str, Metric]:
    """The built-in metrics and, by their names, those of other packages (`ENTRY_POINT_GROUP`).

    Raises:
        UsageError: no installed package has a metric of that name.
    """
    installed = {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}
    found = dict(METRICS)
    for name in names:
        if name not in found and name not in installed:
            known = ", ".join([*METRICS, *installed])
            raise UsageError(f"there is no metric {name!r}; there are: {known}")
        if name not in found:
            try:
                found[name] = installed[name].load()
            except Exception as error:  # a stranger's code
                where = installed[name].value
                raise UsageError(f"metric {name!r} of {where!r} cannot be loaded: {error}") from error
    return found


@runtime_checkable
class JointBody(Protocol):
    """The part of a body model that a sweep needs: joints without the mesh."""

    def centred_joints(
        self,
        parameters: Any,  # what the regressor beside it estimates
        joint_set: JointSet,
    ) -> Float[Tensor, "batch joints 3"]:
        """Joints relative to the pelvis of the joint set, metres."""
        ...


@dataclass(frozen=True)
class Measured:
    """Joints of all passes of one crop and their distances; the first pass is the clean crop.

    Attributes:
        joints_m: pelvis-centred joints, (P, J, 3), metres.
        true_joints_m: pelvis-centred ground truth, (J, 3), metres; None where there is no truth.
        from_clean_mm: by metric, distance from the clean estimate, (P, J).
        from_truth_mm: by metric, distance from the truth, (P, J); empty where there is none.
    """

    joints_m: Float32[np.ndarray, "passes joints 3"]
    true_joints_m: Float32[np.ndarray, "joints 3"] | None
    from_clean_mm: dict[str, Float32[np.ndarray, "passes joints"]]
    from_truth_mm: dict[str, Float32[np.ndarray, "passes joints"]]


@torch.inference_mode()
def measure(
    body: JointBody,
    joint_set: JointSet,
    metrics: Mapping[str, Metric],
    estimates: Estimates,
    unchanged: Bool[Tensor, " passes"],
    true_joints: Float[Tensor, "joints 3"] | None,
) -> Measured:
    """Measures the estimates of one crop.

    Args:
        body: the body that the estimates are parameters of.
        joint_set: the joints to measure.
        metrics: by name.
        estimates: the clean estimate, then one per window, P = 1 + W of them.
        unchanged: passes that showed the network the clean crop, (P,). They take the clean pass's values, so
            that the rounding of differently filled batches does not look like an effect.
        true_joints: centred true joints, (J, 3), metres; None where there is no truth.

    Raises:
        SweepError: a metric gives another shape than (B, J), or NaN.
    """
    joints = clean_where_unchanged(centred_joints(body, joint_set, estimates), unchanged)

    # Differences of nearby points: float64 keeps rounding out of what is shown in millimetres.
    predicted = joints.double()

    def from_target(name: str, target: Tensor) -> Tensor:
        values = distances_mm(name, metrics[name], predicted, target.double().expand_as(predicted))
        return clean_where_unchanged(values, unchanged)

    def from_clean(name: str) -> Tensor:
        values = from_target(name, joints[0])
        values[unchanged] = 0.0  # aligning a set to itself leaves some 1e-13
        return values

    return Measured(
        joints_m=as_array(joints),
        true_joints_m=None if true_joints is None else as_array(true_joints),
        from_clean_mm={name: as_array(from_clean(name)) for name in metrics},
        from_truth_mm={}
        if true_joints is None
        else {name: as_array(from_target(name, true_joints)) for name in metrics},
    )


def distances_mm(
    name: str,
    metric: Metric,
    predicted: Float[Tensor, "batch joints 3"],
    target: Float[Tensor, "batch joints 3"],
) -> Float[Tensor, "batch joints"]:
    """What a metric says of joints in metres, in millimetres.

    Raises:
        SweepError: it gives another shape than (B, J), or NaN.
    """
    values: object = metric(predicted.clone(), target.clone())  # it may write to what it is given
    if not isinstance(values, Tensor) or values.shape != predicted.shape[:2]:
        gave = tuple(values.shape) if isinstance(values, Tensor) else f"a {type(values).__name__}"
        raise SweepError(
            f"metric {name!r} gave {gave} for joints {tuple(predicted.shape)}; it must give (B, J) distances"
        )
    if not values.isfinite().all():
        raise SweepError(f"metric {name!r} gave NaN or infinite distances for finite joints")
    return _MM_PER_M * values


def clean_where_unchanged(
    values: Float[Tensor, "passes ..."], unchanged: Bool[Tensor, " passes"]
) -> Float[Tensor, "passes ..."]:
    """Values of all passes (P, ...), with those of the clean pass, the first, for unchanged passes."""
    mask = unchanged.view(-1, *(1,) * (values.dim() - 1))
    return torch.where(mask, values[:1], values)


@torch.inference_mode()
def centred_joints(
    body: JointBody, joint_set: JointSet, parameters: Estimates
) -> Float[Tensor, "batch joints 3"]:
    """Joints relative to the pelvis for any number of bodies, (B, J, 3) metres, some at a time."""
    starts = range(0, len(parameters), _BODIES_AT_ONCE)
    parts = [body.centred_joints(parameters[start : start + _BODIES_AT_ONCE], joint_set) for start in starts]
    return torch.cat(parts)


def of_joints(of_parts: Float[Tensor, "batch 24"], joint_set: JointSet) -> Float[Tensor, "batch joints"]:
    """What is known of SMPL's joints, or parts, of the joints of a set: each has that of its part.

    The part is the one that moves with the joint (`body.parts.part_of_joint`): the elbow has that of the
    forearm, the top of the head that of the head. NaN for joints without a part.
    """
    parts = [part_of_joint(name) for name in joint_set.joint_names]
    with_none = torch.nn.functional.pad(of_parts, (0, 1), value=torch.nan)
    return with_none[:, [-1 if part is None else part for part in parts]]


def as_array(tensor: Tensor) -> Float32[np.ndarray, "..."]:
    """A float32 copy on the host."""
    return tensor.to("cpu", torch.float32, copy=True).numpy()


def check_ground_truth(ground_truth: BodyParameters, crops: int, first: int = 0) -> None:
    """Makes sure that there is one finite body per crop.

    Args:
        ground_truth: the true bodies.
        crops: how many there should be.
        first: number of the first crop, for messages.

    Raises:
        GroundTruthError: the numbers of bodies and crops differ, or rotations or betas have NaN or infinite
            values. The camera is not looked at: errors do not depend on it.
    """
    if len(ground_truth) != crops:
        raise GroundTruthError(
            f"ground truth has {len(ground_truth)} bodies for {crops} crops; give one for each crop"
        )
    for name in ("rotmats", "betas"):
        values: Tensor = getattr(ground_truth, name)
        broken = ~values.isfinite().flatten(1).all(dim=1)
        if broken.any():
            number = first + int(broken.nonzero()[0])
            raise GroundTruthError(
                f"ground truth {name} of crop {number} has NaN or infinite values; "
                "leave the crop out or correct its annotation"
            )
