"""SMPL's additional vertex regressors, `J_regressor_*.npy`, checked for shape and for the order of joints."""

from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from occlusion_toolkit.body.arrays import BodyArrays
from occlusion_toolkit.body.joints import H36M17, SMPL24
from occlusion_toolkit.errors import BodyModelError
from occlusion_toolkit.files.arrays import load_npy

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
