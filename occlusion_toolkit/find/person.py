"""One person who was found in a picture, and the boxes that follow from the landmarks."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float64

from occlusion_toolkit.body.joints import BLAZEPOSE33
from occlusion_toolkit.data.boxes import CropBox

LANDMARKS: Final = BLAZEPOSE33.joint_names
"""Names of BlazePose's landmarks, in order; left is the person's."""

KEYPOINTS: Final = tuple(
    index
    for index, name in enumerate(LANDMARKS)
    if name == "nose"
    or name.endswith(("_eye", "_ear", "_shoulder", "_elbow", "_wrist", "_hip", "_knee", "_ankle"))
)
"""The 17 landmarks that COCO has too: data sets draw the person's box around them, and so do we."""


@dataclass(frozen=True)
class FoundPerson:
    """Where a person is.

    Attributes:
        box: square around the person by the project's rule, 1.2 x the keypoints that are in the picture;
            may reach beyond the picture.
        bbox_xywh: x, y, width and height of the rectangle around the person's silhouette, pixels; what a
            person would draw.
        score: how sure the two networks are, 0 to 1.
        landmarks_px: x, y of the 33 `LANDMARKS`, (33, 2), pixels of the image; guessed where hidden or
            beyond the picture.
        visibility: how sure each is to be in the picture and not hidden, 0 to 1, (33,).
        world_m: the landmarks in metres from the middle of the hips, x right, y down, z away from the
            camera, (33, 3).
    """

    box: CropBox
    bbox_xywh: tuple[float, float, float, float]
    score: float
    landmarks_px: Float64[np.ndarray, "33 2"]
    visibility: Float64[np.ndarray, " 33"]
    world_m: Float64[np.ndarray, "33 3"]

    def reaches_beyond(self, height: int, width: int) -> bool:
        """Whether a part of the person lies outside an image of this size."""
        return not bool(inside(self.landmarks_px, height, width).all())


def inside(points: Float64[np.ndarray, "points 2"], height: int, width: int) -> Bool[np.ndarray, " points"]:
    """Which points lie in an image, (K,)."""
    within: Bool[np.ndarray, "points 2"] = (points >= 0) & (points < (width, height))
    both: Bool[np.ndarray, " points"] = np.logical_and.reduce(within, axis=1)
    return both


def square_around(landmarks_px: Float64[np.ndarray, "33 2"], height: int, width: int) -> CropBox | None:
    """The square that a data set would have: 1.2 x the rectangle of the keypoints in the picture.

    None where fewer than two keypoints are in the picture.
    """
    keypoints = landmarks_px[list(KEYPOINTS)]
    seen = inside(keypoints, height, width)
    if seen.sum() < 2:
        return None
    return CropBox.from_keypoints(np.column_stack([keypoints, seen]))


def rectangle_around(
    landmarks_px: Float64[np.ndarray, "33 2"], silhouette_px: Float64[np.ndarray, "points 2"]
) -> tuple[float, float, float, float]:
    """The rectangle of the silhouette, held to that of the landmarks: x, y, width, height.

    The silhouette alone can take in a neighbour or lose a foot, the landmarks alone leave out hair, clothes
    and soles. So every border is the silhouette's, but at most 12 % of the person's length outside the
    landmarks and 2 % inside.

    Args:
        landmarks_px: of the person, (33, 2).
        silhouette_px: corners of the silhouette's pixels, (K, 2); may be empty.
    """
    low, high = landmarks_px.min(axis=0), landmarks_px.max(axis=0)
    length = (high - low).max()
    if len(silhouette_px):
        outside, within = 0.12 * length, 0.02 * length
        low = np.clip(silhouette_px.min(axis=0), low - outside, low + within)
        high = np.clip(silhouette_px.max(axis=0), high - within, high + outside)
    x, y = low.tolist()
    width, height = (high - low).tolist()
    return x, y, width, height
