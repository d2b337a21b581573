"""The sweep itself: a regressor on one or many crops, under every window of a grid."""

import copy
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor, nn

from occlusion_toolkit.body.joint_output import Estimates
from occlusion_toolkit.body.joints import LSP14, JointSet
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.errors import CropError, UsageError
from occlusion_toolkit.models.base import Regressor
from occlusion_toolkit.models.foreign import is_out_of_memory
from occlusion_toolkit.models.registry import LoadedRegressor
from occlusion_toolkit.models.views import View
from occlusion_toolkit.sweep.batching import Span, WindowBatch, WindowBatcher
from occlusion_toolkit.sweep.deviation import PROBED_PASSES, TOLERANCE_MM, Deviation, deviations_mm
from occlusion_toolkit.sweep.engines.choice import (
    WORTH_TRYING,
    Choice,
    EngineName,
    checked_engine,
    choose_engine,
    dense_instead,
    engine_kind,
)
from occlusion_toolkit.sweep.engines.dense import DenseEstimator, WindowEstimates
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.maps import CONFIDENCE, image_maps, stacked
from occlusion_toolkit.sweep.measure import (
    METRICS,
    JointBody,
    Metric,
    as_array,
    centred_joints,
    check_ground_truth,
    measure,
    of_joints,
)
from occlusion_toolkit.sweep.memory import in_fitting_parts, starting_batch_size
from occlusion_toolkit.sweep.network import (
    DTYPES,
    EMULATED,
    NetworkRunner,
    Precision,
    existing_device,
    is_emulated,
    optimised_copy,
)
from occlusion_toolkit.sweep.occluders import Occluder
from occlusion_toolkit.sweep.subjects import OpenSubject, Subject, check_subject

logger = logging.getLogger(__name__)


