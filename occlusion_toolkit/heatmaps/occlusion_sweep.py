"""Any regressor under a sliding occluder: the settings of a sweep, and the sweep of one crop or many."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch
import xarray as xr

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joint_output import JOINTS_ALONE, JointsAlone
from occlusion_toolkit.body.joints import LSP14, JointSet, joint_set
from occlusion_toolkit.data.crops import normalise
from occlusion_toolkit.data.protocol import GenderRule, Protocol, gender_rule_of
from occlusion_toolkit.errors import GroundTruthError, TopologyError, UsageError
from occlusion_toolkit.find.crop import Crop, require_crops
from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps
from occlusion_toolkit.models.papers import chosen_protocol
from occlusion_toolkit.models.registry import AnyRegressor, LoadedRegressor, load_regressor
from occlusion_toolkit.sweep.deviation import TOLERANCE_MM
from occlusion_toolkit.sweep.engines.choice import EngineName
from occlusion_toolkit.sweep.grid import Grid, GridKind
from occlusion_toolkit.sweep.maps import check_metrics, labelled, stacked, with_card
from occlusion_toolkit.sweep.measure import METRICS, Metric
from occlusion_toolkit.sweep.network import Precision, chosen_device
from occlusion_toolkit.sweep.occluders import Occluder, parse_occluder, plain_spec
from occlusion_toolkit.sweep.protocol import ProtocolCard
from occlusion_toolkit.sweep.subjects import Subject
from occlusion_toolkit.sweep.sweep import WindowSweep


class OcclusionSweep:
    """Slides an occluder over crops and maps how far every joint is thrown off (PARE, Section 3).

    Settings only, until it is called: small, picklable, and good for a heatmap, a survey and worker
    processes alike.

    Args:
        model: name of a card ("pare-open"), path of one, a card, or any callable from normalised crops
            (B, 3, 224, 224) to `RegressorOutput`, such as an `nn.Module`.
        size: side of the occluding square, pixels of the crop.
        stride: step between windows, pixels of the crop.
        grid: how windows are laid over the crop: "centred", "inside" or "script".
        occluder: an `Occluder`, or its name: "grey", "black", "noise:7", "image:mug.png", ...
        metrics: distances to measure, by name: functions (B, J, 3), (B, J, 3) -> (B, J) in metres.
        joints: the joint set to measure, or its name.
        true_gender: body of the ground truth, "gendered" or "neutral"; None for that of the model's paper.
        device: "auto" takes a GPU where there is one; "cpu", "cuda", "cuda:N".
        batch_size: windows per pass of the network; None for automatic.
        precision: "fp32", or "bf16" or "fp16" for automatic mixed precision.
        tolerance_mm: mean and largest deviation of joints from float32, measured on the first crop, up to
            which low precision is used; beyond, the sweep goes on in float32. None takes it as it is.
        compile: run the network through `torch.compile`.
        engine: "dense" runs the whole network under every window, "fused" the same with fewer passes over
            memory, "incremental" only what a window changes, all with the same answers; "auto" takes the
            fastest one on the first crop.
        bodies: where body models come from; by default the open body, and SMPL from the toolkit's folder.

    Raises:
        GridError: size and stride do not fit.
        OccluderError: the occluder is unknown or has no plain spec, or its picture cannot be used.
        UsageError: the joint set or the device is unknown, or a metric cannot have its name.

    Example:
        >>> import occlusion_toolkit as ot
        >>> crop = ot.read_crop("examples/photo.jpg", bbox=(258, 107, 382, 707))
        >>> maps = ot.OcclusionSweep("pare-open", size=40, stride=56)(crop)
        >>> maps.sel(joint="left_wrist", metric="displacement").shape
        (4, 4)
    """

    def __init__(
        self,
        model: AnyRegressor = "pare-open",
        *,
        size: int = 40,
        stride: int = 8,
        grid: GridKind = "centred",
        occluder: Occluder | str = "grey",
        metrics: Mapping[str, Metric] = METRICS,
        joints: JointSet | str = LSP14,
        true_gender: GenderRule | None = None,
        device: torch.device | str = "auto",
        batch_size: int | None = None,
        precision: Precision = "fp32",
        tolerance_mm: tuple[float, float] | None = TOLERANCE_MM,
        compile: bool = False,
        engine: EngineName = "auto",
        bodies: Bodies | None = None,
    ) -> None:
        check_metrics(metrics)
        self.model = model
        self.grid = Grid(kind=grid, size=size, stride=stride)
        self.occluder = parse_occluder(occluder, size) if isinstance(occluder, str) else occluder
        self._occluder_spec = plain_spec(self.occluder)
        self._occluder_given = occluder
        self.metrics = dict(metrics)
        self.joint_set = joint_set(joints) if isinstance(joints, str) else joints
        self.true_gender: GenderRule | None = true_gender
        self.device = chosen_device(device)
        self.batch_size = batch_size
        self.precision: Precision = precision
        self.tolerance_mm = tolerance_mm
        self.compile = compile
        self.engine: EngineName = engine
        self.bodies = bodies or Bodies()

    def changed(self, **settings: Any) -> OcclusionSweep:
        """The same sweep with other settings, such as `device` or `batch_size`; networks are loaded anew."""
        same: dict[str, Any] = {
            "model": self.model,
            "size": self.grid.size,
            "stride": self.grid.stride,
            "grid": self.grid.kind,
            # Blur and pictures have the size of the window; otherwise a picture is not read again.
            "occluder": self._occluder_given if "size" in settings else self.occluder,
            "metrics": self.metrics,
            "joints": self.joint_set,
            "true_gender": self.true_gender,
            "device": self.device,
            "batch_size": self.batch_size,
            "precision": self.precision,
            "tolerance_mm": self.tolerance_mm,
            "compile": self.compile,
            "engine": self.engine,
            "bodies": self.bodies,
        }
        return OcclusionSweep(**(same | settings))

    def __getstate__(self) -> dict[str, Any]:
        """Settings without what was loaded: workers load their own."""
        return {
            key: value for key, value in self.__dict__.items() if key not in ("regressor", "window_sweep")
        }

    @cached_property
    def regressor(self) -> LoadedRegressor:
        """The network with its card, on the device.

        Raises:
            ModelCardError: there is no such card.
            CheckpointError: its weights are missing or damaged.
        """
        return load_regressor(self.model, self.device, self.bodies.trusted)

    @property
    def protocol(self) -> Protocol:
        """The rules of errors: those of the model's paper, and what was chosen otherwise."""
        return chosen_protocol(self.regressor.card, self.joint_set, self.true_gender)

    @property
    def body(self) -> BodyModel | JointsAlone:
        """The body that the regressor predicts parameters of.

        Raises:
            BodyModelError: its files are missing.
        """
        return (
            JointsAlone() if self.regressor.has_joints_alone else self.bodies.load(self.regressor.card.body)
        )

    def true_topology(self, of_truth: str | None, whose: str) -> str:
        """The body that a truth is measured on: the regressor's, or the truth's where it gives joints alone.

        Args:
            of_truth: topology id of the truth; None where it is not stated.
            whose: of whom, for messages.

        Raises:
            TopologyError: the truth belongs to another body than the regressor's, or its body is not stated.
        """
        own = self.body.topology
        if own == JOINTS_ALONE and of_truth is None:
            raise TopologyError(f"{whose} does not say its body, and {self.regressor.card.name} has none")
        if own not in (JOINTS_ALONE, of_truth) and of_truth is not None:
            raise TopologyError(
                f"{whose} belongs to body {of_truth!r}, the model {self.regressor.card.name} to {own!r}; "
                "their parameters mean different shapes, so use a model of that body"
            )
        return own if own != JOINTS_ALONE or of_truth is None else of_truth

    @cached_property
    def window_sweep(self) -> WindowSweep:
        """The sweep on the device, ready to run.

        Raises:
            UsageError: the batch size is below one, or the device is not there.
        """
        return WindowSweep(
            self.regressor,
            self.body,
            self.grid,
            self.occluder,
            joint_set=self.joint_set,
            metrics=self.metrics,
            batch_size=self.batch_size,
            device=self.device,
            precision=self.precision,
            tolerance_mm=self.tolerance_mm,
            compile=self.compile,
            engine=self.engine,
        )

    def __call__(
        self, crops: Crop | Iterable[Crop], progress: Callable[[int, int], None] | None = None
    ) -> OcclusionMaps:
        """Sweeps one crop or many.

        Args:
            crops: one person, or several (`read_crop`); all with a truth, or none.
            progress: called with passes of the network done and passes in all.

        Returns:
            Maps of every image with every estimate.

        Raises:
            UsageError: there are no crops.
            GroundTruthError: only some crops have a truth, their truths do not belong together, or one is not
                finite.
            TopologyError: a truth belongs to another body.
            CropError: the network has crops of its own and a crop has no photograph, or no focal length where
                the network has to be told it.
            SweepError: the network or a metric gives NaN, or does not fit into memory.
        """
        people = [crops] if isinstance(crops, Crop) else list(crops)
        if not people:
            raise UsageError("there are no crops to sweep; give one or more")
        card = self.card_of(people)
        total = len(people) * self.window_sweep.passes_per_crop

        def report(done: int) -> None:
            if progress is not None:
                progress(done, total)

        stream = self.window_sweep.stream(self.subjects(people), report, total)
        images = [
            _with_image(maps, crop, position)
            for position, (maps, crop) in enumerate(zip(stream, people, strict=True))
        ]
        maps = stacked(images)
        if self.window_sweep.engine is not None:
            name, maps.attrs["engine_reason"] = self.window_sweep.engine
            card = card.model_copy(update={"engine": name, "precision": self.window_sweep.precision})
        maps = with_card(maps, card)
        deviation = self.window_sweep.deviation
        if deviation is not None:
            maps.attrs |= {"deviation_mm": deviation.largest_mm, "deviation_mean_mm": deviation.mean_mm}
        return OcclusionMaps(maps, self.bodies, self.occluder)

    def card(self, analysis: str, **facts: Any) -> ProtocolCard:
        """What the numbers of this sweep mean.

        Args:
            analysis: kind of analysis.
            facts: the other fields of `ProtocolCard`: crop rule, data set, ground truth.
        """
        return ProtocolCard(
            analysis=analysis,
            metrics=tuple(self.metrics),
            model_card=self.regressor.card.name,
            weights_sha256=self.regressor.weights_sha256,
            body=self.body.topology,
            joint_set=self.joint_set.name,
            grid=self.grid,
            occluder=self._occluder_spec,
            precision=self.window_sweep.precision,
            compiled=self.compile,
            engine=self.window_sweep.engine[0] if self.window_sweep.engine else self.engine,
            trusted_files=self.bodies.trusted.recorded,
            own_crop=self.regressor.own_crop,
            **facts,
        )

    def subjects(self, people: list[Crop]) -> Iterator[Subject]:
        """The people of some crops as `window_sweep` takes them, with their true bodies.

        Raises:
            TopologyError: a truth belongs to another body.
            CropError: the network has crops of its own and a crop has no photograph.
        """
        bodies: dict[str, BodyModel] = {}
        for crop in people:
            pixels, view = normalise(crop.pixels), crop.view_of(self.regressor)
            if crop.truth is None:
                yield Subject(pixels, view=view)
                continue
            topology = self.true_topology(crop.truth.topology, "the ground truth")
            gender = self.protocol.true_gender(crop.truth_gender, topology)
            if gender not in bodies:
                bodies[gender] = copy.deepcopy(self.bodies.load(topology, gender)).to(self.device)
            yield Subject(pixels, crop.truth.parameters, bodies[gender], view)

    def _gender_rule(self, people: list[Crop]) -> str:
        """Which bodies the truth is measured on, in words."""
        topologies = {crop.truth.topology for crop in people if crop.truth is not None}
        rule = self.protocol.described_genders(self.true_topology(topologies.pop(), "the ground truth"))
        unstated = any(crop.truth is not None and crop.truth.gender is None for crop in people)
        chosen_by_gender = gender_rule_of(rule) == "gendered"
        return f"{rule}; neutral where it does not" if unstated and chosen_by_gender else rule

    def card_of(self, people: list[Crop]) -> ProtocolCard:
        """What the numbers of a sweep of some crops mean.

        Raises:
            GroundTruthError: only some crops have a truth, or their truths do not belong together.
            TopologyError: a truth belongs to another body.
        """
        require_crops(people, self.regressor.card)
        facts: dict[str, Any] = {"crop_rule": " or ".join(sorted({crop.crop_rule for crop in people}))}
        truths = [crop.truth for crop in people if crop.truth is not None]
        if len(truths) not in (0, len(people)):
            raise GroundTruthError("only some of the crops have a truth; sweep the others by themselves")
        if truths:
            if len({(truth.dataset, truth.split, truth.topology) for truth in truths}) > 1:
                raise GroundTruthError(
                    "the crops have truths of several data sets or bodies; sweep each apart"
                )
            truth = truths[0]
            self.true_topology(truth.topology, "the ground truth")
            facts |= {
                "dataset": truth.dataset,
                "split": truth.split,
                "ground_truth_body": truth.topology or "not stated",
                "gender_rule": self._gender_rule(people),
            }
        return self.card("heatmap", **facts)


def _with_image(maps: xr.Dataset, crop: Crop, position: int) -> xr.Dataset:
    """The maps of an image with what it is: its name, its crop, its box and its true body."""
    arrays = {
        "box_centre_px": np.array([crop.box.centre], dtype=np.float64),
        "box_size_px": np.array([crop.box.size], dtype=np.float64),
        "crop": crop.pixels[None],
    }
    if crop.truth is not None:
        truth = crop.truth.parameters
        camera = truth.camera if crop.truth.has_camera else torch.full_like(truth.camera, torch.nan)
        values = {"true_rotmats": truth.rotmats, "true_betas": truth.betas, "true_camera": camera}
        arrays |= {name: value.cpu().numpy().astype(np.float32) for name, value in values.items()}
    names = {"file": crop.file, "file_sha256": crop.sha256}
    if crop.truth is not None:
        names["true_gender"] = crop.truth_gender
    coordinates = {"image": [position]} | {name: ("image", [value]) for name, value in names.items()}
    return maps.merge(labelled(arrays, coordinates))
