"""Joint and vertex errors as the PARE, SPIN and EFT evaluations define them, before any averaging."""

import torch
from jaxtyping import Float
from torch import Tensor

from occlusion_toolkit.metrics.alignment import align


def mpjpe_per_joint(
    predicted: Float[Tensor, "batch joints 3"], target: Float[Tensor, "batch joints 3"]
) -> Float[Tensor, "batch joints"]:
    """Distance of every joint from its target.

    MPJPE is the mean of this over joints and people when both sides were centred on their pelvis before
    (`alignment.centre_on`); the pelvis need not be among the joints.

    Args:
        predicted: root-centred joints, (B, J, 3), metres.
        target: root-centred joints, (B, J, 3), metres.

    Returns:
        Distances, (B, J), metres.
    """
    return _distances(predicted, target)


def pa_mpjpe_per_joint(
    predicted: Float[Tensor, "batch joints 3"], target: Float[Tensor, "batch joints 3"]
) -> Float[Tensor, "batch joints"]:
    """Distance of every joint from its target after the best similarity of each person.

    PA-MPJPE is the mean of this over joints and people. Only the joints given take part in the alignment,
    all with the same weight; where the point sets start does not matter.

    Args:
        predicted: joints, (B, J, 3), metres.
        target: joints, (B, J, 3), metres.

    Returns:
        Distances, (B, J), metres.
    """
    return mpjpe_per_joint(align(predicted, target), target)


def pve(
    predicted: Float[Tensor, "batch vertices 3"], target: Float[Tensor, "batch vertices 3"]
) -> Float[Tensor, " batch"]:
    """Mean distance between corresponding vertices (per-vertex error, V2V).

    As in PARE's evaluation nothing is aligned, not even the pelvis: both meshes are in body-model
    coordinates with their global orientation and without translation.

    Args:
        predicted: vertices, (B, V, 3), metres.
        target: vertices of the same topology, (B, V, 3), metres.

    Returns:
        Mean distances, (B,), metres.
    """
    return _distances(predicted, target).mean(dim=-1)


def _distances(
    predicted: Float[Tensor, "batch points 3"], target: Float[Tensor, "batch points 3"]
) -> Float[Tensor, "batch points"]:
    distances: Tensor = torch.linalg.vector_norm(predicted - target, dim=-1)
    return distances
