"""How far a prediction is from the truth: alignment and errors, in metres, on torch tensors."""

from occlusion_toolkit.metrics.alignment import Similarity, align, centre_on, procrustes
from occlusion_toolkit.metrics.errors import mpjpe_per_joint, pa_mpjpe_per_joint, pve

__all__ = [
    "Similarity",
    "align",
    "centre_on",
    "mpjpe_per_joint",
    "pa_mpjpe_per_joint",
    "procrustes",
    "pve",
]
