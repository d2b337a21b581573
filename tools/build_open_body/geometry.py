"""Array types, mirroring and normals shared by the build steps."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ids = NDArray[np.int64]

MIRROR_X = np.array([-1.0, 1.0, 1.0])


def symmetric(points: Array, mirror: Ids) -> Array:
    """Mean of points (..., n, 3) and their mirror image."""
    return 0.5 * (points + points[..., mirror, :] * MIRROR_X)


def vertex_normals(vertices: Array, faces: Ids) -> Array:
    """Area-weighted unit normals (V, 3)."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    face_normals = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for i in range(3):
        np.add.at(normals, faces[:, i], face_normals)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def volume(vertices: Array, faces: Ids) -> float:
    """Signed volume inside a closed surface, cubic metres (divergence theorem)."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)
