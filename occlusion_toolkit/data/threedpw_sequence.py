"""One sequence pickle in 3DPW's layout: checked, cut to the frames that can be used, in the camera frame."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from scipy.spatial.transform import Rotation

from occlusion_toolkit.body.arrays import Gender
from occlusion_toolkit.data.boxes import BOX_MARGIN
from occlusion_toolkit.data.people import BAD, FrameFilter
from occlusion_toolkit.data.pickled_entries import array, entry, gender, vector
from occlusion_toolkit.data.problems import Problems, numbered
from occlusion_toolkit.data.sample import are_rotations, camera_rotmats
from occlusion_toolkit.errors import DatasetError
from occlusion_toolkit.files.inert import quoted
from occlusion_toolkit.files.safe_pickle import load_pickle
from occlusion_toolkit.files.trust import TrustedFiles

_LIMBS = slice(2, 14)  # shoulders, elbows, wrists, hips, knees, ankles of the 18 keypoints

_LIMB_CONFIDENCE = 0.3

_MIN_LIMBS = 7

_NEARLY = 0.05
"""A camera this far from a rotation is brought to the nearest one, with a warning; further off it is bad."""

_PELVIS, _HEAD = 0, 15
_PELVIS_TO_HEAD_M = (0.1, 1.5)  # of anyone, child or giant, bent or upright; millimetres are far outside


@dataclass(frozen=True)
class PersonTrack:
    """One person of one sequence, at the N frames that can be used.

    Attributes:
        sequence: name of the sequence, which is also that of its image folder.
        person: index of the person in the file.
        gender: "male", "female" or "neutral".
        betas: shape, (10,).
        frames: numbers of the images, ascending, (N,).
        boxes_px: centre x, y and side of the square around the keypoints, margin included, (N, 3), pixels.
        rotmats: rotations, the root's in the camera frame, (N, 24, 3, 3).
        joints_m: kinematic SMPL joints in the camera frame, (N, 24, 3), metres; None where the file has none
            that can be used: only training needs them.
        keypoints_px: x, y in pixels and confidence of 18 COCO keypoints, (N, 18, 3); confidence 0: not seen.
        intrinsics: of the camera, (3, 3), pixels; None where the file has none that can be used.
        left_out: how many frames are not used, by reason.
    """

    sequence: str
    person: int
    gender: Gender
    betas: Float32[np.ndarray, " 10"]
    frames: Int64[np.ndarray, " frames"]
    boxes_px: Float64[np.ndarray, "frames 3"]
    rotmats: Float32[np.ndarray, "frames 24 3 3"]
    joints_m: Float32[np.ndarray, "frames 24 3"] | None
    keypoints_px: Float32[np.ndarray, "frames 18 3"]
    intrinsics: Float64[np.ndarray, "3 3"] | None
    left_out: Mapping[str, int]

    def without(self, bad: Bool[np.ndarray, " frames"]) -> "PersonTrack":
        """The track without some of its frames, which count as bad ones."""
        rows = {name: getattr(self, name)[~bad] for name in ("frames", "boxes_px", "rotmats", "keypoints_px")}
        joints = None if self.joints_m is None else self.joints_m[~bad]
        left_out = {**self.left_out, BAD: self.left_out.get(BAD, 0) + int(bad.sum())}
        return dataclasses.replace(self, **rows, joints_m=joints, left_out=left_out)


def is_folder_name(name: str) -> bool:
    """Whether a name stays inside the folder it is looked up in."""
    return name not in ("", ".", "..") and not any(character in "/\\:\0" for character in name)


def read_tracks(
    path: Path,
    frame_filter: FrameFilter = "spin",
    trusted: TrustedFiles | None = None,
    *,
    skip_bad: bool = False,
) -> tuple[PersonTrack, ...]:
    """Reads the people of a sequence.

    What errors do not depend on need not be right: `jointPositions` and `cam_intrinsics` may be missing or
    broken, cameras may be a little off a rotation. A warning names the frames.

    Args:
        path: the pickle of the sequence.
        frame_filter: which frames are used.
        trusted: files that may be opened although they ask for foreign code.
        skip_bad: leave out frames that cannot be used, with a warning that names them.

    Returns:
        One track per person, in the order of the file.

    Raises:
        UnsafeFileError: the pickle asks for more than plain data, or cannot be read.
        DatasetError: something is missing, of another shape, not finite or implausible; the message lists
            every problem of the file, one a line.
    """
    problems = Problems(skip_bad=skip_bad)
    content = load_pickle(path, trusted=trusted)
    if not isinstance(content, dict):
        raise DatasetError("the file holds no dictionary of a sequence")
    name = _sequence_name(content, path.stem, problems)
    camera = _Camera.read(content, problems)
    poses = content.get("poses")
    if not isinstance(poses, list | tuple | np.ndarray) or len(poses) == 0:
        problems.add("'poses' is not a list with one array per person")
        poses = []
    tracks = [_track(content, name, person, camera, frame_filter, problems) for person in range(len(poses))]
    problems.raise_for_file()
    problems.warn(path.name)
    return tuple(track for track in tracks if track is not None)


@dataclass(frozen=True)
class _Camera:
    """The moving camera: world to camera per frame (N, 4, 4), and usable intrinsics (3, 3) or None."""

    extrinsics: Float64[np.ndarray, "frames 4 4"]
    intrinsics: Float64[np.ndarray, "3 3"] | None

    @classmethod
    def read(cls, content: Mapping[str, Any], problems: Problems) -> "_Camera | None":
        extrinsics = array(content.get("cam_poses"), "cam_poses", (-1, 4, 4), problems)
        unused = Problems()
        intrinsics = array(content.get("cam_intrinsics"), "cam_intrinsics", (3, 3), unused)
        if intrinsics is not None and not unused.finite(intrinsics, "cam_intrinsics"):
            intrinsics = None
        problems.remarks += [f"{line}; only training needs it" for line in unused.lines]
        return None if extrinsics is None else cls(extrinsics, intrinsics)


def _sequence_name(content: Mapping[str, Any], stem: str, problems: Problems) -> str:
    """The name in the file, which leads to the images; it must not lead anywhere else."""
    name = content.get("sequence", stem)
    name = name.item() if isinstance(name, np.ndarray) and name.size == 1 else name
    name = name.decode("latin-1") if isinstance(name, bytes) else name  # Python 2 wrote bytes
    if not isinstance(name, str):
        problems.add(f"'sequence' is a {type(name).__name__}, not a name")
        return stem
    if not is_folder_name(name):
        problems.add(f"'sequence' is {quoted(name)}, which is not the name of a folder")
    elif name != stem:
        problems.add(f"'sequence' is {quoted(name)}, but the file is named {stem!r}")
    return name


def _track(
    content: Mapping[str, Any],
    name: str,
    person: int,
    camera: _Camera | None,
    frame_filter: FrameFilter,
    problems: Problems,
) -> PersonTrack | None:
    """One person, or None where problems were noted."""
    sex = gender(entry(content, "genders", person), person, problems)
    arrays = _arrays(content, person, problems)
    if sex is None or arrays is None or camera is None:
        return None
    count = len(arrays["poses"])
    if len(camera.extrinsics) != count:
        problems.add(f"person {person} has {count} frames, cam_poses {len(camera.extrinsics)}")
        return None
    keypoints = arrays["poses2d"].transpose(0, 2, 1)
    rules = {
        "camera pose not valid": arrays["campose_valid"] != 0,
        "fewer than two keypoints seen": _seen(keypoints),
    }
    if frame_filter == "vibe":
        limbs = (keypoints[:, _LIMBS, 2] > _LIMB_CONFIDENCE).sum(axis=1)
        rules["fewer than seven limb joints seen (VIBE's filter)"] = limbs >= _MIN_LIMBS
    used, left_out = _used(rules)
    before = len(problems.lines)
    good = _good(arrays, keypoints, camera, used, person, problems)
    if len(problems.lines) > before:
        return None
    if not good.all():
        left_out[BAD], used = int((~good).sum()), used[good]
    extrinsics, keypoints, poses = camera.extrinsics[used], keypoints[used], arrays["poses"][used]
    rotations = _rotations(extrinsics, used, person, problems)
    joints = _joints(content, person, extrinsics, used, count, problems)
    return PersonTrack(
        sequence=name,
        person=person,
        gender=sex,
        betas=arrays["betas"][:10].astype(np.float32),
        frames=used.astype(np.int64),
        rotmats=camera_rotmats(poses, rotations),
        joints_m=joints,
        boxes_px=_boxes(keypoints),
        keypoints_px=keypoints.astype(np.float32),
        intrinsics=camera.intrinsics,
        left_out=left_out,
    )


def _good(
    arrays: Mapping[str, Float64[np.ndarray, "..."]],
    keypoints: Float64[np.ndarray, "all 18 3"],
    camera: _Camera,
    used: Int64[np.ndarray, " frames"],
    person: int,
    problems: Problems,
) -> Bool[np.ndarray, " frames"]:
    """Which of the used frames have everything that errors depend on; what is wrong is noted."""

    def broken(values: Float64[np.ndarray, "all ..."]) -> Bool[np.ndarray, " frames"]:
        found: np.ndarray = ~np.isfinite(values[used]).all(axis=tuple(range(1, values.ndim)))
        return found

    no_motion = ~are_rotations(camera.extrinsics[used, :3, :3], _NEARLY) | broken(camera.extrinsics)
    shape = np.full(len(used), not np.isfinite(arrays["betas"][:10]).all())
    reasons = {
        f"betas of person {person} has NaN or infinite values": shape,
        f"poses of person {person} has NaN or infinite values": broken(arrays["poses"]),
        f"poses2d of person {person} has NaN or infinite values": broken(keypoints),
        f"cam_poses has a matrix that is not a rigid motion, for person {person}": no_motion,
    }
    for what, wrong in reasons.items():
        problems.bad(wrong, what, used.tolist(), "frame")
    good: np.ndarray = ~np.any(list(reasons.values()), axis=0)
    return good


def _rotations(
    extrinsics: Float64[np.ndarray, "frames 4 4"],
    used: Int64[np.ndarray, " frames"],
    person: int,
    problems: Problems,
) -> Float64[np.ndarray, "frames 3 3"]:
    """Rotations of the cameras; those that are a little off one become the nearest, as in OpenCV."""
    rotations = extrinsics[:, :3, :3].copy()
    off = ~are_rotations(rotations)
    if off.any():
        frames = numbered(used[off].tolist(), "frame")
        problems.remarks.append(
            f"cam_poses is not exactly a rotation in {frames} of person {person}; the nearest one is taken"
        )
        rotations[off] = Rotation.from_matrix(rotations[off]).as_matrix()
    return rotations


def _joints(
    content: Mapping[str, Any],
    person: int,
    extrinsics: Float64[np.ndarray, "frames 4 4"],
    used: Int64[np.ndarray, " frames"],
    count: int,
    problems: Problems,
) -> Float32[np.ndarray, "frames 24 3"] | None:
    """The joints in the camera frame; None with a remark where they cannot be used."""
    unused, label = Problems(), f"jointPositions of person {person}"
    values = array(entry(content, "jointPositions", person), label, (count, 72), unused)
    if values is not None:
        joints = values[used].reshape(-1, 24, 3)
        unused.bad(
            ~np.isfinite(joints).all(axis=(1, 2)),
            f"{label} has NaN or infinite values",
            used.tolist(),
            "frame",
        )
        length = (
            float(np.median(np.linalg.norm(joints[:, _HEAD] - joints[:, _PELVIS], axis=1)))
            if len(used)
            else 1
        )
        if not unused.lines and not _PELVIS_TO_HEAD_M[0] <= length <= _PELVIS_TO_HEAD_M[1]:
            unused.add(f"{label} has pelvis and head {length:g} m apart, and must be in metres")
    problems.remarks += [f"{line}; only training needs it" for line in unused.lines]
    if values is None or unused.lines:
        return None
    moved: np.ndarray = np.einsum("nij,nkj->nki", extrinsics[:, :3, :3], joints) + extrinsics[:, None, :3, 3]
    return np.asarray(moved, np.float32)


def _used(
    rules: Mapping[str, Bool[np.ndarray, " frames"]],
) -> tuple[Int64[np.ndarray, " used"], dict[str, int]]:
    """The frames that pass all rules, and how many each rule leaves out that passed those before it."""
    passed = np.ones_like(next(iter(rules.values())))
    left_out = {}
    for reason, kept in rules.items():
        left_out[reason] = int((passed & ~kept).sum())
        passed &= kept
    return np.flatnonzero(passed).astype(np.int64), left_out


def _arrays(
    content: Mapping[str, Any], person: int, problems: Problems
) -> dict[str, Float64[np.ndarray, "..."]] | None:
    """A person's arrays, of fitting shapes; None where problems were noted."""

    def label(key: str) -> str:
        return f"{key} of person {person}"

    poses = array(entry(content, "poses", person), label("poses"), (-1, 72), problems)
    betas = vector(entry(content, "betas", person), label("betas"), -1, problems)
    if betas is not None and len(betas) < 10:
        problems.add(f"betas of person {person} has {len(betas)} values, not 10 or more")
        betas = None
    count = -1 if poses is None else len(poses)
    arrays = {
        "poses": poses,
        "betas": betas,
        "poses2d": array(entry(content, "poses2d", person), label("poses2d"), (count, 3, 18), problems),
        "campose_valid": vector(
            entry(content, "campose_valid", person), label("campose_valid"), count, problems
        ),
    }
    found = {key: values for key, values in arrays.items() if values is not None}
    return found if len(found) == len(arrays) else None


