"""Lists of people (.npz) that SPIN and PARE publish, one row per person, to evaluate on and to train with.

To evaluate, SPIN publishes `3dpw_test.npz`, PARE `3dpw_all_test_with_mmpose.npz` and `3doh_test.npz`. Read
are `imgname`, `center` and `scale` (side / 200 pixels, margin included), `pose` (axis-angle, root in the
camera frame), `shape`, and for 3DPW `gender`. Training lists also have `openpose` (N, 25, 3) and `part`
(N, 24, 3) in image pixels, `has_smpl` and `S` (metres and confidence, (N, 24, 4)); arrays that a set lacks
are left out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from occlusion_toolkit.body.arrays import GENDERS, Gender
from occlusion_toolkit.body.joints49 import J24, NUM_OPENPOSE
from occlusion_toolkit.data.annotations import AnnotationTable, ImageFolder
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.data.problems import Problems
from occlusion_toolkit.data.sample import GENDER_CODES, camera_rotmats
from occlusion_toolkit.files.arrays import load_npz

_EVALUATION_ARRAYS = ("imgname", "center", "scale", "pose", "shape", "gender")

_MAX_EVALUATION_BYTES = 2 * 1024**3  # PARE's list of all of 3DPW holds 133 keypoints per person, too

Locate = Callable[[PurePosixPath], Path | None]
"""The file of an image by its name in a list; None where it is missing."""


@dataclass(frozen=True)
class ListedPeople:
    """Rows of a list, in its order.

    Attributes:
        images: files of the images, N.
        boxes: squares around the people, N.
        rotmats: rotations, the root's in the camera frame, (N, 24, 3, 3).
        betas: shape, (N, 10).
        genders: "male", "female" or "neutral", N.
    """

    images: tuple[Path, ...]
    boxes: tuple[CropBox, ...]
    rotmats: Float32[np.ndarray, "rows 24 3 3"]
    betas: Float32[np.ndarray, "rows 10"]
    genders: tuple[Gender, ...]

    def __len__(self) -> int:
        return len(self.images)


def read_list(path: Path, locate: Locate, *, gendered: bool) -> ListedPeople:
    """Reads and checks a list.

    Args:
        path: the .npz file.
        locate: finds the images.
        gendered: whether the list must state genders; where not, all are neutral.

    Raises:
        UnsafeFileError: the file is missing, damaged or holds pickled objects.
        DatasetError: the file is no list, or rows are malformed; the message lists every problem found.
    """
    arrays = load_npz(path, _EVALUATION_ARRAYS, max_bytes=_MAX_EVALUATION_BYTES)
    problems = Problems()
    names = _texts_or_problem(arrays.get("imgname"), "imgname", problems)
    count = -1 if names is None else len(names)
    centres = problems.array(arrays.get("center"), "center", (count, 2))
    scales = problems.array(arrays.get("scale"), "scale", (count,))
    poses = problems.array(arrays.get("pose"), "pose", (count, 72))
    betas = problems.array(arrays.get("shape"), "shape", (count, 10))
    codes = _texts_or_problem(arrays.get("gender"), "gender", problems) if gendered else ["n"] * max(count, 0)
    if names is None or centres is None or scales is None or poses is None or betas is None or codes is None:
        raise problems.error(path)
    if len(codes) != count:
        problems.add(f"gender has {len(codes)} rows, imgname {count}")
    for label, values in {"center": centres, "scale": scales, "pose": poses, "shape": betas}.items():
        finite = np.isfinite(values).reshape(count, -1).all(axis=1)
        problems.rows(~finite, f"{label} has NaN or infinite values")
    problems.rows(scales <= 0, "scale is not positive")
    problems.rows(np.array([code not in GENDER_CODES for code in codes], bool), "gender is not m or f")
    images = [locate_below(name, locate) for name in names]
    problems.missing([name for name, image in zip(names, images, strict=True) if image is None])
    problems.raise_for_dataset(path)
    pairs = zip(centres.tolist(), scales.tolist(), strict=True)
    return ListedPeople(
        images=tuple(image for image in images if image is not None),
        boxes=tuple(CropBox.from_scale((x, y), scale) for (x, y), scale in pairs),
        rotmats=camera_rotmats(poses),
        betas=betas.astype(np.float32),
        genders=tuple(GENDER_CODES[code] for code in codes),
    )


def locate_below(name: str, locate: Locate) -> Path | None:
    """The file of an image by its name as Windows or Unix writes it; None also where that leads elsewhere."""
    path = PurePosixPath(name.replace("\\", "/"))
    leads_out = path.is_absolute() or ".." in path.parts or any(character in name for character in ":\0")
    return None if leads_out or not path.name else locate(path)


def _texts_or_problem(column: np.ndarray | None, name: str, problems: Problems) -> list[str] | None:
    """A column of texts, None with a problem noted where it is none."""
    if column is None or column.ndim != 1 or column.dtype.kind not in "US":
        problems.add(f"{name} is missing" if column is None else f"{name} is not a column of texts")
        return None
    return [text.decode("latin-1") if isinstance(text, bytes) else text for text in column.tolist()]


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
