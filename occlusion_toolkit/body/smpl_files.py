"""Reads SMPL as it was published: Python-2 pickles of chumpy and scipy.sparse objects, without either."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from smplx.vertex_ids import vertex_ids as smplx_vertex_ids

from occlusion_toolkit.body.arrays import NUM_BETAS, NUM_JOINTS, SMPL_TOPOLOGY, VERTEX_NAMES, BodyArrays
from occlusion_toolkit.body.gender import Gender
from occlusion_toolkit.body.joints import H36M17
from occlusion_toolkit.body.smpl_folder import SmplFolder
from occlusion_toolkit.body.smpl_regressors import check_order, read_regressor
from occlusion_toolkit.errors import BodyModelError
from occlusion_toolkit.files.inert import quoted
from occlusion_toolkit.files.pickled_chumpy import SMPL_DATA
from occlusion_toolkit.files.safe_pickle import load_pickle
from occlusion_toolkit.files.trust import TrustedFiles

NUM_SMPL_VERTICES = 6890
NUM_SMPL_FACES = 13776

_ENTRIES = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "f", "kintree_table")
_OTHER_BODIES = {10475: "SMPL-X", 778: "MANO (a hand)", 5023: "FLAME (a head)", 3889: "SMAL (an animal)"}
_UNSIGNED_MINUS_ONE = 2**32 - 1


def read_smpl(folder: SmplFolder, gender: Gender, trusted: TrustedFiles | None = None) -> BodyArrays:
    """One gender of SMPL with its H36M regressor, where the folder has that.

    Args:
        folder: SMPL's files.
        gender: which of the bodies.
        trusted: files that may be opened although they ask for foreign code.

    Raises:
        BodyModelError: a file is missing, or is not SMPL's; the message says what to do.
        UnsafeFileError: a file is malformed or asks for code.
    """
    body, _ = read_smpl_file(folder.body(gender), trusted)
    path = folder.h36m_regressor
    if path is None:
        return body
    regressor = read_regressor(path, len(H36M17), NUM_SMPL_VERTICES)
    check_order(regressor, body, path)
    return dataclasses.replace(body, h36m_regressor=regressor)


def read_smpl_file(path: Path, trusted: TrustedFiles | None = None) -> tuple[BodyArrays, int]:
    """The body in one of SMPL's .pkl files, without the regressors that come in files of their own.

    Args:
        path: the file.
        trusted: files that may be opened although they ask for foreign code.

    Returns:
        The body, cut to 10 betas, and how many betas the file has: 10 in version 1.0.0, 300 in 1.1.0.

    Raises:
        BodyModelError: the file is not SMPL's; the message says what it is instead, where that is known.
        UnsafeFileError: the file is malformed or asks for code.
    """
    content = load_pickle(path, allow=SMPL_DATA, trusted=trusted)
    entries = _entries(content, path)
    template, faces, tree = entries["v_template"], entries["f"], entries["kintree_table"]
    _check_mesh(template, faces, tree, path)
    shapedirs = entries["shapedirs"]
    parents = tree[0].astype(np.int64)
    parents[parents == _UNSIGNED_MINUS_ONE] = -1
    ids = smplx_vertex_ids["smplh"]  # the mesh of SMPL+H is SMPL's
    try:
        body = BodyArrays(
            topology=SMPL_TOPOLOGY,
            v_template=template,
            shapedirs=shapedirs[..., :NUM_BETAS].copy(),  # not a view that keeps 300 of them alive
            joint_regressor=entries["J_regressor"],
            weights=entries["weights"],
            faces=faces.astype(np.int64),
            vertex_ids={name: int(ids[name]) for name in VERTEX_NAMES},
            posedirs=entries["posedirs"],
            parents=parents,
        )
    except BodyModelError as error:
        raise BodyModelError(f"{str(path)!r}: {error}") from error
    return body, shapedirs.shape[-1]


def _entries(content: Any, path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a file that are used, all of them there and all of them numbers."""
    if not isinstance(content, dict):
        raise BodyModelError(f"{str(path)!r} is not a SMPL file: it holds a {type(content).__name__}")
    missing = [name for name in _ENTRIES if name not in content]
    if missing:
        keys = ", ".join(sorted(quoted(key) for key in content)[:20])
        raise BodyModelError(
            f"{str(path)!r} is not a SMPL file: it lacks {', '.join(missing)}; it has: {keys or 'nothing'}"
        )
    entries = {}
    for name in _ENTRIES:
        array = content[name]
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
            raise BodyModelError(f"{str(path)!r} is not usable: its {name} is not an array of numbers")
        entries[name] = array
    return entries


def _check_mesh(template: NDArray[Any], faces: NDArray[Any], tree: NDArray[Any], path: Path) -> None:
    """Passes where the mesh and the joints are SMPL's; otherwise says whose they are."""
    count = len(template) if template.ndim else 0
    joints = tree.shape[-1] if tree.ndim == 2 else 0
    what = _OTHER_BODIES.get(count)
    if what is None and count == NUM_SMPL_VERTICES and joints > NUM_JOINTS:
        what = "SMPL+H"
    if what is not None:
        raise BodyModelError(
            f"{str(path)!r} is {what}, with {count} vertices and {joints} joints; SMPL has "
            f"{NUM_SMPL_VERTICES} and {NUM_JOINTS}, and models of SMPL need SMPL itself"
        )
    if (count, faces.shape, tree.shape) != (NUM_SMPL_VERTICES, (NUM_SMPL_FACES, 3), (2, NUM_JOINTS)):
        raise BodyModelError(
            f"{str(path)!r} is not SMPL: v_template has shape {template.shape}, f {faces.shape} and "
            f"kintree_table {tree.shape} instead of "
            f"({NUM_SMPL_VERTICES}, 3), ({NUM_SMPL_FACES}, 3) and (2, {NUM_JOINTS})"
        )
