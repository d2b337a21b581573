"""The lists of people (.npz) that SPIN and PARE evaluate: images, boxes and bodies, one row per person.

SPIN publishes `3dpw_test.npz`, PARE `3dpw_all_test_with_mmpose.npz` and `3doh_test.npz`. Of their arrays
these are read: `imgname`, `center` and `scale` (side / 200 pixels, margin included), `pose` (axis-angle, root
in the camera frame), `shape`, and for 3DPW `gender`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Float32

from occlusion_toolkit.body.gender import Gender
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.data.camera_frame import camera_rotmats
from occlusion_toolkit.data.problems import Problems
from occlusion_toolkit.data.sample import GENDER_CODES
from occlusion_toolkit.files.arrays import load_npz

_NAMES = ("imgname", "center", "scale", "pose", "shape", "gender")

_MAX_BYTES = 2 * 1024**3  # PARE's list of all of 3DPW holds 133 keypoints per person, too

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
    arrays = load_npz(path, _NAMES, max_bytes=_MAX_BYTES)
    problems = Problems()
    names = _texts(arrays.get("imgname"), "imgname", problems)
    count = -1 if names is None else len(names)
    centres = problems.array(arrays.get("center"), "center", (count, 2))
    scales = problems.array(arrays.get("scale"), "scale", (count,))
    poses = problems.array(arrays.get("pose"), "pose", (count, 72))
    betas = problems.array(arrays.get("shape"), "shape", (count, 10))
    codes = _texts(arrays.get("gender"), "gender", problems) if gendered else ["n"] * max(count, 0)
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


def _texts(column: np.ndarray | None, name: str, problems: Problems) -> list[str] | None:
    """A column of texts, None with a problem noted where it is none."""
    if column is None or column.ndim != 1 or column.dtype.kind not in "US":
        problems.add(f"{name} is missing" if column is None else f"{name} is not a column of texts")
        return None
    return [text.decode("latin-1") if isinstance(text, bytes) else text for text in column.tolist()]
