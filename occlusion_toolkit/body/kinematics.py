"""Joints of a posed body without its mesh: the kinematic chain, and regressors folded through skinning."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from occlusion_toolkit.body.arrays import NUM_BETAS, NUM_JOINTS, NUM_POSE_FEATURES, BodyArrays
from occlusion_toolkit.body.joints import PARENTS
from occlusion_toolkit.body.parameters import BodyParameters


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


def keep_array(module: nn.Module, name: str, array: NDArray[np.generic]) -> None:
    """Makes an array a buffer that moves with a module but never enters its state dict."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if tensor.is_floating_point():
        tensor = tensor.to(torch.get_default_dtype())
    module.register_buffer(name, tensor, persistent=False)


class Skeleton(nn.Module):
    """The 24 joints of a body, to be posed.

    Attributes:
        rest_joints: joints of the mean body in T-pose, (24, 3), metres.
        rest_joint_dirs: how each beta moves them, (24, 3, 10).
    """

    rest_joints: Tensor
    rest_joint_dirs: Tensor

    def __init__(self, arrays: BodyArrays) -> None:
        super().__init__()
        regressor = np.asarray(arrays.joint_regressor, dtype=np.float64)
        keep_array(self, "rest_joints", regressor @ arrays.v_template)
        directions = np.einsum("jv,vdk->jdk", regressor, arrays.shapedirs[..., :NUM_BETAS])
        keep_array(self, "rest_joint_dirs", directions)

    def posed(self, parameters: BodyParameters) -> PosedSkeleton:
        """The joints of posed people; the root stays where the rest joints have it."""
        moved = torch.einsum("jdk,bk->bjd", self.rest_joint_dirs, parameters.betas)
        return pose_skeleton(parameters.rotmats, self.rest_joints + moved)


class FoldedRegressor(nn.Module):
    """Regressed joints of a posed body, exact, at the price of a few small products.

    Skinning is linear in the vertices, and so is the regressor. With regressor h (r, v), weights
    w (v, j), world rotations R_j, joint positions p_j and rest joints q_j, a regressed joint is

        sum_v h_rv sum_j w_vj (R_j (x_v - q_j) + p_j) = sum_j (R_j m_rj + c_rj p_j)

    with c_rj = sum_v h_rv w_vj and m_rj = sum_v h_rv w_vj x_v - c_rj q_j. The m_rj are linear in
    betas and pose features, so their coefficients are computed once, in double precision.

    Args:
        arrays: the body.
        regressor: (R, V) rows over its vertices.
    """

    share: Tensor
    offset: Tensor
    offset_dirs: Tensor

    def __init__(self, arrays: BodyArrays, regressor: NDArray[np.floating]) -> None:
        super().__init__()
        used = np.flatnonzero(np.abs(regressor).sum(axis=0))
        folded = regressor[:, used, None] * arrays.weights[None, used]  # (R, used, 24)
        share = folded.sum(axis=1)

        def fold(directions: NDArray[np.floating]) -> NDArray[np.floating]:
            """Coefficients (R, 24, 3, K) of m from vertex directions (V, 3, K)."""
            rest = np.einsum("jv,vdk->jdk", arrays.joint_regressor, directions)
            moved: NDArray[np.floating] = np.einsum("rvj,vdk->rjdk", folded, directions[used])
            moved -= share[..., None, None] * rest
            return moved

        columns = [fold(arrays.shapedirs[..., :NUM_BETAS])]
        if arrays.posedirs is not None:  # pose offsets move vertices but not rest joints
            columns.append(np.einsum("rvj,vdk->rjdk", folded, arrays.posedirs[used]))
        keep_array(self, "share", share)
        keep_array(self, "offset", fold(arrays.v_template[..., None])[..., 0])
        directions = np.concatenate(columns, axis=-1)
        keep_array(self, "offset_dirs", np.moveaxis(directions, -1, 0).reshape(directions.shape[-1], -1))

    def forward(
        self,
        rotmats: Float[Tensor, "batch 24 3 3"],
        betas: Float[Tensor, "batch 10"],
        skeleton: PosedSkeleton,
    ) -> Float[Tensor, "batch rows 3"]:
        """The regressed joints in the frame of the skeleton, metres."""
        drivers = betas
        if len(self.offset_dirs) == NUM_BETAS + NUM_POSE_FEATURES:
            drivers = torch.cat([betas, pose_features(rotmats)], dim=1)
        rows = len(self.share)
        local = self.offset + (drivers @ self.offset_dirs).view(-1, rows, NUM_JOINTS, 3)
        turned = local.flatten(2) @ skeleton.rotations.transpose(2, 3).flatten(1, 2)
        return turned + self.share @ skeleton.positions
