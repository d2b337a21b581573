"""Which frames of a sequence can be used, and what is made of them: boxes, cameras, joints."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from scipy.spatial.transform import Rotation

from occlusion_toolkit.data.boxes import BOX_MARGIN
from occlusion_toolkit.data.pickled_entries import array, entry
from occlusion_toolkit.data.problems import Problems, numbered
from occlusion_toolkit.data.sample import are_rotations

_NEARLY = 0.05
"""A camera this far from a rotation is brought to the nearest one, with a warning; further off it is bad."""

_PELVIS, _HEAD = 0, 15
_PELVIS_TO_HEAD_M = (0.1, 1.5)  # of anyone, child or giant, bent or upright; millimetres are far outside


def used_frames(
    rules: Mapping[str, Bool[np.ndarray, " frames"]],
) -> tuple[Int64[np.ndarray, " used"], dict[str, int]]:
    """The frames that pass all rules, and how many each rule leaves out that passed those before it."""
    passed = np.ones_like(next(iter(rules.values())))
    left_out = {}
    for reason, kept in rules.items():
        left_out[reason] = int((passed & ~kept).sum())
        passed &= kept
    return np.flatnonzero(passed).astype(np.int64), left_out


def seen_frames(keypoints: Float64[np.ndarray, "frames 18 3"]) -> Bool[np.ndarray, " frames"]:
    """Frames in which at least two keypoints were seen, in different places: a box needs as much.

    Frames with NaN in a seen keypoint count as seen, so that they are reported and not passed over.
    """
    low, high = _rectangles(keypoints)
    spread = ~((high - low).max(axis=1) <= 0)
    seen: np.ndarray = spread & ((~(keypoints[..., 2] <= 0)).sum(axis=1) >= 2)
    return seen


def boxes_px(keypoints: Float64[np.ndarray, "frames 18 3"]) -> Float64[np.ndarray, "frames 3"]:
    """`CropBox.from_keypoints` of all frames: centre x, y and side, pixels."""
    low, high = _rectangles(keypoints)
    side = BOX_MARGIN * (high - low).max(axis=1)
    return np.column_stack([(low + high) / 2, side])


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


def good_frames(
    arrays: Mapping[str, Float64[np.ndarray, "..."]],
    keypoints: Float64[np.ndarray, "all 18 3"],
    extrinsics: Float64[np.ndarray, "all 4 4"],
    used: Int64[np.ndarray, " frames"],
    person: int,
    problems: Problems,
) -> Bool[np.ndarray, " frames"]:
    """Which of the used frames have everything that errors depend on; what is wrong is noted."""

    def broken(values: Float64[np.ndarray, "all ..."]) -> Bool[np.ndarray, " frames"]:
        found: np.ndarray = ~np.isfinite(values[used]).all(axis=tuple(range(1, values.ndim)))
        return found

    no_motion = ~are_rotations(extrinsics[used, :3, :3], _NEARLY) | broken(extrinsics)
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


def rotations(
    extrinsics: Float64[np.ndarray, "frames 4 4"],
    used: Int64[np.ndarray, " frames"],
    person: int,
    problems: Problems,
) -> Float64[np.ndarray, "frames 3 3"]:
    """Rotations of the cameras; those that are a little off one become the nearest, as in OpenCV."""
    found = extrinsics[:, :3, :3].copy()
    off = ~are_rotations(found)
    if off.any():
        frames = numbered(used[off].tolist(), "frame")
        problems.remarks.append(
            f"cam_poses is not exactly a rotation in {frames} of person {person}; the nearest one is taken"
        )
        found[off] = Rotation.from_matrix(found[off]).as_matrix()
    return found


def joints_m(
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
        broken = ~np.isfinite(joints).all(axis=(1, 2))
        if broken.any():
            unused.add(f"{label} has NaN or infinite values in {numbered(used[broken].tolist(), 'frame')}")
        heights = np.linalg.norm(joints[:, _HEAD] - joints[:, _PELVIS], axis=1)
        length = float(np.median(heights)) if len(used) else 1.0
        if not unused.lines and not _PELVIS_TO_HEAD_M[0] <= length <= _PELVIS_TO_HEAD_M[1]:
            unused.add(f"{label} has pelvis and head {length:g} m apart, and must be in metres")
    problems.remarks += [f"{line}; only training needs it" for line in unused.lines]
    if values is None or unused.lines:
        return None
    moved: np.ndarray = np.einsum("nij,nkj->nki", extrinsics[:, :3, :3], joints) + extrinsics[:, None, :3, 3]
    return np.asarray(moved, np.float32)
