"""Lists of people (.npz) that SPIN and PARE publish, one row per person, to evaluate on and to train with.

To evaluate, SPIN publishes `3dpw_test.npz`, PARE `3dpw_all_test_with_mmpose.npz` and `3doh_test.npz`. Read
are `imgname`, `center` and `scale` (side / 200 pixels, margin included), `pose` (axis-angle, root in the
camera frame), `shape`, and for 3DPW `gender`. Training lists also have `openpose` (N, 25, 3) and `part`
(N, 24, 3) in image pixels, `has_smpl` and `S` (metres and confidence, (N, 24, 4)); arrays that a set lacks
are left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from occlusion_toolkit.body.arrays import GENDERS, Gender
from occlusion_toolkit.body.joints49 import J24, NUM_OPENPOSE
from occlusion_toolkit.data.annotations import AnnotationTable, ImageFolder
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.data.problems import Problems
from occlusion_toolkit.data.sample import GENDER_CODES, Sample, camera_rotmats
from occlusion_toolkit.files.arrays import load_npz

_COLUMNS = ("imgname", "center", "scale", "pose", "shape", "gender")

_TRAINING_COLUMNS = (*_COLUMNS, "openpose", "part", "has_smpl", "S")

_MAX_BYTES = 8 * 1024**3  # Human3.6M has 312,188 rows; its list holds keypoints in double precision

_NUMBERED_GENDERS = {0: "m", 1: "f", -1: "n"}  # SPIN's codes for a batch; -1 is unknown

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
        skipped: rows that could not be used and were left out.
    """

    images: tuple[Path, ...]
    boxes: tuple[CropBox, ...]
    rotmats: Float32[np.ndarray, "rows 24 3 3"]
    betas: Float32[np.ndarray, "rows 10"]
    genders: tuple[Gender, ...]
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.images)

    def sample(self, row: int, sequence: str, frame: int, person: int) -> Sample:
        """A row as a sample, with the name of its sequence, its frame and its person there."""
        return Sample(
            image_path=self.images[row],
            sequence=sequence,
            frame=frame,
            person=person,
            gender=self.genders[row],
            box=self.boxes[row],
            rotmats=self.rotmats[row],
            betas=self.betas[row],
        )


def read_list(path: Path, locate: Locate, *, gendered: bool, skip_bad: bool = False) -> ListedPeople:
    """Reads and checks a list to evaluate on.

    Args:
        path: the .npz file.
        locate: finds the images.
        gendered: whether the list must state genders; where not, all are neutral.
        skip_bad: leave out rows that cannot be used, with a warning that names them.

    Raises:
        UnsafeFileError: the file is missing, damaged or holds pickled objects.
        DatasetError: the file is no list, or rows are malformed; the message lists every problem found.
    """
    problems = Problems(skip_bad=skip_bad)
    columns = _Columns(path, _COLUMNS if gendered else _COLUMNS[:-1], problems)
    centres, scales = columns.numbers("center", 2), columns.scales()
    poses, betas = columns.numbers("pose", 72), columns.numbers("shape", 10)
    genders = columns.genders(required=gendered)
    images = [locate_below(name, locate) for name in columns.names]
    missing = np.array([image is None for image in images], bool)
    if skip_bad:
        columns.bad(missing, "the image is missing")
    else:
        problems.missing([name for name, image in zip(columns.names, images, strict=True) if image is None])
    problems.raise_for_dataset(path)
    problems.warn(path.name)
    good = np.flatnonzero(~columns.unusable).tolist()
    return ListedPeople(
        images=tuple(image for row in good if (image := images[row]) is not None),
        boxes=tuple(
            CropBox.from_scale((float(centres[row, 0]), float(centres[row, 1])), float(scales[row]))
            for row in good
        ),
        rotmats=camera_rotmats(poses[good]),
        betas=betas[good].astype(np.float32),
        genders=tuple(GENDERS[genders[row]] for row in good),
        skipped=len(images) - len(good),
    )


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
    problems = Problems()
    columns = _Columns(path, _TRAINING_COLUMNS, problems)
    count = len(columns.names)
    centres, scales = columns.numbers("center", 2), columns.scales()
    keypoints: Float32[np.ndarray, "people 49 3"] = np.zeros((count, NUM_OPENPOSE + len(J24), 3), np.float32)
    if "openpose" not in columns and "part" not in columns:
        problems.add("there are neither openpose nor part keypoints")
    if "openpose" in columns:
        keypoints[:, :NUM_OPENPOSE] = columns.numbers("openpose", NUM_OPENPOSE, 3)
    if "part" in columns:
        keypoints[:, NUM_OPENPOSE:] = columns.numbers("part", len(J24), 3)
    has_poses = "pose" in columns
    if has_poses != ("shape" in columns):
        problems.add("pose and shape come only together")
    has_smpl = columns.flags("has_smpl", has_poses)
    if not has_poses and has_smpl.any():
        problems.add("has_smpl is set, but there are no poses")
    # Where nobody has a body, lists hold anything, NaN too.
    poses, betas = columns.optional("pose", 72, where=has_smpl), columns.optional("shape", 10, where=has_smpl)
    joints = columns.optional("S", len(J24), 4)
    genders = columns.genders(required=False)
    images = folder.find_all(columns.names, problems)
    problems.raise_for_dataset(path)
    return AnnotationTable(
        root=folder.root,
        images=images,
        boxes_px=np.column_stack([centres, 200.0 * scales]),
        keypoints_px=keypoints,
        joints_m=joints,
        poses=poses,
        betas=betas,
        cameras=None,
        pinholes=None,
        has_smpl=has_smpl,
        has_pose_3d=np.full(count, joints is not None),
        genders=genders,
    )


