"""Predicted and true bodies to errors, one row per person; nothing is averaged and nothing is kept."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import JointSet
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.protocol import PVEAlignment
from occlusion_toolkit.sweep.metrics import centre_on, mpjpe, pa_mpjpe, pve

_MM_PER_M = 1000.0


@dataclass(frozen=True)
class PosedPeople:
    """People as they are compared.

    Attributes:
        joints: relative to the pelvis, (B, J, 3), metres.
        vertices: (B, V, 3), metres.
    """

    joints: Float[Tensor, "batch joints 3"]
    vertices: Float[Tensor, "batch vertices 3"]


@dataclass(frozen=True)
class Errors:
    """What is measured of each person, in millimetres and float64.

    Attributes:
        error_mm: distance of every joint, (B, J).
        pa_error_mm: the same after the best similarity of each person, never a mirror, (B, J).
        pve_mm: mean distance of the vertices, (B,).
    """

    error_mm: Float[Tensor, "batch joints"]
    pa_error_mm: Float[Tensor, "batch joints"]
    pve_mm: Float[Tensor, " batch"]


def posed(
    body: BodyModel, parameters: BodyParameters, joint_set: JointSet, pve_alignment: PVEAlignment
) -> PosedPeople:
    """Joints and vertices of bodies in the camera frame, without translation."""
    vertices = body(parameters).vertices
    if pve_alignment == "pelvis":
        vertices = centre_on(vertices, body.pelvis(parameters, joint_set))
    return PosedPeople(body.centred_joints(parameters, joint_set), vertices)


def measure(predicted: PosedPeople, true: PosedPeople) -> Errors:
    """Errors of each person; distances are taken in float64, since near points cancel."""
    joints = predicted.joints.double(), true.joints.double()
    return Errors(
        error_mm=_MM_PER_M * mpjpe(*joints),
        pa_error_mm=_MM_PER_M * pa_mpjpe(*joints),
        pve_mm=_MM_PER_M * pve(predicted.vertices.double(), true.vertices.double()),
    )


def collected(people: list[tuple[Tensor, PosedPeople]]) -> PosedPeople:
    """Groups of people put back into one batch.

    Args:
        people: for each group the rows it takes in the batch, and its people.
    """
    order = torch.cat([rows for rows, _ in people]).argsort()
    joints = torch.cat([group.joints for _, group in people])
    vertices = torch.cat([group.vertices for _, group in people])
    return PosedPeople(joints[order], vertices[order])
