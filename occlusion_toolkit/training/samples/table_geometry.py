"""Annotated people in the coordinates of their boxes."""

import numpy as np
from jaxtyping import Float32

from occlusion_toolkit.data.annotations import AnnotationTable


def keypoints_in_box(table: AnnotationTable, row: int) -> Float32[np.ndarray, "49 3"]:
    """A person's keypoints in [-1, 1] over the box, exact, and their confidence, (49, 3).

    Published loaders round keypoints down to whole pixels of the crop first.
    """
    x, y, side = table.boxes_px[row].tolist()
    keypoints: np.ndarray = table.keypoints_px[row].copy()
    keypoints[:, :2] = 2 * (keypoints[:, :2].astype(np.float64) - (x, y)) / side
    keypoints[keypoints[:, 2] <= 0] = 0.0
    return keypoints
