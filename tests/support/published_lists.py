"""Lists of people as SPIN's and PARE's preparation scripts write them, from the content of 3DPW's pickles.

Written from the description of those scripts, frame by frame, and without the toolkit.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation


def turned(camera: np.ndarray, rotation_vector: np.ndarray) -> np.ndarray:
    """A root orientation in the camera frame, axis-angle, (3,)."""
    return Rotation.from_matrix(camera @ Rotation.from_rotvec(rotation_vector).as_matrix()).as_rotvec()


def spin_columns(contents: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The columns of `3dpw_test.npz`: sequence by sequence in the order given, person by person."""
    columns: dict[str, list[Any]] = {
        key: [] for key in ("imgname", "center", "scale", "pose", "shape", "gender")
    }
    for content in contents:
        name = content["sequence"].item().decode()
        for person in range(len(content["poses"])):
            for frame in np.flatnonzero(content["campose_valid"][person]):
                x, y, confidence = content["poses2d"][person][frame]
                x, y = x[confidence > 0], y[confidence > 0]
                pose = content["poses"][person][frame].copy()
                pose[:3] = turned(content["cam_poses"][frame][:3, :3], pose[:3])
                columns["imgname"].append(f"imageFiles/{name}/image_{frame:05d}.jpg")
                columns["center"].append([(x.max() + x.min()) / 2, (y.max() + y.min()) / 2])
                columns["scale"].append(1.2 * max(x.max() - x.min(), y.max() - y.min()) / 200)
                columns["pose"].append(pose)
                columns["shape"].append(content["betas"][person][:10])
                columns["gender"].append(content["genders"][person])
    return columns


def write_spin_list(path: Path, contents: Iterable[Mapping[str, Any]], **changes: object) -> Path:
    """Writes SPIN's list; `changes` replace or add columns."""
    np.savez(path, **(spin_columns(contents) | changes))
    return path


def write_pare_list(path: Path, contents: Iterable[Mapping[str, Any]]) -> Path:
    """Writes PARE's list over all splits, with the keypoints that it adds."""
    columns = spin_columns(contents)
    count = len(columns["scale"])
    extra = {"mmpose_keypoints": np.ones((count, 133, 3)), "openpose": np.ones((count, 25, 3))}
    np.savez(path, **columns, **extra)
    return path
