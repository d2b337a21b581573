"""Joints without a body: what networks answer that know no body model, and how joint sets are mapped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from occlusion_toolkit.body.joints import JointSet
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.errors import UsageError

JOINTS_ALONE = "joints"
"""What cards call `body` where a regressor has none."""

_DERIVED: dict[str, dict[str, float]] = {
    "neck": {"shoulders": 1 - 0.25, "ears": 0.25 + 0.13, "nose": -0.13},
    "head_top": {"shoulders": -0.62, "ears": 1 + 0.62 - 0.14, "nose": 0.14},
    "pelvis": {"hips": 1 - 0.18, "shoulders": 0.18},
}
"""Joints of H36M's regressor from points that others have: weights of the nose and of the middles of ears,
shoulders and hips. Fitted on the open test set's bodies, where they leave 14, 18 and 40 mm in the mean
(docs/extend/joints.md)."""


@dataclass(frozen=True)
class JointOutput:
    """Joints of a batch of people, and nothing about their bodies.

    Attributes:
        joints: (B, J, 3), metres, along the camera's axes (x right, y down, z forward), from any origin.
        joint_set: which joints they are.
        confidence: how sure the network is of each, 0 to 1, (B, J); None where it does not say.
        points_px: where they are in the crop, x and y in pixels, (B, J, 2); None where it does not say.

    Raises:
        UsageError: a tensor has another number of joints than the joint set.

    Example:
        >>> from occlusion_toolkit.body.joints import LSP14
        >>> people = JointOutput(torch.zeros(2, 14, 3), LSP14, confidence=torch.ones(2, 14))
        >>> people[:1].joints.shape
        torch.Size([1, 14, 3])
    """

    joints: Float[Tensor, "batch joints 3"]
    joint_set: JointSet
    confidence: Float[Tensor, "batch joints"] | None = None
    points_px: Float[Tensor, "batch joints 2"] | None = None

    def __post_init__(self) -> None:
        for name, tensor in self.tensors.items():
            if tensor.shape[1] != len(self.joint_set):
                raise UsageError(
                    f"{name} has {tensor.shape[1]} joints, the joint set {self.joint_set.name!r} has "
                    f"{len(self.joint_set)}; give one for each"
                )

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Everything that was estimated, by name."""
        every = {"joints": self.joints, "confidence": self.confidence, "points_px": self.points_px}
        return {name: tensor for name, tensor in every.items() if tensor is not None}

    def with_tensors(self, tensors: Mapping[str, Tensor]) -> JointOutput:
        """Other people, by the names of `tensors`."""
        return JointOutput(joint_set=self.joint_set, **tensors)

    def __len__(self) -> int:
        return len(self.joints)

    def __getitem__(self, index: slice | Tensor) -> JointOutput:
        return self.with_tensors({name: tensor[index] for name, tensor in self.tensors.items()})

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> JointOutput:
        """The same joints on another device (and in another floating-point type)."""
        return self.with_tensors({name: tensor.to(device, dtype) for name, tensor in self.tensors.items()})

    def in_set(self, joint_set: JointSet) -> JointOutput:
        """The same people in other joints, by name.

        Neck, top of the head and pelvis come from their neighbours where there are none of these names.
        Confidence of a derived joint is the least of those it is made of.

        Raises:
            UsageError: a joint can neither be found nor derived.
        """
        if joint_set == self.joint_set:
            return self
        weights = _weights(self.joint_set, joint_set.joint_names, joint_set.name).to(self.joints)
        confidence = self.confidence
        if confidence is not None:
            used = (weights != 0)[None]
            confidence = confidence[:, None].masked_fill(~used, 1.0).amin(dim=2)
        return JointOutput(
            joints=weights @ self.joints,
            joint_set=joint_set,
            confidence=confidence,
            points_px=None if self.points_px is None else weights @ self.points_px,
        )

    def centred(self, joint_set: JointSet) -> Float[Tensor, "batch joints 3"]:
        """Joints of a set relative to its pelvis, metres.

        Raises:
            UsageError: a joint or the pelvis can neither be found nor derived.
        """
        pelvis = _weights(self.joint_set, ("pelvis",), joint_set.name).to(self.joints)
        return self.in_set(joint_set).joints - pelvis @ self.joints


Estimates = BodyParameters | JointOutput
"""What a network says about people."""


class JointsAlone:
    """Stands where a body model would, for networks that give joints."""

    topology = JOINTS_ALONE

    def centred_joints(self, parameters: JointOutput, joint_set: JointSet) -> Float[Tensor, "batch joints 3"]:
        """Joints relative to the pelvis of the joint set, metres."""
        return parameters.centred(joint_set)


@cache
def _weights(source: JointSet, names: tuple[str, ...], wanted: str) -> Float[Tensor, "wanted joints"]:
    """Rows that make joints of a set's, (W, J)."""
    rows: Float64[np.ndarray, "wanted joints"] = np.zeros((len(names), len(source)))
    missing = []
    for row, name in zip(rows, names, strict=True):
        if name in source.joint_names:
            row[source.index(name)] = 1.0
            continue
        for middle, weight in _DERIVED.get(name, {name: 1.0}).items():
            made_of = (
                [middle]
                if middle == "nose"
                else [f"{side}_{middle.removesuffix('s')}" for side in ("left", "right")]
            )
            missing += [name for joint in made_of if joint not in source.joint_names][:1]
            for joint in made_of:
                if joint in source.joint_names:
                    row[source.index(joint)] += weight / len(made_of)
    if missing:
        raise UsageError(
            f"joint set {source.name!r} cannot be mapped to {wanted!r}: it has no "
            f"{', '.join(dict.fromkeys(missing))}, and nothing to derive it from; measure another joint set"
        )
    return torch.from_numpy(rows)
