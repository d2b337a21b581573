"""What runs a sweep: a regressor on its body, under the windows of a grid."""

from dataclasses import dataclass

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import JointSet
from occlusion_toolkit.errors import TopologyError
from occlusion_toolkit.models.registry import LoadedRegressor
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.network import Precision
from occlusion_toolkit.sweep.occluders import Occluder
from occlusion_toolkit.sweep.sweep import JOINT_SETS, OcclusionSweep


@dataclass(frozen=True)
class Engine:
    """How a sweep is run: what stays the same from image to image.

    Attributes:
        regressor: the network and its card.
        body: the body whose parameters it predicts.
        grid: the windows.
        occluder: what is pasted.
        batch_size: passes per batch, None for automatic.
        precision: arithmetic of the network.
        compiled: run it through `torch.compile`.

    Raises:
        TopologyError: the regressor predicts parameters of another body.
    """

    regressor: LoadedRegressor
    body: BodyModel
    grid: Grid
    occluder: Occluder
    batch_size: int | None = None
    precision: Precision = "fp32"
    compiled: bool = False

    def __post_init__(self) -> None:
        if self.regressor.card.body != self.body.topology:
            raise TopologyError(
                f"{self.regressor.card.name} predicts parameters of body {self.regressor.card.body!r}, "
                f"but the body given is {self.body.topology!r}; use the body that its card names"
            )

    def sweep(self, joint_sets: tuple[JointSet, ...] = JOINT_SETS) -> OcclusionSweep:
        """A sweep on the regressor's device.

        Args:
            joint_sets: what to measure.

        Raises:
            UsageError: the batch size is below one, or the device is not there.
        """
        return OcclusionSweep(
            self.regressor.network,
            self.body,
            self.grid,
            self.occluder,
            joint_sets=joint_sets,
            batch_size=self.batch_size,
            device=self.regressor.device,
            precision=self.precision,
            compile=self.compiled,
        )
