"""Training lists as SPIN and PARE publish them (.npz): one row per person, arrays that a set lacks left out.

Read are `imgname`, `center` and `scale` (side / 200 pixels, margin included), `openpose` (N, 25, 3) and
`part` (N, 24, 3) in image pixels, `pose` (axis-angle, root in the camera frame) and `shape`, `has_smpl`, `S`
(metres and confidence, (N, 24, 4)) and `gender`.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from occlusion_toolkit.body.gender import GENDERS
from occlusion_toolkit.body.joints49 import J24, NUM_OPENPOSE
from occlusion_toolkit.data.annotations.images import ImageFolder
from occlusion_toolkit.data.annotations.table import AnnotationTable
from occlusion_toolkit.data.problems import Problems
from occlusion_toolkit.data.sample import GENDER_CODES
from occlusion_toolkit.files.arrays import load_npz

_NAMES = (
    "imgname", "center", "scale", "openpose", "part", "pose", "shape", "has_smpl", "S", "gender",
)  # fmt: skip

_MAX_BYTES = 8 * 1024**3  # Human3.6M has 312,188 rows; its list holds keypoints in double precision

_NUMBERED_GENDERS = {0: "m", 1: "f", -1: "n"}  # SPIN's codes for a batch; -1 is unknown


def read_npz(path: Path, folder: ImageFolder) -> AnnotationTable:
    """Reads and checks a training list.

    Args:
        path: the .npz file.
        folder: finds the images.

    Raises:
        UnsafeFileError: the file is missing, damaged or holds pickled objects.
        DatasetError: the file is no such list, rows are malformed or images are missing; the message lists
            every problem found.
    """
    arrays = load_npz(path, _NAMES, max_bytes=_MAX_BYTES)
    problems = Problems()
    names = _texts(arrays.get("imgname"))
    if not names:
        problems.add("imgname is missing, empty or not a column of texts")
        raise problems.error(path)
    rows = _Rows(arrays, len(names), problems)
    centres, scales = rows.numbers("center", 2), rows.numbers("scale")
    openpose = rows.numbers("openpose", NUM_OPENPOSE, 3, optional=True)
    part = rows.numbers("part", len(J24), 3, optional=True)
    if openpose is None and part is None:
        problems.add("there are neither openpose nor part keypoints")
    poses = rows.numbers("pose", 72, optional=True)
    betas = rows.numbers("shape", 10, optional=True)
    if (poses is None) != (betas is None):
        problems.add("pose and shape come only together")
    has_smpl = rows.flags("has_smpl", poses is not None)
    if poses is None and has_smpl.any():
        problems.add("has_smpl is set, but there are no poses")
    joints = rows.numbers("S", len(J24), 4, optional=True)
    genders = rows.genders()
    if scales is not None:
        problems.rows(scales <= 0, "scale is not positive")
    images = folder.find_all(names, problems)
    if problems.lines or centres is None or scales is None:
        raise problems.error(path)
    return AnnotationTable(
        root=folder.root,
        images=images,
        boxes_px=np.column_stack([centres, 200.0 * scales]),
        keypoints_px=_keypoints(openpose, part, len(names)),
        joints_m=None if joints is None else joints.astype(np.float32),
        poses=None if poses is None else poses.astype(np.float32),
        betas=None if betas is None else betas.astype(np.float32),
        cameras=None,
        pinholes=None,
        has_smpl=has_smpl,
        has_pose_3d=np.full(len(names), joints is not None),
        genders=genders,
    )


class _Rows:
    """The columns of a list, checked against its number of rows; what is wrong is noted."""

    def __init__(self, arrays: Mapping[str, np.ndarray], count: int, problems: Problems) -> None:
        self._arrays, self._count, self._problems = arrays, count, problems

    def numbers(
        self, name: str, *shape: int, optional: bool = False
    ) -> Float64[np.ndarray, "people ..."] | None:
        column = self._arrays.get(name)
        if column is None and optional:
            return None
        if column is not None and column.shape == (self._count, 1) and not shape:
            column = column[:, 0]
        values = self._problems.array(column, name, (self._count, *shape))
        if values is not None:
            wrong = ~np.isfinite(values).reshape(self._count, -1).all(axis=1)
            self._problems.rows(wrong, f"{name} has NaN or infinite values")
        return values

    def flags(self, name: str, default: bool) -> Bool[np.ndarray, " people"]:
        if name not in self._arrays:
            return np.full(self._count, default)
        values = self.numbers(name)
        return np.full(self._count, default) if values is None else values != 0

    def genders(self) -> UInt8[np.ndarray, " people"]:
        column = self._arrays.get("gender")
        neutral = np.full(self._count, GENDERS.index("neutral"), np.uint8)
        if column is None:
            return neutral
        codes = _texts(column)
        if codes is None and column.dtype.kind in "iuf":
            codes = [_NUMBERED_GENDERS.get(int(code), "?") for code in column.ravel().tolist()]
        if codes is None or len(codes) != self._count:
            self._problems.add("gender is not a column of m, f or n")
            return neutral
        unknown = np.array([code not in GENDER_CODES for code in codes], bool)
        if not self._problems.rows(unknown, "gender is not m, f or n"):
            return neutral
        return np.array([GENDERS.index(GENDER_CODES[code]) for code in codes], np.uint8)


def _keypoints(
    openpose: Float64[np.ndarray, "people 25 3"] | None,
    part: Float64[np.ndarray, "people 24 3"] | None,
    count: int,
) -> Float32[np.ndarray, "people 49 3"]:
    keypoints = np.zeros((count, NUM_OPENPOSE + len(J24), 3), np.float32)
    if openpose is not None:
        keypoints[:, :NUM_OPENPOSE] = openpose
    if part is not None:
        keypoints[:, NUM_OPENPOSE:] = part
    return keypoints


def _texts(column: np.ndarray | None) -> list[str] | None:
    if column is None or column.ndim != 1 or column.dtype.kind not in "US":
        return None
    return [text.decode("latin-1") if isinstance(text, bytes) else text for text in column.tolist()]
