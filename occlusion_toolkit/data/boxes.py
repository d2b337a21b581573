"""The person's box, by the convention of SPIN, PARE and HMR-EFT, and OpenPose files that show where it is.

Image coordinates are pixels (x, y) of the upright image, pixel (0, 0) covering [0, 1) x [0, 1). A box of
side h centred on (cx, cy) maps to a crop of side r by x_crop = (x - cx) r / h + r / 2, likewise y. The
published code stores the side as scale = h / 200.
"""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Float64

from occlusion_toolkit.errors import CropError

RESOLUTION = 224
"""Side of the crop that published regressors take, pixels."""

BOX_MARGIN = 1.2
"""How much larger than the person the box is, as in the published data preparation."""


@dataclass(frozen=True)
class CropBox:
    """A square of the image, the person inside.

    Attributes:
        centre: (x, y), pixels of the image; may lie outside it.
        size: side, pixels of the image.
        person: width and height of the rectangle around the person that the square was made of, pixels of
            the image; None where only the square is known. Networks whose crops follow the person's
            proportions need it.

    Raises:
        CropError: a number is not finite or the side is not positive.
    """

    centre: tuple[float, float]
    size: float
    person: tuple[float, float] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in (*self.centre, self.size)):
            raise CropError(f"the box has a value that is not a finite number: {self}")
        if self.size <= 0:
            raise CropError(f"the box has no area ({self}); its sides must be positive")

    @property
    def scale(self) -> float:
        """Side divided by 200 pixels, as data set files store it."""
        return self.size / 200.0

    def shrunk(self, by: int) -> "CropBox":
        """The same box in an image that is so many times smaller."""
        person = None if self.person is None else (self.person[0] / by, self.person[1] / by)
        return CropBox((self.centre[0] / by, self.centre[1] / by), self.size / by, person)

    @property
    def rectangle(self) -> tuple[float, float]:
        """Width and height of the person, pixels: as known, else a square without the margin."""
        return self.person or (self.size / BOX_MARGIN, self.size / BOX_MARGIN)

    @classmethod
    def from_scale(cls, centre: tuple[float, float], scale: float) -> "CropBox":
        """The box that a data set file describes; no margin is added, the file's scale holds it already."""
        return cls(centre, 200.0 * scale)

    @classmethod
    def from_xywh(
        cls, x: float, y: float, width: float, height: float, margin: float = BOX_MARGIN
    ) -> "CropBox":
        """The square around a person's rectangle.

        Args:
            x: left border of the rectangle, pixels.
            y: upper border, pixels.
            width: of the rectangle, pixels.
            height: of the rectangle, pixels.
            margin: side of the square over the longer side of the rectangle.

        Raises:
            CropError: the rectangle has no area or a value is not finite.
        """
        if not all(math.isfinite(value) for value in (x, y, width, height)):
            raise CropError(f"the box ({x:g}, {y:g}, {width:g}, {height:g}) has a value that is not finite")
        if width <= 0 or height <= 0:
            raise CropError(
                f"the box ({x:g}, {y:g}, {width:g}, {height:g}) has no area; "
                "give x, y, width and height in pixels, both sides positive"
            )
        return cls((x + width / 2, y + height / 2), margin * max(width, height), (width, height))

    @classmethod
    def from_keypoints(cls, points: Float[np.ndarray, "points 3"], margin: float = BOX_MARGIN) -> "CropBox":
        """The square around all keypoints that were seen.

        Args:
            points: (x, y, confidence) per keypoint, (K, 3), pixels; confidence 0 means not seen.
            margin: side of the square over the longer side of the keypoints' rectangle.

        Raises:
            CropError: fewer than two keypoints were seen, they coincide, or a value is not finite.
        """
        seen = np.asarray(points, np.float64)
        seen = seen[~(seen[:, 2] <= 0)]  # a NaN confidence stays in and is refused below
        if len(seen) < 2:
            raise CropError(f"only {len(seen)} keypoints have a confidence above 0; a box needs two")
        if not np.isfinite(seen).all():
            raise CropError("a keypoint has a value that is not a finite number")
        low, high = seen[:, :2].min(axis=0), seen[:, :2].max(axis=0)
        width, height = (high - low).tolist()
        side = max(width, height)
        if side <= 0:
            raise CropError("all keypoints are in one place; a box needs two places")
        centre = (low + high) / 2
        return cls((float(centre[0]), float(centre[1])), margin * side, (width, height))

    @classmethod
    def whole_image(cls, height: int, width: int) -> "CropBox":
        """The smallest square that holds the whole image, centred; what is used when no box is given."""
        return cls((width / 2, height / 2), float(max(height, width)))

    def corners(self) -> tuple[int, int, int, int]:
        """The pixels that are cut out, (x0, y0, x1, y1), x1 and y1 exclusive.

        Borders are truncated towards zero, as the published crop function does; the slice may reach outside
        the image and be one pixel off square.
        """
        (x, y), half = self.centre, self.size / 2
        return math.trunc(x - half), math.trunc(y - half), math.trunc(x + half), math.trunc(y + half)

    def transform(self, resolution: int = RESOLUTION, rotation: float = 0.0) -> Float64[np.ndarray, "3 3"]:
        """The affine map from image to crop pixels, homogeneous, (3, 3).

        Args:
            resolution: side of the crop, pixels.
            rotation: how far the picture is turned counter-clockwise about the centre of the crop, degrees.
        """
        gain, half = resolution / self.size, resolution / 2
        # In the published code's order of operations: the truncation of keypoints shows the last bit.
        x, y = (resolution * (0.5 - value / self.size) for value in self.centre)
        scaled = np.array([[gain, 0, x], [0, gain, y], [0, 0, 1.0]])
        cosine, sine = math.cos(math.radians(rotation)), math.sin(math.radians(rotation))
        turned = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1.0]])
        to_centre, back = np.eye(3), np.eye(3)
        to_centre[:2, 2], back[:2, 2] = -half, half
        matrix: np.ndarray = back @ turned @ to_centre @ scaled if rotation else scaled
        return matrix

    def image_to_crop(
        self, points: Float[np.ndarray, "*batch 2"], resolution: int = RESOLUTION, rotation: float = 0.0
    ) -> Float64[np.ndarray, "*batch 2"]:
        """Maps points (x, y) of the image to the crop, pixels."""
        return _mapped(points, self.transform(resolution, rotation))

    def crop_to_image(
        self, points: Float[np.ndarray, "*batch 2"], resolution: int = RESOLUTION, rotation: float = 0.0
    ) -> Float64[np.ndarray, "*batch 2"]:
        """Maps points (x, y) of the crop to the image, pixels; the inverse of `image_to_crop`."""
        return _mapped(points, np.linalg.inv(self.transform(resolution, rotation)))


def _mapped(
    points: Float[np.ndarray, "*batch 2"], matrix: Float64[np.ndarray, "3 3"]
) -> Float64[np.ndarray, "*batch 2"]:
    mapped: np.ndarray = np.asarray(points, np.float64) @ matrix[:2, :2].T + matrix[:2, 2]
    return mapped


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
