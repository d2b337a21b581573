"""Joint and vertex errors as the PARE, SPIN and EFT evaluations define them, with their alignment."""

from dataclasses import dataclass

import roma
import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Similarity:
    """The map x -> scale * rotation @ x + translation, one per batch entry.

    Attributes:
        rotation: proper rotations, never mirrors, (B, 3, 3).
        scale: non-negative factors, (B,).
        translation: (B, 3), in the unit of the target points.
    """

    rotation: Float[Tensor, "batch 3 3"]
    scale: Float[Tensor, " batch"]
    translation: Float[Tensor, "batch 3"]

    def __call__(self, points: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch points 3"]:
        """The mapped points, (B, P, 3)."""
        rotated = points @ self.rotation.mT
        return self.scale[:, None, None] * rotated + self.translation[:, None]


def centre_on(
    points: Float[Tensor, "batch points 3"], root: Float[Tensor, "batch 3"]
) -> Float[Tensor, "batch points 3"]:
    """The points relative to a root, (B, P, 3)."""
    return points - root[:, None]


def procrustes(
    predicted: Float[Tensor, "batch points 3"], target: Float[Tensor, "batch points 3"]
) -> Similarity:
    """The similarity that brings each predicted point set closest to its target.

    Minimises the sum of squared distances over rotation, isotropic scale and translation; all points weigh
    the same (Umeyama 1991, equations 40-42, by `roma.rigid_points_registration`). Computed in float64 and
    returned in the type of the input.

    Degenerate sets are handled: points on a line or plane leave the rotation about it free and any best one
    is returned; points that all coincide get scale 1, and only their position is matched.

    Args:
        predicted: points to move, (B, P, 3).
        target: points to reach, (B, P, 3), same unit.

    Returns:
        One similarity per batch entry.
    """
    source, goal = predicted.double(), target.double()
    spread = (source - source.mean(dim=1, keepdim=True)).square().sum(dim=(1, 2))
    # Below float32 rounding of the coordinates there is no shape to scale or turn, only noise.
    rounding = source.square().sum(dim=(1, 2)) * torch.finfo(torch.float32).eps ** 2
    is_point = spread <= rounding
    rotation, translation, scale = roma.rigid_points_registration(source, goal, compute_scaling=True)
    identity = torch.eye(3, dtype=source.dtype, device=source.device)
    rotation = torch.where(is_point[:, None, None], identity, rotation)
    scale = torch.where(is_point, torch.ones_like(scale), scale)
    only_shift = goal.mean(dim=1) - source.mean(dim=1)
    translation = torch.where(is_point[:, None], only_shift, translation)
    kind = predicted.dtype
    return Similarity(rotation.to(kind), scale.to(kind), translation.to(kind))


def align(
    predicted: Float[Tensor, "batch points 3"], target: Float[Tensor, "batch points 3"]
) -> Float[Tensor, "batch points 3"]:
    """The predicted points after the best similarity onto their targets, (B, P, 3); see `procrustes`."""
    source = predicted.double()
    return procrustes(source, target.double())(source).to(predicted.dtype)


def mpjpe(
    predicted: Float[Tensor, "batch joints 3"], target: Float[Tensor, "batch joints 3"]
) -> Float[Tensor, "batch joints"]:
    """Distance of every joint from its target.

    MPJPE is the mean of this over joints and people when both sides were centred on their pelvis before
    (`centre_on`); the pelvis need not be among the joints.

    Args:
        predicted: root-centred joints, (B, J, 3), metres.
        target: root-centred joints, (B, J, 3), metres.

    Returns:
        Distances, (B, J), metres.

    Example:
        >>> mpjpe(torch.tensor([[[0.3, 0.4, 0.0]]]), torch.zeros(1, 1, 3))
        tensor([[0.5000]])
    """
    return _distances(predicted, target)


def pa_mpjpe(
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

    Example:
        >>> joints = torch.tensor([[[0.0, 0.0, 0.0], [0.2, 0.0, 0.0], [0.0, 0.5, 0.1]]])
        >>> float(pa_mpjpe(2 * joints + 1, joints).max().round(decimals=4))  # size and place do not matter
        0.0
    """
    return mpjpe(align(predicted, target), target)


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