def locate_below(name: str, locate: Locate) -> Path | None:
    """The file of an image by its name as Windows or Unix writes it; None also where that leads elsewhere."""
    path = PurePosixPath(name.replace("\\", "/"))
    leads_out = path.is_absolute() or ".." in path.parts or any(character in name for character in ":\0")
    return None if leads_out or not path.name else locate(path)


class _Columns:
    """The columns of a list, checked against its number of rows.

    What is wrong is noted, and zeros stand for it: whoever reads a list ends with `raise_for_dataset`.

    Attributes:
        names: of the images; their number is that of the rows.
        unusable: rows that are to be skipped; none unless the problems say so (`Problems.skip_bad`).

    Raises:
        UnsafeFileError: the file is missing, damaged or holds pickled objects.
    """

    def __init__(self, path: Path, columns: tuple[str, ...], problems: Problems) -> None:
        self._arrays = load_npz(path, columns, max_bytes=_MAX_BYTES)
        self._problems = problems
        names = _texts(self._arrays.get("imgname"))
        if not names:
            problems.add("imgname is missing, empty or not a column of texts")
        self.names = names or []
        self.unusable: Bool[np.ndarray, " people"] = np.zeros(len(self.names), bool)

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def bad(self, wrong: Bool[np.ndarray, " people"], what: str) -> bool:
        """Whether rows are wrong; they are skipped or a problem is noted."""
        if not self._problems.skip_bad:
            return not self._problems.rows(wrong, what)
        self._problems.bad(wrong, what, range(len(wrong)), "row")
        self.unusable |= wrong
        return bool(wrong.any())

    def numbers(
        self, name: str, *shape: int, where: Bool[np.ndarray, " people"] | None = None
    ) -> Float64[np.ndarray, "people ..."]:
        """A column of finite numbers; one of single numbers may have a second dimension of one.

        Rows that are not finite are zero, and wrong `where` they are of interest: everywhere by default.
        """
        count = len(self.names) or -1
        column = self._arrays.get(name)
        if column is not None and column.shape == (count, 1) and not shape:
            column = column[:, 0]
        values = self._problems.array(column, name, (count, *shape))
        if values is None:
            return np.zeros((len(self.names), *shape))
        wrong = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
        self.bad(wrong if where is None else wrong & where, f"{name} has NaN or infinite values")
        values[wrong] = 0.0
        return values

    def optional(
        self, name: str, *shape: int, where: Bool[np.ndarray, " people"] | None = None
    ) -> Float32[np.ndarray, "people ..."] | None:
        return self.numbers(name, *shape, where=where).astype(np.float32) if name in self else None

    def scales(self) -> Float64[np.ndarray, " people"]:
        scales = self.numbers("scale")
        if "scale" in self:
            self.bad(scales <= 0, "scale is not positive")
        return scales

    def flags(self, name: str, default: bool) -> Bool[np.ndarray, " people"]:
        return self.numbers(name) != 0 if name in self else np.full(len(self.names), default)

    def genders(self, *, required: bool) -> UInt8[np.ndarray, " people"]:
        """Indices into `GENDERS`; neutral where the list does not say and need not."""
        count, column = len(self.names), self._arrays.get("gender")
        neutral = np.full(count, GENDERS.index("neutral"), np.uint8)
        if column is None:
            if required:
                self._problems.add("gender is missing")
            return neutral
        codes = _texts(column)
        if codes is None and column.dtype.kind in "iuf":
            codes = [_NUMBERED_GENDERS.get(int(code), "?") for code in column.ravel().tolist()]
        if codes is None:
            self._problems.add("gender is not a column of texts")
        elif len(codes) != count:
            self._problems.add(f"gender has {len(codes)} rows, imgname {count}")
        else:
            unknown = np.array([code not in GENDER_CODES for code in codes], bool)
            self.bad(unknown, "gender is not m, f or n")
            return np.array([GENDERS.index(GENDER_CODES.get(code, "neutral")) for code in codes], np.uint8)
        return neutral


def _texts(column: np.ndarray | None) -> list[str] | None:
    if column is None or column.ndim != 1 or column.dtype.kind not in "US":
        return None
    return [text.decode("latin-1") if isinstance(text, bytes) else text for text in column.tolist()]
