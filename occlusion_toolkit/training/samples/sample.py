"""What training draws: one person, augmented, with all ground truth that there is."""

from typing import NamedTuple

from torch import Tensor

IGNORED_LABEL = 255
"""Part label of pixels that do not count, as all of people without labels."""


class Sample(NamedTuple):
    """One person; PyTorch's default collation makes a batch of it, with a leading dimension.

    Ground truth that is not annotated is zero; the flags and confidences say so.

    Attributes:
        crop: RGB, (3, R, R) uint8, not normalised; or what a frozen trunk saw of it, (n,) float16.
        keypoints: x and y in [-1, 1] over the crop and confidence of `SPIN49`, (49, 3).
        joints_3d: camera frame, metres, any origin, and confidence of `J24`, (24, 4).
        rotmats: joint rotations, root in the camera frame, (24, 3, 3).
        betas: shape, (10,).
        has_smpl: whether rotmats and betas are annotated, () bool.
        has_pose_3d: whether joints_3d are annotated, () bool.
        gender: index into `GENDERS` of the body that the betas belong to, () int64.
        labels: 0 background, k + 1 part k, `IGNORED_LABEL` where unknown, (R / stride, R / stride) uint8.
        source: index of the training set in the mix, () int64.
        position: place of the sample in the run, () int64.
    """

    crop: Tensor
    keypoints: Tensor
    joints_3d: Tensor
    rotmats: Tensor
    betas: Tensor
    has_smpl: Tensor
    has_pose_3d: Tensor
    gender: Tensor
    labels: Tensor
    source: Tensor
    position: Tensor
