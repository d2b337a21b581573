"""What a sweep of one crop gives back: plain numpy arrays, and the maps that are read from them."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float32

from occlusion_toolkit.body.joints import JointSet
from occlusion_toolkit.errors import GroundTruthError, UsageError
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.network import Precision
from occlusion_toolkit.sweep.readouts import JointReadouts

Readout = Literal["error", "increase", "displacement"]
"""`error`: distance from the truth. `increase`: error minus the error of the clean crop, may be negative.
`displacement`: distance from the estimate of the clean crop; needs no truth."""


@dataclass(frozen=True)
class SweepResult:
    """One crop under every window of a grid. Windows are in the grid's row-major order.

    Attributes:
        grid: the windows.
        occluder: description of what was pasted.
        precision: arithmetic of the network.
        compiled: whether the network ran through `torch.compile`.
        deviation_mm: where precision or compilation were not the plain ones, the largest distance of any
            joint from the plain float32 estimate over some windows of the first crop that the engine saw.
        batch_size: passes that went through the network together.
        rotmats: estimated rotations under each window, (W, 24, 3, 3).
        betas: estimated shapes, (W, 10).
        camera: estimated weak-perspective cameras (s, tx, ty), (W, 3).
        clean_rotmats: estimate of the clean crop, (24, 3, 3).
        clean_betas: estimate of the clean crop, (10,).
        clean_camera: estimate of the clean crop, (3,).
        joints: the read-outs of every joint set that was asked for.
    """

    grid: Grid
    occluder: str
    precision: Precision
    compiled: bool
    deviation_mm: float | None
    batch_size: int
    rotmats: Float32[np.ndarray, "windows 24 3 3"]
    betas: Float32[np.ndarray, "windows 10"]
    camera: Float32[np.ndarray, "windows 3"]
    clean_rotmats: Float32[np.ndarray, "24 3 3"]
    clean_betas: Float32[np.ndarray, " 10"]
    clean_camera: Float32[np.ndarray, " 3"]
    joints: tuple[JointReadouts, ...]

    @property
    def has_ground_truth(self) -> bool:
        """Whether errors were measured, and not displacements alone."""
        return all(readouts.error_mm is not None for readouts in self.joints)

    @property
    def default_readout(self) -> Readout:
        """Error where there is a truth, displacement where there is none."""
        return "error" if self.has_ground_truth else "displacement"

    def of(self, joint_set: JointSet) -> JointReadouts:
        """The read-outs of one joint set.

        Raises:
            UsageError: the sweep did not measure that set.
        """
        for readouts in self.joints:
            if readouts.joint_set == joint_set:
                return readouts
        measured = ", ".join(readouts.joint_set.name for readouts in self.joints)
        raise UsageError(f"this sweep did not measure joint set {joint_set.name!r}; it has: {measured}")

    def values(
        self, readout: Readout, joint_set: JointSet, aligned: bool = False
    ) -> Float32[np.ndarray, "windows joints"]:
        """A read-out of every window and joint, (W, J), millimetres.

        Args:
            readout: what to read.
            joint_set: for which joints.
            aligned: after Procrustes alignment (PA) instead of after centring on the pelvis.

        Raises:
            GroundTruthError: error or increase are asked of a sweep without ground truth.
            UsageError: the read-out or the joint set is unknown.
        """
        readouts = self.of(joint_set)
        if readout not in get_args(Readout):
            raise UsageError(f"unknown read-out {readout!r}; choose one of: {', '.join(get_args(Readout))}")
        if readout == "displacement":
            return readouts.pa_displacement_mm if aligned else readouts.displacement_mm
        error = readouts.pa_error_mm if aligned else readouts.error_mm
        clean_error = readouts.clean_pa_error_mm if aligned else readouts.clean_error_mm
        if error is None or clean_error is None:
            raise GroundTruthError(
                f"{readout} needs ground truth and this sweep had none; "
                "give it, or read the displacement from the clean estimate"
            )
        return error if readout == "error" else error - clean_error

    def map(
        self, readout: Readout, joint_set: JointSet, aligned: bool = False
    ) -> Float32[np.ndarray, "joints rows cols"]:
        """Occlusion sensitivity maps, one per joint, (J, rows, cols), millimetres; see `values`.

        Cell (row, col) belongs to block `grid.cells()[row * cols + col]` of the crop.
        """
        values = self.values(readout, joint_set, aligned)
        return np.ascontiguousarray(values.T).reshape(-1, self.grid.rows, self.grid.cols)
