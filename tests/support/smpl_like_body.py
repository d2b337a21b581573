"""A body with SMPL's numbers of vertices and faces that owes nothing to SMPL: the open body, refined.

Splitting 890 of the open body's triangles into three gives 6,890 vertices and 13,776 triangles. The vertices
are then put in an order in which smplx's SMPL ids of nose, eyes, toes and finger tips are those points.
"""

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from smplx.vertex_ids import vertex_ids as smplx_vertex_ids

from occlusion_toolkit.body.arrays import NUM_JOINTS, NUM_POSE_FEATURES, SMPL_TOPOLOGY, BodyArrays, Gender
from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.open_body import open_body_arrays

NUM_VERTICES = 6890
SMPL_VERTEX_IDS = {name: int(vertex) for name, vertex in smplx_vertex_ids["smplh"].items()}

GENDER_HEIGHT = {"neutral": 1.0, "male": 1.04, "female": 0.95}
"""Height over that of the open body: what tells the synthetic genders apart."""


@functools.cache
def smpl_like_arrays(gender: str = "neutral", num_betas: int = 10) -> BodyArrays:
    """The synthetic SMPL body of a gender, as a reader of its files should return it."""
    body = open_body_arrays()
    refine, faces = _split_faces(body.faces, body.num_vertices)
    order = _smpl_order(body)
    place = np.argsort(order)  # place[old vertex] = new vertex
    weights = (refine @ body.weights)[order]
    shapedirs = (refine @ body.shapedirs[..., :10].reshape(body.num_vertices, -1)).reshape(-1, 3, 10)
    return BodyArrays(
        topology="smpl",
        v_template=(refine @ body.v_template)[order] * GENDER_HEIGHT[gender],
        shapedirs=_with_more_betas(shapedirs[order], num_betas),
        joint_regressor=_padded(body.joint_regressor)[:, order],
        weights=weights,
        faces=place[faces],
        vertex_ids=SMPL_VERTEX_IDS,
        posedirs=_pose_offsets(weights),
        h36m_regressor=_padded(body.h36m_regressor)[:, order],
    )


def cut_to_ten_betas(arrays: BodyArrays) -> BodyArrays:
    return dataclasses.replace(arrays, shapedirs=arrays.shapedirs[..., :10])


def _split_faces(faces: NDArray[np.integer], count: int) -> tuple[sparse.csr_matrix, NDArray[np.int64]]:
    """Puts a vertex into the middle of some faces: the matrix (6890, V) of old to new, and the new faces."""
    added = NUM_VERTICES - count
    chosen = np.linspace(0, len(faces) - 1, added).astype(int)
    corners = faces[chosen]
    middle = count + np.arange(added)
    rows = np.concatenate([np.arange(count), np.repeat(middle, 3)])
    columns = np.concatenate([np.arange(count), corners.ravel()])
    shares = np.concatenate([np.ones(count), np.full(3 * added, 1 / 3)])
    refine = sparse.csr_matrix((shares, (rows, columns)), shape=(NUM_VERTICES, count))
    fans = [np.stack([corners[:, i], corners[:, (i + 1) % 3], middle], axis=1) for i in range(3)]
    return refine, np.concatenate([np.delete(faces, chosen, axis=0), *fans])


def _smpl_order(body: BodyArrays) -> NDArray[np.int64]:
    """Old vertex of every new one, with the named vertices at their SMPL ids and the others in turn."""
    order = np.full(NUM_VERTICES, -1)
    for name, vertex in SMPL_VERTEX_IDS.items():
        order[vertex] = body.vertex_ids[name]
    order[order < 0] = np.setdiff1d(np.arange(NUM_VERTICES), order)
    return order


def _with_more_betas(shapedirs: NDArray[np.float64], num_betas: int) -> NDArray[np.float64]:
    more = np.random.default_rng(1).normal(0, 1e-3, (NUM_VERTICES, 3, num_betas - 10))
    return np.concatenate([shapedirs, more], axis=-1)


def _pose_offsets(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth offsets (V, 3, 207) of some millimetres around the joint that causes them."""
    joint = np.repeat(np.arange(1, NUM_JOINTS), 9)
    directions = np.random.default_rng(2).normal(0, 4e-3, (3, NUM_POSE_FEATURES))
    return weights[:, None, joint] * directions


def _padded(regressor: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.pad(regressor, ((0, 0), (0, NUM_VERTICES - regressor.shape[1])))


class _SMPLLike(Bodies):
    def _read(self, topology: str, gender: Gender) -> BodyModel:
        if topology == SMPL_TOPOLOGY:
            return BodyModel(smpl_like_arrays(gender))
        return super()._read(topology, gender)


def smpl_like_bodies() -> Bodies:
    """The synthetic bodies of all genders in the place of SMPL's, without files."""
    return _SMPLLike()
