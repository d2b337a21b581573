"""163 MakeHuman bones merged into 24 SMPL joints: joint positions and skinning weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from geometry import Array, Ids
from scipy.spatial import cKDTree

from occlusion_toolkit.body.joints import SMPL24

if TYPE_CHECKING:
    from source import MakeHuman

MAX_INFLUENCES = 5
_DIFFUSION_STEPS = 4
_SMALLEST_WEIGHT = 0.004

_TRUNK = {
    "root": 0,
    "spine05": 0,
    "spine04": 0,
    "pelvis": 0,
    "spine03": 3,
    "spine02": 6,
    "breast": 6,
    "spine01": 9,
}
_LIMBS = (  # bone name prefix, joint of the left side; the right side is the next index
    ("upperleg", 1), ("lowerleg", 4), ("foot", 7), ("toe", 10), ("clavicle", 13), ("shoulder01", 13),
    ("upperarm", 16), ("lowerarm", 18), ("wrist", 20), ("metacarpal", 20), ("finger1-1", 20), ("finger", 22),
)  # fmt: skip
_NECK, _HEAD = 12, 15

_MIDLINE_HEADS = {0: "spine04", 3: "spine03", 6: "spine02", 9: "spine01", 12: "neck01", 15: "head"}
_LIMB_HEADS = {
    1: ("upperleg01",), 4: ("lowerleg01",), 7: ("foot",), 10: tuple(f"toe{k}-1" for k in range(1, 6)),
    13: ("clavicle",), 16: ("upperarm01",), 18: ("lowerarm01",), 20: ("wrist",),
    22: tuple(f"finger{k}-1" for k in range(2, 6)),
}  # fmt: skip


def joint_of_bone(label: str) -> int:
    """The SMPL joint that a MakeHuman bone moves with; the face moves with the head."""
    name, right = label, 0
    if label.endswith((".L", ".R")):
        name, right = label[:-2], int(label.endswith(".R"))
    if name in _TRUNK:
        return _TRUNK[name]
    if name.startswith("neck"):
        return _NECK
    for prefix, joint in _LIMBS:
        if name.startswith(prefix):
            return joint + right
    return _HEAD


def joints_from_heads(source: MakeHuman, heads: Array) -> Array:
    """SMPL's 24 joints (N, 24, 3) from bone heads: one head, or the mean over toes or fingers."""
    joints = np.empty((len(heads), 24, 3))
    for joint, label in _MIDLINE_HEADS.items():
        joints[:, joint] = heads[:, source.bone(label)]
    for joint, labels in _LIMB_HEADS.items():
        for right, side in enumerate("LR"):
            bones = [source.bone(f"{label}.{side}") for label in labels]
            joints[:, joint + right] = heads[:, bones].mean(axis=1)
    mirrored = joints[:, list(SMPL24.mirror)] * [-1.0, 1.0, 1.0]
    return 0.5 * (joints + mirrored)


def merged_weights(source: MakeHuman, vertex_ids: Ids) -> Array:
    """MakeHuman's weights summed over the bones of each joint, (n, 24)."""
    bone_weights = source.bone_weights(vertex_ids)
    weights = np.zeros((len(vertex_ids), 24))
    for bone, label in enumerate(source.bone_labels):
        weights[:, joint_of_bone(label)] += bone_weights[:, bone]
    return weights


def smoothed_weights(weights: Array, points: Array, faces: Ids, mirror: Ids) -> Array:
    """Weights diffused a little over the mesh, pruned and made exactly symmetric.

    Merging MakeHuman's twist bones narrows the band in which a limb bends; four diffusion steps
    with inverse edge lengths widen it again.
    """
    averaging = _neighbour_average(points, faces)
    for _ in range(_DIFFUSION_STEPS):
        weights = 0.5 * (weights + averaging @ weights)
    weights = 0.5 * (weights + weights[mirror][:, list(SMPL24.mirror)])
    pruned = prune(weights)
    pruned = 0.5 * (pruned + pruned[mirror][:, list(SMPL24.mirror)])
    return pruned / pruned.sum(axis=1, keepdims=True)


def prune(weights: Array) -> Array:
    """The largest weights of each row (at most five, ties at the cut all dropped), normalised."""
    weights = np.where(weights < _SMALLEST_WEIGHT, 0.0, weights)
    first_dropped = np.sort(weights, axis=1)[:, -MAX_INFLUENCES - 1][:, None]
    weights = np.where(weights > first_dropped + 1e-12, weights, 0.0)
    return weights / weights.sum(axis=1, keepdims=True)


def transferred_weights(points: Array, body: Array, body_weights: Array, neighbours: int = 6) -> Array:
    """Weights of points near the body, blended from the nearest body vertices.

    A garment that takes the skin's own weights moves with the skin and does not cut into it.
    """
    distance, index = cKDTree(body).query(points, k=neighbours)
    share = 1 / np.maximum(distance, 1e-4) ** 2
    share /= share.sum(axis=1, keepdims=True)
    return prune(np.einsum("nk,nkj->nj", share, body_weights[index]))


def _neighbour_average(points: Array, faces: Ids) -> sp.csr_matrix:
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0)
    length = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    closeness = 1 / np.maximum(length, 2e-3)
    shape = (len(points), len(points))
    matrix = sp.coo_matrix((closeness, (edges[:, 0], edges[:, 1])), shape=shape).tocsr()
    return sp.csr_matrix(sp.diags(1 / np.asarray(matrix.sum(axis=1)).ravel()) @ matrix)
