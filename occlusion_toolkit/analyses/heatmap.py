"""One person in one image under every window of a grid (PARE, Section 3)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import LSP14, JointSet
from occlusion_toolkit.datasets.boxes import CropBox
from occlusion_toolkit.datasets.crops import crop_image, denormalise, normalise
from occlusion_toolkit.datasets.ground_truth import GroundTruth
from occlusion_toolkit.errors import GroundTruthError, TopologyError
from occlusion_toolkit.io.images import DecodedImage
from occlusion_toolkit.io.provenance import GridCard, ProtocolCard, sha256_file
from occlusion_toolkit.io.results import HeatmapResult, JointMaps, StoredBody
from occlusion_toolkit.occlusion.grid import Grid
from occlusion_toolkit.occlusion.network import Precision
from occlusion_toolkit.occlusion.occluders import Occluder
from occlusion_toolkit.occlusion.readouts import JointReadouts
from occlusion_toolkit.occlusion.result import Readout, SweepResult
from occlusion_toolkit.occlusion.sweep import OcclusionSweep
from occlusion_toolkit.regressors.registry import LoadedRegressor

CROP_RULE = "square, 1.2 x the person's box, anti-aliased bilinear to 224 px, black outside the image"


@dataclass(frozen=True)
class Focus:
    """Which number decides what the worst window is.

    Attributes:
        readout: what is compared; None means error with ground truth and displacement without.
        joint_set: the set the joints belong to.
        joints: names of the joints whose mean is compared; all of the set when empty.
        aligned: after Procrustes alignment.
    """

    readout: Readout | None = None
    joint_set: JointSet = LSP14
    joints: tuple[str, ...] = ()
    aligned: bool = False

    def worst_window(self, sweep: SweepResult) -> int:
        """Index of the window with the largest mean over the joints in focus, the first of equals."""
        values = sweep.values(self.readout or sweep.default_readout, self.joint_set, self.aligned)
        columns = [self.joint_set.index(name) for name in self.joints or self.joint_set.joint_names]
        return int(values[:, columns].mean(axis=1).argmax())


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


def run_heatmap(
    engine: Engine,
    image_path: Path,
    image: DecodedImage,
    box: CropBox,
    truth: GroundTruth | None = None,
    focus: Focus = Focus(),
    progress: Callable[[int, int], None] | None = None,
) -> HeatmapResult:
    """Sweeps one person and gathers every number into a result that can be stored.

    Args:
        engine: regressor, body, windows and arithmetic.
        image_path: where the image came from, for its name and checksum.
        image: its pixels.
        box: the square around the person.
        truth: ground truth; None measures displacement only.
        focus: which number decides what the worst window is.
        progress: called with passes done and passes in all.

    Raises:
        CropError: the box misses the image.
        GroundTruthError: the truth is not finite, or an error is asked for without truth.
        TopologyError: the truth belongs to another body.
    """
    _check_truth(engine, truth, focus)
    crop = crop_image(image.pixels, box, engine.grid.resolution)
    sweep = OcclusionSweep(
        engine.regressor.network,
        engine.body,
        engine.grid,
        engine.occluder,
        batch_size=engine.batch_size,
        device=engine.regressor.device,
        precision=engine.precision,
        compile=engine.compiled,
    )
    crops = normalise(crop)[None]
    (result,) = sweep.run(crops, None if truth is None else truth.parameters, progress)
    worst = focus.worst_window(result)
    window = torch.from_numpy(engine.grid.windows()[worst : worst + 1])
    return HeatmapResult(
        card=_protocol(engine, result, truth),
        image_name=image_path.name,
        image_sha256=sha256_file(image_path),
        box_centre_px=box.centre,
        box_size_px=box.size,
        crop=crop,
        occluded_crop=denormalise(engine.occluder.apply(crops, window))[0],
        windows=engine.grid.windows(),
        cells=engine.grid.cells(),
        camera=result.camera,
        clean=StoredBody(result.clean_rotmats, result.clean_betas, result.clean_camera),
        worst=StoredBody(result.rotmats[worst], result.betas[worst], result.camera[worst]),
        worst_window=worst,
        maps=tuple(_maps(result, readouts) for readouts in result.joints),
        truth=None if truth is None else _stored_truth(truth),
        deviation_mm=result.deviation_mm,
    )


def _check_truth(engine: Engine, truth: GroundTruth | None, focus: Focus) -> None:
    if truth is None and focus.readout in ("error", "increase"):
        raise GroundTruthError(
            f"the read-out {focus.readout!r} needs ground truth; give --ground-truth, or ask for displacement"
        )
    if truth is not None and truth.topology not in (None, engine.body.topology):
        raise TopologyError(
            f"the ground truth belongs to body {truth.topology!r}, {engine.regressor.card.name} to "
            f"{engine.body.topology!r}; their parameters mean different shapes"
        )


def _protocol(engine: Engine, sweep: SweepResult, truth: GroundTruth | None) -> ProtocolCard:
    grid = engine.grid
    return ProtocolCard(
        analysis="heatmap",
        read_outs=("displacement",) if truth is None else ("displacement", "error", "increase"),
        model_card=engine.regressor.card.name,
        weights_sha256=engine.regressor.weights_sha256,
        body=engine.body.topology,
        joint_sets=tuple(readouts.joint_set.name for readouts in sweep.joints),
        alignments=("root", "procrustes"),
        crop_rule=CROP_RULE,
        grid=GridCard(kind=grid.kind, size=grid.size, stride=grid.stride, resolution=grid.resolution),
        occluder=sweep.occluder,
        precision=sweep.precision,
        dataset=None if truth is None else truth.dataset,
        split=None if truth is None else truth.split,
        ground_truth_body=None if truth is None else engine.body.topology,
        gender_rule=None if truth is None else "the regressor's own body",
    )


def _maps(sweep: SweepResult, readouts: JointReadouts) -> JointMaps:
    joint_set = readouts.joint_set
    maps = JointMaps(
        joint_set=joint_set.name,
        joint_names=joint_set.joint_names,
        joints_m=readouts.joints_m,
        clean_joints_m=readouts.clean_joints_m,
        displacement_mm=sweep.map("displacement", joint_set),
        pa_displacement_mm=sweep.map("displacement", joint_set, aligned=True),
    )
    if not sweep.has_ground_truth:
        return maps
    return JointMaps(
        **vars(maps)
        | {
            "true_joints_m": readouts.true_joints_m,
            "error_mm": sweep.map("error", joint_set),
            "increase_mm": sweep.map("increase", joint_set),
            "clean_error_mm": readouts.clean_error_mm,
            "pa_error_mm": sweep.map("error", joint_set, aligned=True),
            "pa_increase_mm": sweep.map("increase", joint_set, aligned=True),
            "clean_pa_error_mm": readouts.clean_pa_error_mm,
        }
    )


def _stored_truth(truth: GroundTruth) -> StoredBody:
    rotmats, betas, camera = (
        np.asarray(tensor[0], dtype=np.float32)
        for tensor in (truth.parameters.rotmats, truth.parameters.betas, truth.parameters.camera)
    )
    return StoredBody(rotmats, betas, camera if truth.has_camera else np.full_like(camera, np.nan))