class WindowSweep:
    """Slides an occluder over crops and measures, window by window, what a regressor makes of them.

    Crops are copied to the device once; windows are painted there, batch by batch, and never exist on the
    host. Batches are filled across windows and crops. Results do not depend on the batch size beyond
    float32 rounding.

    A network or body that is an `nn.Module` is copied to the device when the sweep is made; the original is
    not touched and later changes of it are not seen. The network's copy runs in evaluation mode whatever
    mode the original is in. Other callables and bodies are used as they are.

    Args:
        regressor: normalised crops to body parameters, or to joints.
        body: the body that the regressor estimates parameters of; `JointsAlone` where it gives joints.
        grid: the windows.
        occluder: what is pasted into them.
        joint_set: the joints to measure.
        metrics: how, by name.
        batch_size: passes that go through the network together; None chooses by device. Halved whenever a
            batch does not fit into memory.
        device: "cpu", "cuda" or "cuda:N".
        precision: "fp32", or "bf16" or "fp16" for automatic mixed precision.
        tolerance_mm: mean and largest deviation of joints up to which low precision is used; beyond, the
            sweep goes on in float32. None takes any arithmetic as it is, unmeasured.
        compile: run the network through `torch.compile`.
        engine: "dense", "fused", "incremental", or "auto" for the fastest one on the first crop.

    Raises:
        UsageError: the batch size is below one, or the device is not there.
    """

    def __init__(
        self,
        regressor: Regressor,
        body: JointBody,
        grid: Grid,
        occluder: Occluder,
        *,
        joint_set: JointSet = LSP14,
        metrics: Mapping[str, Metric] = METRICS,
        batch_size: int | None = None,
        device: torch.device | str = "cpu",
        precision: Precision = "fp32",
        tolerance_mm: tuple[float, float] | None = TOLERANCE_MM,
        compile: bool = False,
        engine: EngineName = "auto",
    ) -> None:
        checked_engine(engine)
        if engine_kind(engine) in ("fused", "incremental") and compile:
            raise UsageError("torch.compile takes whole networks; use the dense engine with it")
        if batch_size is not None and batch_size < 1:
            raise UsageError(f"batch size {batch_size} is not a number of crops; choose 1 or more")
        self._device = existing_device(device)
        if is_emulated(self._device, precision):
            logger.warning(EMULATED.format(precision))
        self._body = copy.deepcopy(body).to(self._device) if isinstance(body, nn.Module) else body
        self._grid = grid
        self._occluder = occluder
        self._joint_set = joint_set
        self._metrics = metrics
        self._windows = torch.from_numpy(grid.windows()).to(self._device)
        self._own_crops = isinstance(regressor, LoadedRegressor) and regressor.has_own_crops
        self._network = network = optimised_copy(regressor, self._device, grid.resolution)
        self._plain = DenseEstimator(NetworkRunner(network, self._device), occluder)
        self._is_plain = precision == "fp32" and not compile
        self._is_measured = not self._is_plain and tolerance_mm is not None
        self._dense = (
            self._plain
            if self._is_plain
            else DenseEstimator(NetworkRunner(network, self._device, precision, compile), occluder)
        )
        self._asked: EngineName = "dense" if compile else engine
        self._precision, self._tolerance_mm, self._compile = precision, tolerance_mm, compile
        self._choice = Choice(self._dense, "dense", "asked for") if self._asked == "dense" else None
        self._deviation: Deviation | None = None
        self._batch_size = batch_size or starting_batch_size(self._device)

    @property
    def batch_size(self) -> int:
        """Passes that go through the network together; smaller than asked once memory ran out."""
        return self._batch_size

    def settle(
        self, crop: Float[Tensor, "3 height width"], expected: int, view: View | None = None
    ) -> EngineName:
        """Chooses the engine on a crop, once and for all.

        Args:
            crop: normalised, of the grid's resolution.
            expected: passes of all that will be swept.
            view: what the network sees of it, where it has crops of its own.

        Returns:
            The name under which another sweep takes the very same engine.
        """
        batcher = WindowBatcher(self._windows, self._batch_size)
        crop = crop.to(self._device, torch.float32)
        return self._settled(batcher, crop, view, expected, self._shrink).name

    @property
    def engine(self) -> tuple[EngineName, str] | None:
        """The engine that answers, and why it was chosen; None before the first crop."""
        return None if self._choice is None else (self._choice.name, self._choice.reason)

    @property
    def precision(self) -> Precision:
        """The arithmetic that is used: float32 once a lower one was found to be too far off."""
        return self._precision

    @property
    def deviation(self) -> Deviation | None:
        """How far joints are from the plain float32 estimate, over some windows of the first crop.

        None before the first crop, and where the arithmetic that was asked for is the plain one.
        """
        return self._deviation

    @property
    def passes_per_crop(self) -> int:
        """Network passes that a crop takes: the clean crop and every window."""
        return len(self._windows) + 1

    def run(
        self,
        crops: Float[Tensor, "images 3 height width"],
        ground_truth: BodyParameters | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> xr.Dataset:
        """Sweeps a batch of crops.

        Args:
            crops: normalised crops of the grid's resolution, (N, 3, R, R), on any device.
            ground_truth: the true bodies, N of them; None measures displacement only.
            progress: called after every batch with the passes done and the passes in all.

        Returns:
            The maps of all crops, in their order (`sweep.maps`).

        Raises:
            CropError: there are no crops, or they are not of the grid's resolution or not normalised.
            GroundTruthError: the truth is not one finite body per crop.
            SweepError: the network gives NaN, or does not fit into memory at all.
        """
        if not len(crops):
            raise CropError("there are no crops to sweep; give one or more")
        if ground_truth is not None:
            check_ground_truth(ground_truth, len(crops))
        total = len(crops) * self.passes_per_crop

        def report(done: int) -> None:
            if progress is not None:
                progress(done, total)

        subjects = (
            Subject(crop, None if ground_truth is None else ground_truth[number : number + 1])
            for number, crop in enumerate(crops)
        )
        return stacked(list(self.stream(subjects, report, total)))

    def stream(
        self,
        subjects: Iterable[Subject],
        progress: Callable[[int], None] | None = None,
        expected: int | None = None,
    ) -> Iterator[xr.Dataset]:
        """Sweeps people as they come and gives each result as soon as it is complete.

        A subject is drawn when a batch has room for it, so a stream may be longer than memory.

        Args:
            subjects: any number of people.
            progress: called after every batch with the passes done so far.
            expected: passes of all that will be swept, if known: few are not worth looking for an engine.

        Yields:
            The maps of each subject, in their order, with every estimate (`sweep.maps`).

        Raises:
            CropError: a crop is not of the grid's resolution or not normalised.
            GroundTruthError: a truth is not one finite body.
            SweepError: the network gives NaN, or does not fit into memory at all.
        """
        batcher = WindowBatcher(self._windows, self._batch_size)
        under_way: dict[int, OpenSubject] = {}

        def crops() -> Iterator[Tensor]:
            for number, subject in enumerate(subjects):
                check_subject(subject, number, self._grid.resolution, own_crops=self._own_crops)
                under_way[number] = OpenSubject(subject, number, self.passes_per_crop, self._device)
                yield subject.crop.to(self._device, torch.float32)

        def shrink(size: int) -> None:
            self._shrink(size)
            batcher.batch_size = self._batch_size

        done = 0
        for plain_batch in batcher.batches(crops()):
            batch = replace(plain_batch, views=self._views(under_way, plain_batch.spans))
            view = None if batch.views is None else batch.views[0]
            self._settled(batcher, batch.crops[0], view, expected, shrink)
            for part, estimates in in_fitting_parts(batch, self._estimate, shrink):
                finished, row = [], 0
                for span in part.spans:
                    if under_way[span.crop].keep(span, estimates, row):
                        finished.append(under_way.pop(span.crop))
                    row += len(span)
                done += len(part)
                if progress is not None:
                    progress(done)
                for subject in finished:
                    yield self._result(subject)

    def _estimate(self, batch: WindowBatch) -> WindowEstimates:
        choice = self._choice
        if choice is None or choice.estimator is self._dense:
            return self._dense(batch)
        try:
            return choice.estimator(batch)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        reason = f"the maps of the {engine_kind(choice.name)} engine did not fit into memory"
        logger.warning("going on with the dense engine: %s", reason)
        self._choice = Choice(self._dense, "dense", reason)
        return self._dense(batch)

    def _views(self, under_way: Mapping[int, OpenSubject], spans: Sequence[Span]) -> tuple[View, ...] | None:
        """What the network sees of the crops of some spans, where it has crops of its own."""
        views = [under_way[span.crop].subject.view for span in spans]
        return tuple(view for view in views if view is not None) if self._own_crops else None

    def _without_choice(self) -> Choice:
        """The dense engine, for networks whose windows lie differently in every person's crop.

        Raises:
            SweepError: another engine is wanted.
        """
        if self._asked == "dense":
            return Choice(self._dense, "dense", "asked for")
        reason = "in crops of the network's own, windows lie differently for every person"
        return dense_instead(self._asked, self._dense, reason)

    def _settled(
        self,
        batcher: WindowBatcher,
        crop: Float[Tensor, "3 height width"],
        view: View | None,
        expected: int | None,
        shrink: Callable[[int], None],
    ) -> Choice:
        """The engine, chosen and its arithmetic measured on this crop if that was not done before."""
        if self._choice is None:
            self._choice = (
                self._without_choice()
                if self._own_crops
                else self._choose(batcher.spread(crop, self._batch_size), expected)
            )
        if self._is_measured and self._deviation is None:
            probe = batcher.spread(crop, PROBED_PASSES)
            self._gate(replace(probe, views=None if view is None else (view,)), shrink, expected)
        return self._choice

    def _choose(self, probe: WindowBatch, expected: int | None) -> Choice:
        passes = self.passes_per_crop if expected is None else expected
        if self._asked == "auto" and passes < WORTH_TRYING:
            return Choice(self._dense, "dense", f"{passes} passes are too few to look for a faster engine")
        return choose_engine(
            self._asked,
            self._dense,
            self._network,
            self._occluder,
            self._windows,
            probe,
            dtype=DTYPES[self._precision],
        )

    def _shrink(self, size: int) -> None:
        self._batch_size = min(size, self._batch_size)

    def _gate(self, probe: WindowBatch, shrink: Callable[[int], None], expected: int | None) -> None:
        """Measures a fast arithmetic on some passes; goes on in float32 if low precision is too far off."""

        def distances_mm(part: WindowBatch) -> Tensor:
            return deviations_mm(self._plain, self._estimate, self._body, part)

        parts = [distances for _, distances in in_fitting_parts(probe, distances_mm, shrink)]
        self._deviation = deviation = Deviation.of(torch.cat(parts))
        if deviation.within(self._tolerance_mm or TOLERANCE_MM):
            logger.info("%s: %s", self._precision, deviation)
            return
        if self._precision == "fp32":  # compiled
            logger.warning("compiled: %s", deviation)
            return
        logger.warning("%s: %s; going on in fp32", self._precision, deviation)
        self._precision = "fp32"
        self._dense = (
            DenseEstimator(NetworkRunner(self._network, self._device, compiled=True), self._occluder)
            if self._compile
            else self._plain
        )
        if self._own_crops or self._asked == "dense":
            self._choice = self._without_choice()
        else:
            self._choice = self._choose(probe.limited(self._batch_size), expected)

    def _kept(self, estimates: Estimates) -> dict[str, Tensor]:
        """What is kept of estimates beside their joints: confidence joint by joint of the set."""
        if isinstance(estimates, BodyParameters):
            return {
                name: of_joints(tensor, self._joint_set) if name.startswith(CONFIDENCE) else tensor
                for name, tensor in estimates.tensors.items()
            }
        of_set = estimates.in_set(self._joint_set)
        every = {"confidence": of_set.confidence, "joints_px": of_set.points_px}
        return {name: tensor for name, tensor in every.items() if tensor is not None}

    def _result(self, open_subject: OpenSubject) -> xr.Dataset:
        estimates, subject = open_subject.estimates(), open_subject.subject
        truth = None
        if subject.ground_truth is not None:
            truth_body = self._body if subject.truth_body is None else subject.truth_body
            parameters = subject.ground_truth.to(self._device, torch.float32)
            truth = centred_joints(truth_body, self._joint_set, parameters)[0]
        measured = measure(
            self._body, self._joint_set, self._metrics, estimates, open_subject.unchanged, truth
        )
        arrays = {name: as_array(tensor) for name, tensor in self._kept(estimates).items()}
        seen = None if subject.view is None else subject.view.frame.sees(self._windows.cpu()).numpy()
        return image_maps(
            self._grid,
            self._joint_set.joint_names,
            measured,
            clean={name: values[0] for name, values in arrays.items()},
            windows={name: values[1:] for name, values in arrays.items()},
            seen=seen,
        )
