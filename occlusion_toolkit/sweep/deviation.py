"""How far a faster arithmetic throws joints off, measured by every engine that uses one."""

import logging

import torch
from torch import Tensor

from occlusion_toolkit.body.joint_output import Estimates, JointOutput
from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.sweep.batching import WindowBatch
from occlusion_toolkit.sweep.engines.dense import WindowEstimator
from occlusion_toolkit.sweep.measure import JointBody, centred_joints

logger = logging.getLogger(__name__)

PROBED_PASSES = 16
"""Passes that are run twice to measure the deviation, spread over the sweep, the clean one included."""

DEVIATION_TOLERANCE_MM = 1.0
"""Above this the deviation is logged as a warning: maps are read in millimetres."""


def measure_deviation_mm(
    exact: WindowEstimator, fast: WindowEstimator, body: JointBody, batch: WindowBatch
) -> float:
    """Largest distance of any joint of the network between two estimates of the same passes, millimetres."""

    def joints_of(estimates: Estimates) -> Tensor:
        if isinstance(estimates, JointOutput):
            return estimates.joints.double()
        return centred_joints(body, SMPL24, estimates).double()

    joints = [joints_of(estimate(batch).parameters) for estimate in (exact, fast)]
    deviation_mm = 1000.0 * float(torch.linalg.vector_norm(joints[0] - joints[1], dim=-1).max())
    log = logger.info if deviation_mm <= DEVIATION_TOLERANCE_MM else logger.warning
    log("largest joint deviation from plain float32 on %d windows: %.3g mm", len(batch), deviation_mm)
    return deviation_mm
