"""One sequence pickle in 3DPW's layout: checked, cut to the frames that can be used, in the camera frame."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from occlusion_toolkit.body.arrays import Gender
from occlusion_toolkit.data.people import BAD, FrameFilter
from occlusion_toolkit.data.pickled_entries import array, entry, gender, vector
from occlusion_toolkit.data.problems import Problems
from occlusion_toolkit.data.sample import camera_rotmats
from occlusion_toolkit.data.threedpw_frames import (
    boxes_px,
    good_frames,
    joints_m,
    rotations,
    seen_frames,
    used_frames,
)
from occlusion_toolkit.errors import DatasetError
from occlusion_toolkit.files.inert import quoted
from occlusion_toolkit.files.safe_pickle import load_pickle
from occlusion_toolkit.files.trust import TrustedFiles

_LIMBS = slice(2, 14)  # shoulders, elbows, wrists, hips, knees, ankles of the 18 keypoints

_LIMB_CONFIDENCE = 0.3

_MIN_LIMBS = 7


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
        "fewer than two keypoints seen": seen_frames(keypoints),
    }
    if frame_filter == "vibe":
        limbs = (keypoints[:, _LIMBS, 2] > _LIMB_CONFIDENCE).sum(axis=1)
        rules["fewer than seven limb joints seen (VIBE's filter)"] = limbs >= _MIN_LIMBS
    used, left_out = used_frames(rules)
    before = len(problems.lines)
    good = good_frames(arrays, keypoints, camera.extrinsics, used, person, problems)
    if len(problems.lines) > before:
        return None
    if not good.all():
        left_out[BAD], used = int((~good).sum()), used[good]
    extrinsics, keypoints, poses = camera.extrinsics[used], keypoints[used], arrays["poses"][used]
    turned = rotations(extrinsics, used, person, problems)
    joints = joints_m(content, person, extrinsics, used, count, problems)
    return PersonTrack(
        sequence=name,
        person=person,
        gender=sex,
        betas=arrays["betas"][:10].astype(np.float32),
        frames=used.astype(np.int64),
        rotmats=camera_rotmats(poses, turned),
        joints_m=joints,
        boxes_px=boxes_px(keypoints),
        keypoints_px=keypoints.astype(np.float32),
        intrinsics=camera.intrinsics,
        left_out=left_out,
    )


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
