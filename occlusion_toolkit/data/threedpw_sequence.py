"""One sequence pickle in 3DPW's layout: checked, cut to the frames that can be used, in the camera frame."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from occlusion_toolkit.body.arrays import Gender
from occlusion_toolkit.data.boxes import BOX_MARGIN
from occlusion_toolkit.data.people import FrameFilter
from occlusion_toolkit.data.problems import Problems
from occlusion_toolkit.data.sample import GENDER_CODES, are_rotations, camera_rotmats
from occlusion_toolkit.errors import DatasetError
from occlusion_toolkit.files.inert import quoted
from occlusion_toolkit.files.safe_pickle import load_pickle
from occlusion_toolkit.files.trust import TrustedFiles

_LIMBS = slice(2, 14)  # shoulders, elbows, wrists, hips, knees, ankles of the 18 keypoints

_LIMB_CONFIDENCE = 0.3

_MIN_LIMBS = 7

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
        joints_m: kinematic SMPL joints in the camera frame, (N, 24, 3), metres.
        keypoints_px: x, y in pixels and confidence of 18 COCO keypoints, (N, 18, 3); confidence 0: not seen.
        intrinsics: of the camera, (3, 3), pixels.
        left_out: how many frames are not used, by reason.
    """

    sequence: str
    person: int
    gender: Gender
    betas: Float32[np.ndarray, " 10"]
    frames: Int64[np.ndarray, " frames"]
    boxes_px: Float64[np.ndarray, "frames 3"]
    rotmats: Float32[np.ndarray, "frames 24 3 3"]
    joints_m: Float32[np.ndarray, "frames 24 3"]
    keypoints_px: Float32[np.ndarray, "frames 18 3"]
    intrinsics: Float64[np.ndarray, "3 3"]
    left_out: Mapping[str, int]


def is_folder_name(name: str) -> bool:
    """Whether a name stays inside the folder it is looked up in."""
    return name not in ("", ".", "..") and not any(character in "/\\:\0" for character in name)


def read_tracks(
    path: Path, frame_filter: FrameFilter = "spin", trusted: TrustedFiles | None = None
) -> tuple[PersonTrack, ...]:
    """Reads the people of a sequence.

    Args:
        path: the pickle of the sequence.
        frame_filter: which frames are used.
        trusted: files that may be opened although they ask for foreign code.

    Returns:
        One track per person, in the order of the file.

    Raises:
        UnsafeFileError: the pickle asks for more than plain data, or cannot be read.
        DatasetError: something is missing, of another shape, not finite or implausible; the message lists
            every problem of the file, one a line.
    """
    problems = Problems()
    content = load_pickle(path, trusted=trusted)
    if not isinstance(content, dict):
        raise DatasetError("the file holds no dictionary of a sequence")
    name = _sequence_name(content, path.stem, problems)
    camera = _Camera.read(content, problems)
    poses = content.get("poses")
    if not isinstance(poses, list) or not poses:
        problems.add("'poses' is not a list with one array per person")
        poses = []
    tracks = [_track(content, name, person, camera, frame_filter, problems) for person in range(len(poses))]
    problems.raise_for_file()
    return tuple(track for track in tracks if track is not None)


