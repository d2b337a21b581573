"""One sequence pickle in 3DPW's layout: checked, cut to the frames that can be used, in the camera frame."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from scipy.spatial.transform import Rotation

from occlusion_toolkit.errors import DatasetError
from occlusion_toolkit.io.safe_pickle import load_pickle

_GENDERS = {"m": "male", "f": "female", "n": "neutral"}

_PELVIS, _HEAD = 0, 15
_PELVIS_TO_HEAD_M = (0.1, 1.5)  # of anyone, child or giant, bent or upright; millimetres are far outside

_ROTATION_TOLERANCE = 1e-3  # the files hold rotations to about 1e-6


@dataclass(frozen=True)
class PersonTrack:
    """One person of one sequence, at the N frames that can be used.

    Attributes:
        sequence: name of the sequence, which is also that of its image folder.
        person: index of the person in the file.
        gender: "male", "female" or "neutral".
        betas: shape, (10,).
        frames: numbers of the images, ascending, (N,).
        rotmats: rotations, the root's in the camera frame, (N, 24, 3, 3).
        joints_m: kinematic SMPL joints in the camera frame, (N, 24, 3), metres.
        keypoints_px: x, y in pixels and confidence of 18 COCO keypoints, (N, 18, 3); confidence 0: not seen.
        intrinsics: of the camera, (3, 3), pixels.
        camera_invalid: frames left out because the camera's pose is not valid.
        unseen: further frames left out because fewer than two keypoints were seen.
    """

    sequence: str
    person: int
    gender: str
    betas: Float32[np.ndarray, " 10"]
    frames: Int64[np.ndarray, " frames"]
    rotmats: Float32[np.ndarray, "frames 24 3 3"]
    joints_m: Float32[np.ndarray, "frames 24 3"]
    keypoints_px: Float32[np.ndarray, "frames 18 3"]
    intrinsics: Float64[np.ndarray, "3 3"]
    camera_invalid: int
    unseen: int


def is_folder_name(name: str) -> bool:
    """Whether a name stays inside the folder it is looked up in."""
    return name not in ("", ".", "..") and not any(character in "/\\:\0" for character in name)


def read_tracks(path: Path) -> tuple[PersonTrack, ...]:
    """Reads the people of a sequence.

    Args:
        path: the pickle of the sequence.

    Returns:
        One track per person, in the order of the file.

    Raises:
        UnsafeFileError: the pickle asks for more than plain data, or cannot be read.
        DatasetError: something is missing, of another shape, not finite or implausible; the message lists
            every problem of the file, one a line.
    """
    problems = _Problems()
    content = load_pickle(path)
    if not isinstance(content, dict):
        raise DatasetError("the file holds no dictionary of a sequence")
    name = _sequence_name(content, path.stem, problems)
    camera = _Camera.read(content, problems)
    poses = content.get("poses")
    if not isinstance(poses, list) or not poses:
        problems.add("'poses' is not a list with one array per person")
        poses = []
    tracks = [_track(content, name, person, camera, problems) for person in range(len(poses))]
    problems.raise_if_any()
    return tuple(track for track in tracks if track is not None)


class _Problems:
    """Collects what is wrong, so that all of it can be said at once."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, line: str) -> None:
        self.lines.append(line)

    def raise_if_any(self) -> None:
        if self.lines:
            raise DatasetError("\n".join(self.lines))

    def array(self, value: Any, label: str, shape: tuple[int, ...]) -> Float64[np.ndarray, "..."] | None:
        """The value as numbers of the given shape (-1: any length), or None with a problem noted."""
        if value is None:
            self.add(f"{label} is missing")
            return None
        try:
            array = np.asarray(value, np.float64)
        except (TypeError, ValueError):
            self.add(f"{label} does not hold numbers")
            return None
        fits = array.ndim == len(shape) and all(n in (-1, m) for n, m in zip(shape, array.shape, strict=True))
        if not fits:
            wanted = ", ".join("N" if n == -1 else str(n) for n in shape)
            self.add(f"{label} has shape {array.shape}, not ({wanted})")
            return None
        return array

    def finite(self, values: Float64[np.ndarray, "..."], label: str) -> bool:
        """Whether all values are finite; a problem is noted where not."""
        if np.isfinite(values).all():
            return True
        self.add(f"{label} has NaN or infinite values")
        return False


@dataclass(frozen=True)
class _Camera:
    """The moving camera: world to camera per frame (N, 4, 4), and intrinsics (3, 3)."""

    extrinsics: Float64[np.ndarray, "frames 4 4"]
    intrinsics: Float64[np.ndarray, "3 3"]

    @classmethod
    def read(cls, content: Mapping[str, Any], problems: _Problems) -> "_Camera | None":
        extrinsics = problems.array(content.get("cam_poses"), "cam_poses", (-1, 4, 4))
        intrinsics = problems.array(content.get("cam_intrinsics"), "cam_intrinsics", (3, 3))
        if extrinsics is None or intrinsics is None or not problems.finite(intrinsics, "cam_intrinsics"):
            return None
        return cls(extrinsics, intrinsics)