def _seen(keypoints: Float64[np.ndarray, "frames 18 3"]) -> Bool[np.ndarray, " frames"]:
    """Frames in which at least two keypoints were seen, in different places: a box needs as much.

    Frames with NaN in a seen keypoint count as seen, so that they are reported and not passed over.
    """
    low, high = _rectangles(keypoints)
    spread = ~((high - low).max(axis=1) <= 0)
    seen: np.ndarray = spread & ((~(keypoints[..., 2] <= 0)).sum(axis=1) >= 2)
    return seen


def _rectangles(
    keypoints: Float64[np.ndarray, "frames 18 3"],
) -> tuple[Float64[np.ndarray, "frames 2"], Float64[np.ndarray, "frames 2"]]:
    """Upper left and lower right corner (x, y) of the keypoints with confidence above 0."""
    seen = ~(keypoints[..., 2] <= 0)
    low = np.where(seen[..., None], keypoints[..., :2], np.inf).min(axis=1)
    high = np.where(seen[..., None], keypoints[..., :2], -np.inf).max(axis=1)
    return low, high


def seen_extent(keypoints: Float32[np.ndarray, "18 3"]) -> tuple[float, float]:
    """Width and height of the rectangle of the keypoints with confidence above 0, pixels."""
    low, high = _rectangles(keypoints[None].astype(np.float64))
    width, height = (high - low)[0].tolist()
    return width, height


def _boxes(keypoints: Float64[np.ndarray, "frames 18 3"]) -> Float64[np.ndarray, "frames 3"]:
    """`CropBox.from_keypoints` of all frames: centre x, y and side, pixels."""
    low, high = _rectangles(keypoints)
    side = BOX_MARGIN * (high - low).max(axis=1)
    return np.column_stack([(low + high) / 2, side])
