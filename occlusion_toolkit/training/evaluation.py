"""How good a network is: pose errors clean and under a grey square, and part segmentation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.crops import crop_image, normalise
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.files.images import read_image
from occlusion_toolkit.models.base import NUM_JOINTS, Regressor
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.metrics import mpjpe, pa_mpjpe
from occlusion_toolkit.sweep.occluders import parse_occluder
from occlusion_toolkit.sweep.sweep import WindowSweep
from occlusion_toolkit.training.losses import IGNORED_PART


@dataclass(frozen=True)
class PoseErrors:
    """Mean errors of a set of people on the 14 LSP joints, millimetres."""

    mpjpe_mm: float
    pa_mpjpe_mm: float

    def __str__(self) -> str:
        return f"MPJPE {self.mpjpe_mm:.1f} mm, PA-MPJPE {self.pa_mpjpe_mm:.1f} mm"


def errors_mm(found: BodyParameters, truth: BodyParameters, body: BodyModel) -> Float[Tensor, "2 people"]:
    """MPJPE and PA-MPJPE of every person over the 14 LSP joints, millimetres, (2, P)."""
    joints = body.centred_joints(found, LSP14), body.centred_joints(truth, LSP14)
    return 1000 * torch.stack([metric(*joints).mean(dim=1) for metric in (mpjpe, pa_mpjpe)])


def part_overlaps(
    part_logits: Float[Tensor, "batch 25 h w"], labels: UInt8[Tensor, "batch height width"]
) -> Int[Tensor, "2 24"]:
    """Pixels in the intersection and in the union of found and true parts, by part.

    Counts are added up over a data set before they are divided, so that every pixel of a part weighs the
    same in whatever image it is.

    Args:
        part_logits: raw scores of background and parts, (B, 25, h, w).
        labels: 0 background, k + 1 part k, `IGNORED_PART` where unknown.

    Returns:
        Intersections and unions, (2, 24).
    """
    scores = functional.interpolate(
        part_logits.float(), size=labels.shape[-2:], mode="bilinear", align_corners=True
    )
    known = labels != IGNORED_PART
    found, true = scores.argmax(dim=1)[known], labels[known].long()
    parts = torch.arange(1, NUM_JOINTS + 1, device=labels.device)
    is_found, is_true = found[:, None] == parts, true[:, None] == parts
    return torch.stack(((is_found & is_true).sum(dim=0), (is_found | is_true).sum(dim=0)))


def mean_iou(overlaps: Int[Tensor, "2 24"]) -> float:
    """Mean over the parts that were found or there, in [0, 1]; zero where there were none."""
    intersection, union = overlaps.double()
    there = union > 0
    return float((intersection[there] / union[there]).mean()) if bool(there.any()) else 0.0


def load_crops(frames: Sequence[Sample]) -> Float[Tensor, "people 3 224 224"]:
    """Normalised crops of people, from their images and boxes."""
    return torch.stack(
        [normalise(crop_image(read_image(frame.image_path).pixels, frame.box)) for frame in frames]
    )


def ground_truth(frames: Sequence[Sample]) -> BodyParameters:
    """Parameters of people in the camera frame; their cameras are not known and set to zero."""
    return BodyParameters(
        torch.from_numpy(np.stack([frame.rotmats for frame in frames])),
        torch.from_numpy(np.stack([frame.betas for frame in frames])),
        torch.zeros(len(frames), 3),
    )


def swept_errors(
    regressor: Regressor,
    body: BodyModel,
    crops: Float[Tensor, "people 3 height width"],
    truth: BodyParameters,
    grid: Grid,
) -> xr.Dataset:
    """Errors of every person, clean and with a grey square in every window, means over the 14 LSP joints.

    Args:
        regressor: from normalised crops to parameters.
        body: body of prediction and truth.
        crops: normalised crops, (P, 3, H, W).
        truth: ground truth of the P people.
        grid: where the square is put.

    Returns:
        Millimetres: `clean_error` and `clean_pa_error` (image), `error` and `pa_error` (image, row, col).
    """
    sweep = WindowSweep(regressor, body, grid, parse_occluder("grey", grid.size))
    names = ["clean_error", "clean_pa_error", "error", "pa_error"]
    return sweep.run(crops, truth)[names].mean("joint")
