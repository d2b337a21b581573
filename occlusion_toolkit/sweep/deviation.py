"""How far a faster arithmetic throws joints off, and how far it may."""

import logging
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from occlusion_toolkit.body.joint_output import Estimates, JointOutput
from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.sweep.batching import WindowBatch
from occlusion_toolkit.sweep.engines.dense import WindowEstimator
from occlusion_toolkit.sweep.measure import JointBody, centred_joints

logger = logging.getLogger(__name__)

PROBED_PASSES = 64
"""Passes that are run twice to measure the deviation, spread over the sweep, the clean one included."""

TOLERANCE_MM = (1.0, 10.0)
"""Mean and largest deviation up to which low precision is used: maps are read in millimetres."""


@dataclass(frozen=True)
class Deviation:
    """Distances of joints from their places by plain float32, millimetres.

    Attributes:
        mean_mm: over all joints and windows.
        largest_mm: of any joint under any window.
        passes: how many windows were run twice.
    """

    mean_mm: float
    largest_mm: float
    passes: int

    @classmethod
    def of(cls, distances_mm: Float64[Tensor, "passes joints"]) -> "Deviation":
        """What some distances come to."""
        return cls(float(distances_mm.mean()), float(distances_mm.max()), len(distances_mm))

    def within(self, tolerance_mm: tuple[float, float]) -> bool:
        """Whether both numbers are at most those of a tolerance; NaN never is."""
        return self.mean_mm <= tolerance_mm[0] and self.largest_mm <= tolerance_mm[1]

    def __str__(self) -> str:
        return (
            f"joints are {self.mean_mm:.3g} mm off on average and {self.largest_mm:.3g} mm at most, "
            f"on {self.passes} windows"
        )


def deviations_mm(
    exact: WindowEstimator, fast: WindowEstimator, body: JointBody, batch: WindowBatch
) -> Float64[Tensor, "passes joints"]:
    """Distance of every joint of the network between two estimates of the same passes, millimetres."""

    def joints_of(estimates: Estimates) -> Tensor:
        if isinstance(estimates, JointOutput):
            return estimates.joints.double()
        return centred_joints(body, SMPL24, estimates).double()

    joints = [joints_of(estimate(batch).parameters) for estimate in (exact, fast)]
    distances_mm: Tensor = 1000.0 * torch.linalg.vector_norm(joints[0] - joints[1], dim=-1)
    return distances_mm
