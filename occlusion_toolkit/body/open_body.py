"""The open body: a free adult in SMPL's format that ships with the toolkit."""

import functools
from collections.abc import Mapping
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from occlusion_toolkit.body.arrays import NUM_JOINTS, BodyArrays
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import H36M17
from occlusion_toolkit.errors import BodyModelError

OPEN_BODY_TOPOLOGY = "open-adult-6000-v1"


def load_open_body() -> BodyModel:
    """A new `BodyModel` of the packaged open body.

    The file is read once per process; each call returns its own module, so that moving one to a
    device does not move another.

    Raises:
        BodyModelError: the packaged file is missing or damaged.
    """
    return BodyModel(open_body_arrays())


@functools.cache
def open_body_arrays() -> BodyArrays:
    """The arrays of the open body, read once per process."""
    packed = resources.files("occlusion_toolkit.body") / "data" / "open_body.npz"
    try:
        with packed.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return unpack(dict(archive))
    except (OSError, ValueError, KeyError) as error:
        raise BodyModelError(
            f"the packaged open body cannot be read ({error}); reinstall occlusion-toolkit"
        ) from error


def unpack(packed: Mapping[str, NDArray[np.generic]]) -> BodyArrays:
    """Expands the compact npz arrays (docs/open-body.md) to SMPL's dense ones."""
    template = packed["v_template"].astype(np.float64)
    count = len(template)
    names = [str(name) for name in packed["vertex_id_names"]]
    return BodyArrays(
        topology=str(packed["topology"]),
        v_template=template,
        shapedirs=packed["shapedirs"].astype(np.float64),
        joint_regressor=_dense_regressor(packed, "joint_regressor", NUM_JOINTS, count),
        weights=dense_weights(packed["weight_joint"], packed["weight_share"]),
        faces=packed["faces"].astype(np.int64),
        vertex_ids=dict(zip(names, packed["vertex_ids"].astype(int).tolist(), strict=True)),
        parents=packed["parents"].astype(np.int64),
        h36m_regressor=_dense_regressor(packed, "h36m_regressor", len(H36M17), count),
        vertex_parts=packed["vertex_parts"].astype(np.int64),
        mirror=packed["mirror"].astype(np.int64),
    )


def dense_weights(joint: NDArray[np.generic], share: NDArray[np.generic]) -> NDArray[np.float64]:
    """Skinning weights (n, 24) from joint indices (n, 5) and unnormalised shares (n, 5)."""
    weights: NDArray[np.float64] = np.zeros((len(joint), NUM_JOINTS))
    rows = np.arange(len(joint))
    for slot in range(joint.shape[1]):
        weights[rows, joint[:, slot].astype(np.intp)] += share[:, slot].astype(np.float64)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def _dense_regressor(
    packed: Mapping[str, NDArray[np.generic]], name: str, rows: int, count: int
) -> NDArray[np.float64]:
    dense: NDArray[np.float64] = np.zeros((rows, count))
    row, vertex = packed[f"{name}_row"].astype(np.intp), packed[f"{name}_vertex"].astype(np.intp)
    dense[row, vertex] = packed[f"{name}_weight"].astype(np.float64)
    dense /= dense.sum(axis=1, keepdims=True)
    return dense
