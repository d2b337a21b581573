"""Joints of a posed body without its mesh: the kinematic chain, and skinning of a few vertices."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from occlusion_toolkit.body.joints import PARENTS


@dataclass(frozen=True)
class PosedSkeleton:
    """World rotations and positions of the 24 joints, in the frame of the root rotation.

    Attributes:
        rotations: (B, 24, 3, 3).
        positions: (B, 24, 3) metres.
    """

    rotations: Float[Tensor, "batch 24 3 3"]
    positions: Float[Tensor, "batch 24 3"]


_PARENT_OR_SELF = [max(parent, 0) for parent in PARENTS]


def pose_skeleton(
    rotmats: Float[Tensor, "batch 24 3 3"], rest_joints: Float[Tensor, "batch 24 3"]
) -> PosedSkeleton:
    """Turns every bone by its joint's rotation, from the root outwards (SMPL paper, eq. 3-4).

    Args:
        rotmats: rotations relative to the parent.
        rest_joints: joints of the shaped body in T-pose, metres.

    Returns:
        World rotations and positions; the root stays where the rest joints have it.
    """
    bones = rest_joints - rest_joints[:, _PARENT_OR_SELF]
    # Rotation and bone side by side: one product per joint turns both into the world.
    local = torch.cat([rotmats, bones[..., None]], dim=3).unbind(1)
    rotations, positions = [rotmats[:, 0]], [rest_joints[:, 0]]
    for joint in range(1, len(PARENTS)):
        parent = PARENTS[joint]
        world = rotations[parent] @ local[joint]
        rotations.append(world[..., :3])
        positions.append(positions[parent] + world[..., 3])
    return PosedSkeleton(torch.stack(rotations, dim=1), torch.stack(positions, dim=1))


def pose_features(rotmats: Float[Tensor, "batch 24 3 3"]) -> Float[Tensor, "batch 207"]:
    """What SMPL's pose blend shapes are driven by: R - I of the 23 joints below the root, flat."""
    identity = torch.eye(3, dtype=rotmats.dtype, device=rotmats.device)
    return (rotmats[:, 1:] - identity).flatten(1)
