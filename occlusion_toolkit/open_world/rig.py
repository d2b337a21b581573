"""Skinning of the open body and its wardrobe in NumPy: one matrix product poses every layer at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Floats = NDArray[np.float64]

PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
"""Parent of each of SMPL's 24 joints; the root has -1."""


def rotmats_from_axis_angle(axis_angle: Floats) -> Floats:
    """Return rotation matrices (..., 3, 3) of axis-angle vectors (..., 3)."""
    flat = np.asarray(axis_angle, dtype=np.float64).reshape(-1, 3)
    return Rotation.from_rotvec(flat).as_matrix().reshape(*np.shape(axis_angle)[:-1], 3, 3)


def axis_angle_from_rotmats(rotmats: Floats) -> Floats:
    """Return axis-angle vectors (..., 3) of rotation matrices (..., 3, 3)."""
    flat = np.asarray(rotmats, dtype=np.float64).reshape(-1, 3, 3)
    return Rotation.from_matrix(flat).as_rotvec().reshape(*np.shape(rotmats)[:-2], 3)


def forward_kinematics(rest_joints: Floats, rotmats: Floats) -> tuple[Floats, Floats]:
    """Chain local rotations along SMPL's tree.

    Args:
        rest_joints: (24, 3) joints of the T-pose in metres.
        rotmats: (24, 3, 3) rotation of each joint relative to its parent.

    Returns:
        Global rotations (24, 3, 3) and posed joints (24, 3) in metres, root joint left in place.
    """
    rotations = np.empty((24, 3, 3))
    positions = np.empty((24, 3))
    rotations[0], positions[0] = rotmats[0], rest_joints[0]
    for joint in range(1, 24):
        parent = PARENTS[joint]
        rotations[joint] = rotations[parent] @ rotmats[joint]
        bone = rest_joints[joint] - rest_joints[parent]
        positions[joint] = positions[parent] + rotations[parent] @ bone
    return rotations, positions


@dataclass(frozen=True)
class SkinnedMesh:
    """A mesh that follows the 24 joints: rest vertices (V, 3), normals (V, 3) and weights (V, 24)."""

    vertices: NDArray[np.float32]
    normals: NDArray[np.float32]
    weights: NDArray[np.float32]

    def posed(
        self, rest_joints: Floats, rotmats: Floats
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], Floats]:
        """Pose the mesh by linear blend skinning.

        Args:
            rest_joints: (24, 3) T-pose joints in metres.
            rotmats: (24, 3, 3) local rotations.

        Returns:
            Vertices (V, 3), unnormalised normals (V, 3) and joints (24, 3), in metres.
        """
        rotations, positions = forward_kinematics(rest_joints, rotmats)
        offsets = positions - np.einsum("jab,jb->ja", rotations, rest_joints)
        per_joint = np.concatenate([rotations.reshape(24, 9), offsets], axis=1).astype(np.float32)
        blended = self.weights @ per_joint
        x, y, z = self.vertices[:, 0:1], self.vertices[:, 1:2], self.vertices[:, 2:3]
        nx, ny, nz = self.normals[:, 0:1], self.normals[:, 1:2], self.normals[:, 2:3]
        columns = blended[:, :9].reshape(-1, 3, 3).transpose(2, 0, 1)
        vertices = columns[0] * x + columns[1] * y + columns[2] * z + blended[:, 9:]
        normals = columns[0] * nx + columns[1] * ny + columns[2] * nz
        return vertices, normals, positions


def vertex_normals(vertices: NDArray[np.floating], faces: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return area-weighted unit vertex normals (V, 3); vertices without faces get zeros."""
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros((len(vertices), 3))
    for corner in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(faces[:, corner], normals[:, axis], len(vertices))
    length = np.linalg.norm(total, axis=1, keepdims=True)
    unit: Floats = total / np.maximum(length, 1e-12)
    return unit.astype(np.float32)
