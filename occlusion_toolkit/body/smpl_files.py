"""Reads SMPL as it was published: Python-2 pickles of chumpy and scipy.sparse objects, without either."""

import dataclasses
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int64
from numpy.typing import NDArray
from smplx.vertex_ids import vertex_ids as smplx_vertex_ids

from occlusion_toolkit.body.arrays import (
    GENDERS,
    NUM_BETAS,
    NUM_JOINTS,
    SMPL_TOPOLOGY,
    VERTEX_NAMES,
    BodyArrays,
    Gender,
)
from occlusion_toolkit.body.joints import H36M17, SMPL24
from occlusion_toolkit.errors import BodyModelError
from occlusion_toolkit.files.arrays import load_npy
from occlusion_toolkit.files.inert import quoted
from occlusion_toolkit.files.pickled_joblib import JOBLIB_DATA
from occlusion_toolkit.files.pickled_smpl import SMPL_DATA
from occlusion_toolkit.files.safe_pickle import load_pickle
from occlusion_toolkit.files.trust import TrustedFiles

logger = logging.getLogger(__name__)

H36M_REGRESSOR = "J_regressor_h36m.npy"
"""Regressor of the 17 Human3.6M joints, (17, 6890)."""

EXTRA_REGRESSOR = "J_regressor_extra.npy"
"""SPIN's regressor of nine more training joints, (9, 6890)."""

PART_MAPPING = "smpl_partSegmentation_mapping.pkl"
"""The part of each vertex, 0 to 23, that PARE's public code renders its labels with."""

HOW_TO_GET_BODIES = (
    "SMPL is free for non-commercial research, after registration: https://smpl.is.tue.mpg.de has the male "
    "and female bodies and, in version 1.1.0, the neutral one; https://smplify.is.tue.mpg.de has the "
    "neutral one of version 1.0.0"
)
HOW_TO_GET_REGRESSORS = (
    "it is in the data archives that fetch_data.sh of https://github.com/nkolot/SPIN and prepare_data.sh of "
    "https://github.com/mkocabas/PARE fetch, for non-commercial research"
)


@dataclass(frozen=True)
class SmplFolder:
    """The files of a folder that are SMPL's; none of them has been opened.

    Attributes:
        folder: where they are.
        bodies: for each gender the files that hold it, the one that is read first.
        h36m_regressor: `J_regressor_h36m.npy`, or None.
        extra_regressor: `J_regressor_extra.npy`, or None.
        part_mapping: `smpl_partSegmentation_mapping.pkl`, or None.
    """

    folder: Path
    bodies: Mapping[Gender, tuple[Path, ...]]
    h36m_regressor: Path | None
    extra_regressor: Path | None
    part_mapping: Path | None

    def body(self, gender: Gender) -> Path:
        """The file of a gender.

        Raises:
            BodyModelError: there is none; the message says where to get it and where to put it.
        """
        found = self.bodies[gender]
        if not found:
            raise BodyModelError(
                f"there is no {gender} SMPL body in {str(self.folder)!r}: no SMPL_{gender.upper()}.pkl and "
                f"none under its original name. {HOW_TO_GET_BODIES}. Put its .pkl file there, or "
                "give the folder that has it (--smpl-dir)"
            )
        if len(found) > 1:
            others = ", ".join(path.name for path in found[1:])
            logger.warning("the %s body is read from %s; not read: %s", gender, found[0].name, others)
        return found[0]


def find_smpl_files(folder: Path) -> SmplFolder:
    """Looks for SMPL's files in a folder; upper and lower case are the same.

    Bodies are `SMPL_{NEUTRAL,MALE,FEMALE}.pkl` or have the names of the archives they come in
    (`basicModel_neutral_lbs_10_207_0_v1.0.0.pkl`, `basicmodel_m_lbs_10_207_0_v1.1.0.pkl`, ...). Where a
    gender has several, the short name comes first, then the older version, which the published
    regressors were made with.

    Raises:
        BodyModelError: the folder is missing or cannot be listed.
    """
    try:
        paths = [path for path in folder.iterdir() if path.is_file()]
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BodyModelError(
            f"SMPL's files are looked for in {str(folder)!r}: {reason}. {HOW_TO_GET_BODIES}. Put the .pkl "
            "files there, or give the folder that has them (--smpl-dir)"
        ) from error
    paths.sort(key=lambda path: path.name.lower())
    bodies = {
        gender: tuple(path for name in _names(gender) for path in paths if name.fullmatch(path.name))
        for gender in GENDERS
    }
    by_name = {path.name.lower(): path for path in paths}
    others = (by_name.get(name.lower()) for name in (H36M_REGRESSOR, EXTRA_REGRESSOR, PART_MAPPING))
    return SmplFolder(folder, bodies, *others)


