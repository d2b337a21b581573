"""The 6D rotation of Zhou et al. (CVPR 2019): interleaved by SPIN, EFT and PARE, as columns by HMR2.0."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def rot6d_to_rotmat(rot6d: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 3 3"]:
    """Rotation matrices whose first two columns span the same plane as the two 6D columns.

    The six numbers are a 3x2 matrix in row-major order, so column 0 is (v0, v2, v4) and column 1 is
    (v1, v3, v5); reading them as two consecutive triplets gives a different, wrong rotation. Columns are
    orthonormalised by Gram-Schmidt (Zhou et al. 2019, Eq. 15) and completed by their cross product.

    Args:
        rot6d: any real numbers, (..., 6).

    Returns:
        Proper rotations (determinant +1), (..., 3, 3).
    """
    columns = rot6d.reshape(*rot6d.shape[:-1], 3, 2)
    return _orthonormal(columns[..., 0], columns[..., 1])


def columns_to_rotmat(rot6d: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 3 3"]:
    """The same from the layout of HMR2.0 and CameraHMR: the first column, then the second.

    Args:
        rot6d: any real numbers, (..., 6).

    Returns:
        Proper rotations (determinant +1), (..., 3, 3).
    """
    return _orthonormal(rot6d[..., :3], rot6d[..., 3:])


def _orthonormal(
    first: Float[Tensor, "*batch 3"], second: Float[Tensor, "*batch 3"]
) -> Float[Tensor, "*batch 3 3"]:
    """Rotations whose first two columns span the plane of two vectors, by Gram-Schmidt."""
    x = functional.normalize(first, dim=-1)
    overlap = (x * second).sum(dim=-1, keepdim=True)
    y = functional.normalize(second - overlap * x, dim=-1)
    z = torch.linalg.cross(x, y, dim=-1)
    return torch.stack((x, y, z), dim=-1)


def rotmat_to_rot6d(rotmats: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 6"]:
    """The first two columns of rotation matrices, interleaved: the inverse of `rot6d_to_rotmat`.

    Args:
        rotmats: rotations, (..., 3, 3).

    Returns:
        6D rotations, (..., 6).
    """
    return rotmats[..., :2].flatten(-2)
