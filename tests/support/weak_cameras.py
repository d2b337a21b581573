"""The weak-perspective camera of a person whose joints are known in 3D and in the crop."""

from jaxtyping import Float
from torch import Tensor, cat


def fit_camera(
    joints_3d: Float[Tensor, "batch joints 3"], keypoints: Float[Tensor, "batch joints 3"]
) -> Float[Tensor, "batch 3"]:
    """The camera (s, tx, ty) that projects joints closest to where they are seen, weighted by confidence.

    Least squares in closed form: centred coordinates give the scale, the means give the shift.
    """
    weight = keypoints[..., 2:]
    weight = weight / weight.sum(dim=1, keepdim=True).clamp_min(1e-6)
    flat, seen = joints_3d[..., :2], keypoints[..., :2]
    mean_3d, mean_2d = (weight * flat).sum(dim=1, keepdim=True), (weight * seen).sum(dim=1, keepdim=True)
    around = weight * (flat - mean_3d)
    spread = (around * (flat - mean_3d)).sum(dim=(1, 2)).clamp_min(1e-6)
    scale = (around * (seen - mean_2d)).sum(dim=(1, 2)) / spread
    shift = mean_2d[:, 0] / scale[:, None].clamp_min(1e-3) - mean_3d[:, 0]
    return cat((scale[:, None], shift), dim=1)