def _names(gender: Gender) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Names of a gender's files: the short one that smplx asks for, and those of the archives."""
    word = gender if gender == "neutral" else gender[0]
    original = rf"basicmodel_{word}_lbs_10_207_0_v\d+\.\d+\.\d+\.pkl"
    return re.compile(rf"smpl_{gender}\.pkl", re.IGNORECASE), re.compile(original, re.IGNORECASE)


_LIMB_JOINTS = tuple(name for name in H36M17.joint_names if name in SMPL24.joint_names and "_" in name)
"""Hips, knees, ankles, shoulders, elbows and wrists: the joints that both sets put at nearly one place."""


def read_regressor(path: Path, rows: int, vertices: int) -> Float[np.ndarray, "rows vertices"]:
    """A regressor file, in double precision.

    Args:
        path: a .npy file.
        rows: joints that it must have.
        vertices: vertices that it must have.

    Raises:
        BodyModelError: the file is not a finite array of that shape.
        UnsafeFileError: the file is missing, damaged or holds pickled objects.
    """
    values = load_npy(path)
    if values.dtype.kind not in "fiu" or values.shape != (rows, vertices):
        raise BodyModelError(
            f"{str(path)!r} holds {values.dtype} of shape {values.shape}; "
            f"{path.name} has numbers of shape {(rows, vertices)}"
        )
    regressor: NDArray[np.float64] = np.array(values, dtype=np.float64)
    if not np.isfinite(regressor).all():
        raise BodyModelError(f"{str(path)!r} has values that are not finite")
    return regressor


def read_part_mapping(path: Path) -> Int64[np.ndarray, "6890"]:
    """The part of each of SMPL's vertices in `smpl_partSegmentation_mapping.pkl`, a file of joblib's.

    Raises:
        BodyModelError: the file has no `smpl_index` with a part, 0 to 23, for each vertex.
        UnsafeFileError: the file is missing, compressed or damaged, or asks for more than plain data.
    """
    content = load_pickle(path, allow=JOBLIB_DATA, max_bytes=_MAX_MAPPING_BYTES)
    parts = np.asarray(content.get("smpl_index") if isinstance(content, dict) else None)
    if parts.shape != (NUM_SMPL_VERTICES,) or parts.dtype.kind not in "iuf":
        raise BodyModelError(
            f"{str(path)!r} is not the mapping that PARE's archive has: it needs smpl_index, "
            f"{NUM_SMPL_VERTICES} numbers; remove it to take the joint with the largest weight instead"
        )
    if not (np.isin(parts, range(NUM_JOINTS))).all():
        raise BodyModelError(f"{str(path)!r} names parts beyond 0 to {NUM_JOINTS - 1}")
    return parts.astype(np.int64)


def check_order(regressor: Float[np.ndarray, "17 vertices"], body: BodyArrays, path: Path) -> None:
    """Passes where every row lands on the joint that it is named after.

    Each hip, knee, ankle, shoulder, elbow and wrist must be nearest to the body's own joint of that name,
    which finds rows in another order, sides swapped, and a regressor of another mesh.

    Raises:
        BodyModelError: rows are not where their joints are.
    """
    ours = [SMPL24.index(name) for name in _LIMB_JOINTS]
    theirs = [H36M17.index(name) for name in _LIMB_JOINTS]
    own_joints = (body.joint_regressor @ body.v_template)[ours]
    regressed = (regressor @ body.v_template)[theirs]
    nearest = np.linalg.norm(regressed[:, None] - own_joints, axis=-1).argmin(axis=1)
    wrong = [
        f"row {theirs[k]} ({_LIMB_JOINTS[k]}) lies at the {_LIMB_JOINTS[found]}"
        for k, found in enumerate(nearest)
        if found != k
    ]
    if wrong:
        raise BodyModelError(
            f"the rows of {str(path)!r} are not Human3.6M's 17 joints in SPIN's order: {'; '.join(wrong)}"
        )


NUM_SMPL_VERTICES = 6890
_MAX_MAPPING_BYTES = 16 * 1024**2
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
