"""Reads the keypoints that OpenPose writes beside a photograph, to find the person in it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from occlusion_toolkit.errors import CropError

Layout = Literal["BODY_25", "COCO_18"]

_LAYOUTS: dict[int, Layout] = {25: "BODY_25", 18: "COCO_18"}

_NAMES = ("pose_keypoints_2d", "pose_keypoints")  # the second is OpenPose before version 1.2

_MAX_BYTES = 16 * 1024**2


@dataclass(frozen=True)
class PersonKeypoints:
    """One person's keypoints.

    Attributes:
        points: (x, y, confidence) per keypoint, (K, 3), pixels of the image; confidence 0 means not seen.
        layout: which keypoints these are, in order.
        warnings: what the reader of a result should know, such as people who were left out.
    """

    points: Float64[np.ndarray, "points 3"]
    layout: Layout
    warnings: tuple[str, ...] = ()


def read_openpose(path: Path | str) -> PersonKeypoints:
    """Reads an OpenPose file (.json) with BODY_25 or COCO keypoints in pixels of the image.

    Of several people, the one with the largest sum of confidences times the diagonal of its keypoints'
    rectangle is taken, with a warning: near, fully seen people win over bystanders.

    Raises:
        CropError: the file is missing, not OpenPose's JSON, or shows nobody.
    """
    path = Path(path)
    shown = repr(str(path))
    people = _people(path, shown)
    candidates = [points for points in people if (points[:, 2] > 0).sum() >= 2]
    if not candidates:
        raise CropError(f"{shown} shows nobody with two keypoints or more; give the person's box instead")
    best = max(candidates, key=_prominence)
    warnings: tuple[str, ...] = ()
    if len(candidates) > 1:
        warnings = (f"{shown} shows {len(candidates)} people; the most prominent one is used",)
    return PersonKeypoints(best, _LAYOUTS[len(best)], warnings)


def _people(path: Path, shown: str) -> list[Float64[np.ndarray, "points 3"]]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise CropError(f"{shown} is too large for OpenPose keypoints; check the path")
        content = json.loads(path.read_bytes())
        people = content["people"]
        return [_points(person, shown) for person in people]
    except OSError as error:
        raise CropError(f"{shown} cannot be read: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise CropError(
            f"{shown} is not OpenPose's JSON; it needs a list 'people' with 'pose_keypoints_2d' in each entry"
        ) from error


def _points(person: Any, shown: str) -> Float64[np.ndarray, "points 3"]:
    numbers = person[next((name for name in _NAMES if name in person), _NAMES[0])]
    points = np.array(numbers, np.float64).reshape(-1, 3)
    if len(points) not in _LAYOUTS:
        raise CropError(
            f"{shown} has people with {len(points)} keypoints; only "
            + " and ".join(f"{name} ({count})" for count, name in _LAYOUTS.items())
            + " are read"
        )
    if not np.isfinite(points).all():
        raise CropError(f"{shown} has a keypoint that is not a finite number")
    return points


def _prominence(points: Float64[np.ndarray, "points 3"]) -> float:
    seen = points[points[:, 2] > 0]
    diagonal = float(np.linalg.norm(np.ptp(seen[:, :2], axis=0)))
    return diagonal * float(seen[:, 2].sum())
