"""The cameras through which annotated bodies are seen when their part labels are rendered.

Where a data set publishes its camera (3DPW), that one is taken. Elsewhere it is PARE's: focal length 5000 px,
principal point in the middle of a crop of 224 px, and the translation that brings the joints closest to the
keypoints (least squares, weighted by confidence).
"""

from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from occlusion_toolkit.body.joints49 import NUM_OPENPOSE
from occlusion_toolkit.data.annotations import AnnotationTable

FOCAL_LENGTH_PX = 5000.0
CROP_PX = 224
_FEWEST_KEYPOINTS = 3


@dataclass(frozen=True)
class Pinhole:
    """Cameras without rotation, in coordinates of each person's box.

    Attributes:
        translation: added to the body, metres, (B, 3).
        focal: focal lengths along x and y in half box sides, (B, 2).
        centre: principal points, [-1, 1] over the box, (B, 2).
    """

    translation: Float[Tensor, "batch 3"]
    focal: Float[Tensor, "batch 2"]
    centre: Float[Tensor, "batch 2"]

    @classmethod
    def at(cls, translation: Float[Tensor, "batch 3"]) -> "Pinhole":
        """PARE's cameras at given places."""
        focal = torch.full_like(translation[:, :2], 2 * FOCAL_LENGTH_PX / CROP_PX)
        return cls(translation, focal, torch.zeros_like(focal))

    def __getitem__(self, index: Tensor) -> "Pinhole":
        return Pinhole(*(getattr(self, field.name)[index] for field in fields(self)))

    def to(self, device: torch.device) -> "Pinhole":
        """The same cameras on another device."""
        return Pinhole(*(getattr(self, field.name).to(device) for field in fields(self)))

    def project(self, points: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch points 3"]:
        """Where points of the body are in the box, [-1, 1], and their depth, (B, N, 3)."""
        moved = points + self.translation[:, None]
        seen = self.focal[:, None] * moved[..., :2] / moved[..., 2:] + self.centre[:, None]
        return torch.cat((seen, moved[..., 2:]), dim=-1)


def cameras_of(
    table: AnnotationTable, rows: np.ndarray, joints_m: Float[Tensor, "batch 49 3"]
) -> tuple[Pinhole, Bool[Tensor, " batch"]]:
    """The cameras of some people, and who has one.

    Args:
        table: the annotations.
        rows: the people.
        joints_m: joints of their bodies, (B, 49, 3).
    """
    if table.pinholes is not None:
        known = torch.from_numpy(table.pinholes[rows])
        everyone = torch.ones(len(rows), dtype=torch.bool)
        return Pinhole(known[:, :3], known[:, 3:5], known[:, 5:]), everyone
    keypoints = torch.from_numpy(np.stack([keypoints_in_box(table, row) for row in rows.tolist()]))
    translation, good = fit_translation(joints_m, fitted_to(keypoints))
    if table.cameras is not None:
        published = camera_translation(torch.from_numpy(table.cameras[rows]))
        translation, good = torch.where(good[:, None], translation, published), torch.ones_like(good)
    return Pinhole.at(translation), good


def fitted_to(keypoints: Float[Tensor, "batch 49 3"]) -> Float[Tensor, "batch 49 3"]:
    """The keypoints that cameras are fitted to: J24's where there are any, else OpenPose's, as in PARE."""
    chosen = keypoints.clone()
    annotated = (keypoints[:, NUM_OPENPOSE:, 2] > 0).any(dim=1)
    chosen[:, :NUM_OPENPOSE, 2] = chosen[:, :NUM_OPENPOSE, 2].masked_fill(annotated[:, None], 0.0)
    return chosen


def fit_translation(
    joints_m: Float[Tensor, "batch joints 3"], keypoints: Float[Tensor, "batch joints 3"]
) -> tuple[Float[Tensor, "batch 3"], Bool[Tensor, " batch"]]:
    """The translation that projects joints closest to keypoints.

    Per joint two rows, f tx - u tz = u Z - f X and likewise for y, with u from the principal point.

    Args:
        joints_m: joints of the body, metres, (B, J, 3).
        keypoints: crop coordinates in [-1, 1] and confidence, (B, J, 3).

    Returns:
        Translations in metres, (B, 3), and where there is one: at least three keypoints, in front of the
        camera.
    """
    x, y, z = joints_m.double().unbind(-1)
    u, v = (keypoints[..., :2].double() * (CROP_PX / 2)).unbind(-1)
    weight = keypoints[..., 2].double().clamp(min=0).sqrt()
    zero, focal = torch.zeros_like(u), torch.full_like(u, FOCAL_LENGTH_PX)
    rows = torch.cat((torch.stack((focal, zero, -u), -1), torch.stack((zero, focal, -v), -1)), dim=1)
    right = torch.cat((u * z - FOCAL_LENGTH_PX * x, v * z - FOCAL_LENGTH_PX * y), dim=1)
    weight = weight.repeat(1, 2)[..., None]
    solvable = (keypoints[..., 2] > 0).sum(dim=1) >= _FEWEST_KEYPOINTS
    rows, right = rows * weight, right[..., None] * weight
    normal = rows.mT @ rows
    normal[~solvable] = torch.eye(3, dtype=normal.dtype, device=normal.device)
    solution, failed = torch.linalg.solve_ex(normal, rows.mT @ right)
    translation = solution[..., 0]
    depth = z.mean(dim=1) + translation[:, 2]
    good = solvable & (failed == 0) & torch.isfinite(translation).all(dim=1) & (depth > 1.0)
    return translation.to(joints_m.dtype), good


def camera_translation(camera: Float[Tensor, "batch 3"]) -> Float[Tensor, "batch 3"]:
    """The translation of a weak-perspective camera (s, tx, ty): (tx, ty, 2 f / (224 s)), SPIN's formula."""
    depth = 2 * FOCAL_LENGTH_PX / (CROP_PX * camera[:, 0] + 1e-9)
    return torch.stack((camera[:, 1], camera[:, 2], depth), dim=1)


def keypoints_in_box(table: AnnotationTable, row: int) -> Float32[np.ndarray, "49 3"]:
    """A person's keypoints in [-1, 1] over the box, exact, and their confidence, (49, 3).

    Published loaders round keypoints down to whole pixels of the crop first.
    """
    x, y, side = table.boxes_px[row].tolist()
    keypoints: np.ndarray = table.keypoints_px[row].copy()
    keypoints[:, :2] = 2 * (keypoints[:, :2].astype(np.float64) - (x, y)) / side
    keypoints[keypoints[:, 2] <= 0] = 0.0
    return keypoints
