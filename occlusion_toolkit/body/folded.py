"""A vertex regressor folded through linear blend skinning: regressed joints without vertices."""

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from occlusion_toolkit.body.arrays import NUM_BETAS, NUM_JOINTS, NUM_POSE_FEATURES, BodyArrays
from occlusion_toolkit.body.kinematics import PosedSkeleton, pose_features


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
        self._keep("share", share)
        self._keep("offset", fold(arrays.v_template[..., None])[..., 0])
        directions = np.concatenate(columns, axis=-1)
        self._keep("offset_dirs", np.moveaxis(directions, -1, 0).reshape(directions.shape[-1], -1))

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

    def _keep(self, name: str, array: NDArray[np.floating]) -> None:
        tensor = torch.from_numpy(np.ascontiguousarray(array)).to(torch.get_default_dtype())
        self.register_buffer(name, tensor, persistent=False)