def _sequence_name(content: Mapping[str, Any], stem: str, problems: _Problems) -> str:
    """The name in the file, which leads to the images; it must not lead anywhere else."""
    name = content.get("sequence", stem)
    name = str(name.item() if isinstance(name, np.ndarray) and name.ndim == 0 else name)
    if not is_folder_name(name):
        problems.add(f"'sequence' is {name!r}, which is not the name of a folder")
    elif name != stem:
        problems.add(f"'sequence' is {name!r}, but the file is named {stem!r}")
    return name


def _track(
    content: Mapping[str, Any], name: str, person: int, camera: _Camera | None, problems: _Problems
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
    tracked, seen = arrays["campose_valid"] != 0, _seen(keypoints)
    used = np.flatnonzero(tracked & seen)
    extrinsics, keypoints = camera.extrinsics[used], keypoints[used]
    betas, poses = arrays["betas"][:10], arrays["poses"][used]
    joints = arrays["jointPositions"][used].reshape(-1, 24, 3)
    parts = {"betas": betas, "poses": poses, "poses2d": keypoints, "jointPositions": joints}
    finite = [problems.finite(values, f"{key} of person {person}") for key, values in parts.items()]
    if not all(finite) or not _plausible(extrinsics, joints, person, problems):
        return None
    rotmats = Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
    rotmats[:, 0] = extrinsics[:, :3, :3] @ rotmats[:, 0]
    joints = np.einsum("nij,nkj->nki", extrinsics[:, :3, :3], joints) + extrinsics[:, None, :3, 3]
    return PersonTrack(
        sequence=name,
        person=person,
        gender=gender,
        betas=betas.astype(np.float32),
        frames=used.astype(np.int64),
        rotmats=rotmats.astype(np.float32),
        joints_m=joints.astype(np.float32),
        keypoints_px=keypoints.astype(np.float32),
        intrinsics=camera.intrinsics,
        camera_invalid=int((~tracked).sum()),
        unseen=int((tracked & ~seen).sum()),
    )


def _arrays(
    content: Mapping[str, Any], person: int, problems: _Problems
) -> dict[str, Float64[np.ndarray, "..."]] | None:
    """A person's arrays, of fitting shapes; None where problems were noted."""

    def of_person(key: str, *shape: int) -> Float64[np.ndarray, "..."] | None:
        return problems.array(_entry(content, key, person), f"{key} of person {person}", shape)

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


def _entry(content: Mapping[str, Any], key: str, person: int) -> Any:
    """A person's entry of a list, or None where there is none."""
    values = content.get(key)
    return values[person] if isinstance(values, list | tuple) and person < len(values) else None


def _gender(value: Any, person: int, problems: _Problems) -> str | None:
    gender = _GENDERS.get(value) if isinstance(value, str) else None
    if gender is None:
        problems.add(f"the gender of person {person} is {value!r}, not one of {', '.join(_GENDERS)}")
    return gender


def _seen(keypoints: Float64[np.ndarray, "frames 18 3"]) -> Bool[np.ndarray, " frames"]:
    """Frames in which at least two keypoints were seen, in different places: a box needs as much.

    Frames with NaN in a seen keypoint count as seen, so that they are reported and not passed over.
    """
    seen = ~(keypoints[..., 2] <= 0)
    xy = keypoints[..., :2]
    low = np.where(seen[..., None], xy, np.inf).min(axis=1)
    high = np.where(seen[..., None], xy, -np.inf).max(axis=1)
    spread = ~((high - low).max(axis=1) <= 0)
    enough: np.ndarray = (seen.sum(axis=1) >= 2) & spread
    return enough


def _plausible(
    extrinsics: Float64[np.ndarray, "frames 4 4"],
    joints_m: Float64[np.ndarray, "frames 24 3"],
    person: int,
    problems: _Problems,
) -> bool:
    """Whether cameras are rigid motions and lengths are metres; problems are noted where not."""
    if not len(joints_m):
        return True
    before = len(problems.lines)
    rotations = extrinsics[:, :3, :3]
    identity = rotations @ rotations.transpose(0, 2, 1)
    rigid = np.abs(identity - np.eye(3)).max() <= _ROTATION_TOLERANCE and (np.linalg.det(rotations) > 0).all()
    if not rigid or not np.isfinite(extrinsics).all():
        problems.add(f"cam_poses has a matrix that is not a rigid motion, in frames of person {person}")
    length = float(np.median(np.linalg.norm(joints_m[:, _HEAD] - joints_m[:, _PELVIS], axis=1)))
    if not _PELVIS_TO_HEAD_M[0] <= length <= _PELVIS_TO_HEAD_M[1]:
        problems.add(f"pelvis and head of person {person} are {length:g} m apart; the file must be in metres")
    return len(problems.lines) == before