@dataclass(frozen=True)
class _Camera:
    """The moving camera: world to camera per frame (N, 4, 4), and intrinsics (3, 3)."""

    extrinsics: Float64[np.ndarray, "frames 4 4"]
    intrinsics: Float64[np.ndarray, "3 3"]

    @classmethod
    def read(cls, content: Mapping[str, Any], problems: Problems) -> "_Camera | None":
        extrinsics = _array(content.get("cam_poses"), "cam_poses", (-1, 4, 4), problems)
        intrinsics = _array(content.get("cam_intrinsics"), "cam_intrinsics", (3, 3), problems)
        if extrinsics is None or intrinsics is None or not problems.finite(intrinsics, "cam_intrinsics"):
            return None
        return cls(extrinsics, intrinsics)


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
    gender = _gender(_entry(content, "genders", person), person, problems)
    arrays = _arrays(content, person, problems)
    if gender is None or arrays is None or camera is None:
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
    extrinsics, keypoints = camera.extrinsics[used], keypoints[used]
    betas, poses = arrays["betas"][:10], arrays["poses"][used]
    joints = arrays["jointPositions"][used].reshape(-1, 24, 3)
    parts = {"betas": betas, "poses": poses, "poses2d": keypoints, "jointPositions": joints}
    finite = [problems.finite(values, f"{key} of person {person}") for key, values in parts.items()]
    if not all(finite) or not _plausible(extrinsics, joints, person, problems):
        return None
    joints = np.einsum("nij,nkj->nki", extrinsics[:, :3, :3], joints) + extrinsics[:, None, :3, 3]
    return PersonTrack(
        sequence=name,
        person=person,
        gender=gender,
        betas=betas.astype(np.float32),
        frames=used.astype(np.int64),
        rotmats=camera_rotmats(poses, extrinsics[:, :3, :3]),
        joints_m=joints.astype(np.float32),
        boxes_px=_boxes(keypoints),
        keypoints_px=keypoints.astype(np.float32),
        intrinsics=camera.intrinsics,
        left_out=left_out,
    )


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

    def of_person(key: str, *shape: int) -> Float64[np.ndarray, "..."] | None:
        return _array(_entry(content, key, person), f"{key} of person {person}", shape, problems)

    poses, betas = of_person("poses", -1, 72), of_person("betas", -1)
    if betas is not None and len(betas) < 10:
        problems.add(f"betas of person {person} has {len(betas)} values, not 10 or more")
        betas = None
    count = -1 if poses is None else len(poses)
    arrays = {
        "poses": poses,
        "betas": betas,
        "poses2d": of_person("poses2d", count, 3, 18),
        "jointPositions": of_person("jointPositions", count, 72),
        "campose_valid": of_person("campose_valid", count),
    }
    found = {key: array for key, array in arrays.items() if array is not None}
    return found if len(found) == len(arrays) else None


def _array(
    value: Any, label: str, shape: tuple[int, ...], problems: Problems
) -> Float64[np.ndarray, "..."] | None:
    """`Problems.array` without lists: a pickle can hold one list many times, and NumPy would unfold it."""
    if isinstance(value, list | tuple | dict):
        problems.add(f"{label} is a {type(value).__name__}, not an array")
        return None
    return problems.array(value, label, shape)


def _entry(content: Mapping[str, Any], key: str, person: int) -> Any:
    """A person's entry of a list, or None where there is none."""
    values = content.get(key)
    return values[person] if isinstance(values, list | tuple) and person < len(values) else None


def _gender(value: Any, person: int, problems: Problems) -> Gender | None:
    gender = GENDER_CODES.get(value) if isinstance(value, str) else None
    if gender is None:
        codes = ", ".join(GENDER_CODES)
        problems.add(f"the gender of person {person} is {quoted(value)}, not one of {codes}")
    return gender


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


def _boxes(keypoints: Float64[np.ndarray, "frames 18 3"]) -> Float64[np.ndarray, "frames 3"]:
    """`CropBox.from_keypoints` of all frames: centre x, y and side, pixels."""
    low, high = _rectangles(keypoints)
    side = BOX_MARGIN * (high - low).max(axis=1)
    return np.column_stack([(low + high) / 2, side])


def _plausible(
    extrinsics: Float64[np.ndarray, "frames 4 4"],
    joints_m: Float64[np.ndarray, "frames 24 3"],
    person: int,
    problems: Problems,
) -> bool:
    """Whether cameras are rigid motions and lengths are metres; problems are noted where not."""
    if not len(joints_m):
        return True
    before = len(problems.lines)
    if not are_rotations(extrinsics[:, :3, :3]).all() or not np.isfinite(extrinsics).all():
        problems.add(f"cam_poses has a matrix that is not a rigid motion, in frames of person {person}")
    length = float(np.median(np.linalg.norm(joints_m[:, _HEAD] - joints_m[:, _PELVIS], axis=1)))
    if not _PELVIS_TO_HEAD_M[0] <= length <= _PELVIS_TO_HEAD_M[1]:
        problems.add(f"pelvis and head of person {person} are {length:g} m apart; the file must be in metres")
    return len(problems.lines) == before
