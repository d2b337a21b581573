"""The 49 joints that SPIN, EFT and PARE train with: OpenPose's 25, then 24 of several data sets ("J24")."""

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from occlusion_toolkit.body.arrays import VERTEX_NAMES, BodyArrays
from occlusion_toolkit.body.joints import H36M17, JointSet
from occlusion_toolkit.body.kinematics import FoldedRegressor, Skeleton
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.errors import BodyModelError

NUM_OPENPOSE = 25
"""Joints 0 to 24 are OpenPose's BODY_25; joints from 25 on are J24."""

_OPENPOSE = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow",
    "left_wrist", "mid_hip", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "right_eye", "left_eye", "right_ear", "left_ear", "left_big_toe", "left_small_toe", "left_heel",
    "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip
_OPENPOSE_MIRROR = (
    0, 1, 5, 6, 7, 2, 3, 4, 8, 12, 13, 14, 9, 10, 11, 16, 15, 18, 17, 22, 23, 24, 19, 20, 21,
)  # fmt: skip

J24 = JointSet(
    "j24",
    (
        "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist",
        "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "neck", "head_top",
        "pelvis_mpii", "thorax_mpii", "spine_h36m", "jaw_h36m", "head_h36m", "nose", "left_eye", "right_eye",
        "left_ear", "right_ear",
    ),
    (5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13, 14, 15, 16, 17, 18, 19, 21, 20, 23, 22),
)  # fmt: skip
"""The 24 joints of which data sets annotate some, in SPIN's order; the first 14 are LSP's."""

J24_HIPS = (J24.index("right_hip"), J24.index("left_hip"))
"""The joints whose mean centres 3D joints in training."""

SPIN49 = JointSet(
    "spin49",
    (*(f"openpose_{name}" for name in _OPENPOSE), *J24.joint_names),
    (*_OPENPOSE_MIRROR, *(NUM_OPENPOSE + joint for joint in J24.mirror)),
)
"""All of them. Keypoints of OpenPose and of the data sets never mix, so a wrist is there twice."""

# Into SMPL's 24 joints, the 21 `VERTEX_NAMES` and 9 regressed joints, in this order.
_PLACES = (
    24, 12, 17, 19, 21, 16, 18, 20, 0, 2, 5, 8, 1, 4, 7, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34,
    8, 5, 45, 46, 4, 7, 21, 19, 17, 16, 18, 20, 47, 48, 49, 50, 51, 52, 53, 24, 26, 25, 28, 27,
)  # fmt: skip

NUM_EXTRA = 9
"""Rows of `J_regressor_extra.npy`: hips, LSP's neck and top of the head, MPII's pelvis and thorax, H36M's
spine, jaw and head."""

_EXTRA_FROM_H36M = tuple(
    H36M17.index(name)
    for name in (
        "right_hip", "left_hip", "neck", "head_top", "pelvis", "neck", "spine", "nose", "head_top",
    )
)  # fmt: skip


class Joints49(Skeleton):
    """The 49 joints of posed bodies, without their meshes.

    Args:
        arrays: the body.
        extra: `J_regressor_extra.npy`, (9, V). Without it rows of the H36M regressor that mean nearly the
            same stand in; then only results of bodies without the file are comparable with each other.

    Raises:
        BodyModelError: the body has neither.
    """

    def __init__(self, arrays: BodyArrays, extra: NDArray[np.floating] | None = None) -> None:
        super().__init__(arrays)
        if extra is None:
            if arrays.h36m_regressor is None:
                raise BodyModelError(
                    f"body {arrays.topology!r} has no regressor for the joints of training data; put "
                    "J_regressor_extra.npy (from the data archive of SPIN or PARE) beside the body's files"
                )
            extra = arrays.h36m_regressor[list(_EXTRA_FROM_H36M)]
        picked: NDArray[np.float64] = np.zeros((len(VERTEX_NAMES), arrays.num_vertices))
        picked[np.arange(len(VERTEX_NAMES)), [arrays.vertex_ids[name] for name in VERTEX_NAMES]] = 1.0
        self._regressor = FoldedRegressor(arrays, np.concatenate([picked, extra]))

    def forward(self, parameters: BodyParameters) -> Float[Tensor, "batch 49 3"]:
        """The joints in the camera frame of the root rotation, not centred, metres."""
        with torch.autocast(self.rest_joints.device.type, enabled=False):
            skeleton = self.posed(parameters)
            regressed = self._regressor(parameters.rotmats, parameters.betas, skeleton)
            return torch.cat((skeleton.positions, regressed), dim=1)[:, list(_PLACES)]
