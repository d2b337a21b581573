"""What a crop truly shows of a person: part labels, and what hides the joints that are out of sight."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.body.parts import NUM_PARTS, part_of_joint, part_steps
from occlusion_toolkit.data.boxes import RESOLUTION
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.files.images import read_image

NO_MASK = 255
"""Label of every pixel of a crop whose parts are unknown."""

SIGHTS = ("unknown", "seen", "body", "thing", "frame", "undetected")
"""Whether a joint is in sight, or what hides it: nobody knows; in sight; behind the body itself; behind a
thing; outside the picture or the crop; no detector found it, as where 3DPW has no key point."""

# Joints in the order of `Sample.keypoints_px`; eyes and ears are in no joint set.
_KEYPOINTS = (
    *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow"),
    *("left_wrist", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
)
_NEAR_PX = 2


@dataclass(frozen=True)
class Scene:
    """What a crop truly shows of a body.

    Attributes:
        parts: label of each pixel of the crop, 0 background, 1 + k for part k, (R, R); None where the data
            set has no masks.
        joints_px: true places (x, y) in the crop, NaN where unknown or outside, (J, 2).
        sight: whether the joint is in sight, or what hides it: an index into `SIGHTS`, (J,).
    """

    parts: UInt8[np.ndarray, "rows cols"] | None
    joints_px: Float64[np.ndarray, "joints 2"]
    sight: UInt8[np.ndarray, " joints"]

    @property
    def visible(self) -> Bool[np.ndarray, " joints"]:
        """Whether each joint is in sight, (J,)."""
        return np.asarray(self.sight == SIGHTS.index("seen"))


def read_scene(sample: Sample, joint_names: tuple[str, ...], resolution: int = RESOLUTION) -> Scene:
    """What the crop of a person truly shows.

    A joint is in sight where the mask shows its part, or one next to it, within 2 pixels of its place;
    without a mask, where the data set has a key point for it.

    Args:
        sample: the person.
        joint_names: of the joints of the scene; one that is no key point has no place and is "unknown".
        resolution: side of the crop, pixels.

    Raises:
        ImageError: the mask cannot be read.
    """
    left, top = (middle - sample.box.size / 2 for middle in sample.box.centre)
    step = sample.box.size / resolution
    labels = None if sample.part_path is None else read_image(sample.part_path).pixels[..., 0]
    places = np.full((len(joint_names), 2), np.nan)
    sight = np.full(len(joint_names), SIGHTS.index("unknown"), dtype=np.uint8)
    parts = None if labels is None else _cropped(labels, left, top, step, resolution)
    for row, name in enumerate(joint_names):
        if name not in _KEYPOINTS or sample.keypoints_px is None:
            continue
        found = _point(sample, name, known_by_mask=labels is not None)
        if found is None:
            sight[row] = SIGHTS.index("undetected")
            continue
        point = found + 0.5
        place = (point - (left, top)) / step
        in_crop = bool(((place >= 0) & (place < resolution)).all())
        in_image = labels is None or bool(((point >= 0) & (point < labels.shape[1::-1])).all())
        if in_crop:
            places[row] = place
        sight[row] = SIGHTS.index(_sight(parts, place, name) if in_crop and in_image else "frame")
    return Scene(parts, places, sight)


def hidden_pixels(
    parts: UInt8[np.ndarray, "rows cols"], windows: Int64[np.ndarray, "windows 4"]
) -> Int64[np.ndarray, "windows parts"]:
    """How many pixels of each part each window hides.

    Args:
        parts: labels of a crop, 1 + k for part k, (R, R).
        windows: rectangles (y0, y1, x0, x1), (W, 4).
    """
    one_hot = parts[..., None] == np.arange(1, NUM_PARTS + 1)
    # Summed between the edges of windows first: there are few, and pixels are many.
    rows, cols = (np.unique(np.append(windows[:, axis], 0)) for axis in (slice(0, 2), slice(2, 4)))
    inner = [edges[edges < size] for edges, size in zip((rows, cols), parts.shape, strict=True)]
    blocks = np.add.reduceat(np.add.reduceat(one_hot, inner[0], axis=0, dtype=np.int64), inner[1], axis=1)
    sums = np.pad(blocks.cumsum(0).cumsum(1), ((1, 0), (1, 0), (0, 0)))
    y0, y1 = (np.searchsorted(inner[0], windows[:, axis]) for axis in (0, 1))
    x0, x1 = (np.searchsorted(inner[1], windows[:, axis]) for axis in (2, 3))
    counts: Int64[np.ndarray, "windows parts"] = sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]
    return counts


def near_parts(joint_name: str) -> Bool[np.ndarray, " parts"]:
    """A joint's part and those next to it; none for a joint without a part."""
    part = part_of_joint(joint_name)
    return np.zeros(NUM_PARTS, dtype=bool) if part is None else part_steps()[part] <= 1


def _point(sample: Sample, joint_name: str, *, known_by_mask: bool) -> Float64[np.ndarray, "2"] | None:
    """Where a joint is in the image: its key point or, if a mask tells what is there, its projection."""
    if sample.keypoints_px is None:
        return None
    x, y, confidence = sample.keypoints_px[_KEYPOINTS.index(joint_name)].astype(np.float64)
    if confidence > 0:
        return np.array([x, y])
    if not known_by_mask or sample.joints_m is None or sample.intrinsics is None:
        return None
    if joint_name not in SMPL24.joint_names:
        return None
    ray = sample.intrinsics @ sample.joints_m[SMPL24.index(joint_name)].astype(np.float64)
    return np.asarray(ray[:2] / ray[2]) if ray[2] > 0 else None


def _cropped(
    labels: UInt8[np.ndarray, "height width"], left: float, top: float, step: float, resolution: int
) -> UInt8[np.ndarray, "rows cols"]:
    """The label under the centre of every pixel of the crop; background outside the image."""
    x, y = (np.floor(start + step * (np.arange(resolution) + 0.5)).astype(int) for start in (left, top))
    inside = ((y >= 0) & (y < labels.shape[0]))[:, None] & ((x >= 0) & (x < labels.shape[1]))
    shown = labels[y.clip(0, labels.shape[0] - 1)][:, x.clip(0, labels.shape[1] - 1)]
    return np.where(inside, shown, 0).astype(np.uint8)


def _sight(
    parts: UInt8[np.ndarray, "rows cols"] | None, place: Float64[np.ndarray, "2"], joint_name: str
) -> str:
    if parts is None:
        return "seen"
    x, y = place.astype(int)
    around = parts[max(0, y - _NEAR_PX) : y + _NEAR_PX + 1, max(0, x - _NEAR_PX) : x + _NEAR_PX + 1]
    if np.isin(around, 1 + np.flatnonzero(near_parts(joint_name))).any():
        return "seen"
    return "thing" if parts[y, x] == 0 else "body"
