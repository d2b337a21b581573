"""How well the 2D branch segments parts: mean intersection over union, as in the paper's Section 5."""

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

from occlusion_toolkit.models.base import NUM_JOINTS
from occlusion_toolkit.training.losses import IGNORED_PART


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
