"""Pools the maps of a survey on the body: one occlusion sensitivity mesh per joint and one for their mean."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float, Int64

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.body_surface import BodySurface, display_surface
from occlusion_toolkit.body.camera import Visibility, vertex_visibility
from occlusion_toolkit.body.joint_output import JOINTS_ALONE
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.body.rasterize import Rasterizer, RasterizerChoice
from occlusion_toolkit.body.rasterize import rasterizer as rasterizer_of
from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.meshes.carry import Carried, MapCarrier
from occlusion_toolkit.meshes.moments import Moments
from occlusion_toolkit.meshes.sensitivity_mesh import (
    LEVELS,
    MEAN_OF_JOINTS,
    RULES,
    Rule,
    SensitivityMesh,
)
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.maps import default_metric, metric_names, metric_parts, values_of
from occlusion_toolkit.sweep.network import chosen_device
from occlusion_toolkit.sweep.protocol import ProtocolCard

# Bodies posed and drawn together. Fixed, and counted from the first image of the survey, so that the
# rounding of a vertex does not depend on where shards end.
_BODIES_AT_ONCE = 16


@dataclass(frozen=True)
class _Image:
    """One image of a survey: its clean estimate, or its truth, and its maps of all metrics."""

    sequence: str
    rotmats: np.ndarray
    betas: np.ndarray
    camera: np.ndarray
    maps: Float[np.ndarray, "channels rows cols"]


def pool(
    survey: Survey,
    bodies: Bodies,
    metric: str | Sequence[str] | None = None,
    *,
    rasterizer: RasterizerChoice = "auto",
    device: torch.device | str = "auto",
    watch: Callable[[xr.Dataset], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SensitivityMesh:
    """Carries every map to the vertices that are visible in its image and pools them (docs/pooling.md).

    Images are read in the order of the data set, one shard in memory at a time; the same survey gives the
    same bits however it is cut into shards. Memory grows only by the means of each further sequence.

    Args:
        survey: a complete survey.
        bodies: where the body that the estimates are parameters of comes from.
        metric: what to pool, with the other quantities that were measured the same way; see `Survey.mesh`.
        rasterizer: decides what is visible.
        device: where bodies are posed and drawn.
        watch: shown every shard that is read.
        progress: called with the images done and all images.

    Raises:
        ResultError: the survey is incomplete or damaged, or its images are not grouped by sequence.
        BodyModelError: the body is not at hand.
        UsageError: the metric was not measured.
        GroundTruthError: the metric needs a truth.
        RenderingError: PyTorch3D was asked for and is not there.
    """
    place = chosen_device(device)
    drawer = rasterizer_of(rasterizer, place)
    body = bodies.load(survey.card.shown_on)
    posed = copy.deepcopy(body).to(place)
    shards = _watched(survey.shards(), watch)
    first = next(shards)
    wanted = (metric,) if isinstance(metric, str) else tuple(metric or (default_metric(survey.card),))
    for name in wanted:
        values_of(first, name)
    measures = tuple(dict.fromkeys(metric_parts(name)[0] for name in wanted))
    card = survey.card.model_copy(
        update={
            "analysis": "mesh",
            "metrics": measures,
            "rasterizer": drawer.name,
            "body": survey.card.shown_on,
        }
    )
    carrier = MapCarrier(survey.grid)
    statistics = MeshStatistics(body.num_vertices, survey.joint_names, metric_names(card))
    images = _images(chain([first], shards), metric_names(card), _bodies_of(survey, first))
    while chunk := list(islice(images, _BODIES_AT_ONCE)):
        views = _look(posed, chunk, survey.grid.resolution, drawer)
        for image, visible, pixel in zip(chunk, views.visible.numpy(), views.pixel.numpy(), strict=True):
            seen = np.flatnonzero(visible)
            statistics.add(image.sequence, seen, carrier.carry(image.maps, pixel[seen]))
        if progress is not None:
            progress(statistics.num_images, survey.num_images)
    return statistics.mesh(card, display_surface(body), wanted[0])


class _RuleMoments:
    """Moments under one rule: of all frames, of the sequence under way, of the means of the others."""

    def __init__(self, vertices: int, channels: int) -> None:
        self.frames = Moments.empty(vertices, channels)
        self.sequences = Moments.empty(vertices, channels)
        self.current = Moments.empty(vertices, channels)

    def close_sequence(self) -> Moments:
        closed, self.current = self.current, Moments.empty(*self.current.mean.shape)
        seen = np.flatnonzero(closed.count)
        self.frames.merge(closed)
        self.sequences.add(seen, closed.mean[seen])
        return closed


class MeshStatistics:
    """Takes in images one by one, grouped by sequence.

    A channel is a metric of a joint; each metric has the joints in order and then their mean.

    Args:
        vertices: of the body.
        joint_names: of the joint set.
        metrics: in the order of the channels.
    """

    def __init__(self, vertices: int, joint_names: tuple[str, ...], metrics: tuple[str, ...]) -> None:
        self._joints = (*joint_names, MEAN_OF_JOINTS)
        self._metrics = metrics
        channels = len(metrics) * len(self._joints)
        self._rules: dict[Rule, _RuleMoments] = {rule: _RuleMoments(vertices, channels) for rule in RULES}
        self._names: list[str] = []
        self._counts: list[np.ndarray] = []
        self._means: list[np.ndarray] = []
        self.num_images = 0

    def add(self, sequence: str, seen: Int64[np.ndarray, " seen"], carried: Mapping[Rule, Carried]) -> None:
        """Takes in one image.

        Args:
            sequence: that it is from.
            seen: vertices that are visible in it, (N,).
            carried: what these take from its maps, by each rule.

        Raises:
            ResultError: the sequence had ended before.
        """
        if not self._names or sequence != self._names[-1]:
            if sequence in self._names:
                raise ResultError(
                    f"the images of sequence {sequence!r} do not follow each other, and means of sequences "
                    "need them to; sort the data set by sequence and repeat the survey"
                )
            self._close_sequence()
            self._names.append(sequence)
        for rule, taken in carried.items():
            self._rules[rule].current.add(seen[taken.defined], taken.values)
        self.num_images += 1

    def mesh(self, card: ProtocolCard, surface: BodySurface, metric: str) -> SensitivityMesh:
        """The meshes of all images so far; nothing can be added afterwards.

        Args:
            card: what the numbers mean.
            surface: the body to show them on.
            metric: what is shown first.
        """
        self._close_sequence()
        levels = [self._statistics([getattr(of, level) for of in self._rules.values()]) for level in LEVELS]
        arrays = {name: np.stack([level[name] for level in levels]) for name in levels[0]} | {
            "sequence_means": np.stack(self._means),
            "sequence_counts": np.stack(self._counts),
        }
        names = {"metric": self._metrics, "joint": self._joints, "sequence": tuple(self._names)}
        return SensitivityMesh.of(arrays, names, surface, card, metric=metric, num_images=self.num_images)

    def _statistics(self, rules: Sequence[Moments]) -> dict[str, np.ndarray]:
        """Counts (where, V), and by name statistics (metric, where, joint, V), under every rule."""
        found: dict[str, list[np.ndarray]] = {"mean": [], "variance": [], "ci_low": [], "ci_high": []}
        for of in rules:
            low, high = of.interval()
            for name, values in zip(found, (_where_seen(of), of.variance, low, high), strict=True):
                found[name].append(self._by_joint(values))
        return {name: np.stack(values, axis=1) for name, values in found.items()} | {
            "count": np.stack([of.count for of in rules])
        }

    def _close_sequence(self) -> None:
        if self._names:
            closed = {rule: moments.close_sequence() for rule, moments in self._rules.items()}["cell"]
            self._counts.append(closed.count)
            self._means.append(self._by_joint(_where_seen(closed)))

    def _by_joint(self, values: np.ndarray) -> np.ndarray:
        """Values (V, channels) as float32, (metrics, joints + 1, V)."""
        return values.T.reshape(len(self._metrics), len(self._joints), -1).astype(np.float32)


def _watched(
    shards: Iterator[xr.Dataset], watch: Callable[[xr.Dataset], None] | None
) -> Iterator[xr.Dataset]:
    for shard in shards:
        if watch is not None:
            watch(shard)
        yield shard


def _bodies_of(survey: Survey, shard: xr.Dataset) -> str:
    """By which names shards hold the bodies that maps are carried to.

    Raises:
        ResultError: the network gives joints alone, and where the true body stands is not known.
    """
    if survey.card.body != JOINTS_ALONE:
        return "clean"
    if "true_camera" not in shard or not np.isfinite(shard["true_camera"].values).all():
        raise ResultError(
            f"{survey.card.model_card} gives joints and has no body to carry its maps to, and "
            f"{survey.card.dataset} does not say where the true body stands in the image; look at its "
            "heatmaps and tables instead"
        )
    return "true"


def _images(shards: Iterable[xr.Dataset], metrics: tuple[str, ...], bodies: str) -> Iterator[_Image]:
    for shard in shards:
        maps = [values_of(shard, name).values for name in metrics]
        for number, sequence in enumerate(shard["sequence"].values):
            with_mean = [[*values[number], values[number].mean(axis=0, dtype=np.float64)] for values in maps]
            yield _Image(
                str(sequence),
                rotmats=shard[f"{bodies}_rotmats"].values[number],
                betas=shard[f"{bodies}_betas"].values[number],
                camera=shard[f"{bodies}_camera"].values[number],
                maps=np.concatenate(with_mean),
            )


@torch.inference_mode()
def _look(body: BodyModel, images: list[_Image], resolution: int, rasterizer: Rasterizer) -> Visibility:
    """What is visible of the body in each image, on the host."""
    device = body.rest_joints.device
    estimates = BodyParameters(
        *(
            torch.from_numpy(np.stack([getattr(image, name) for image in images])).to(device)
            for name in ("rotmats", "betas", "camera")
        )
    )
    vertices = body(estimates).vertices
    view = vertex_visibility(vertices, body.faces, estimates.camera, resolution, rasterizer=rasterizer)
    return Visibility(view.visible.cpu(), view.pixel.cpu())


def _where_seen(of: Moments) -> np.ndarray:
    """The mean, NaN where nothing was observed, (V, channels)."""
    return np.where(of.count[:, None] > 0, of.mean, np.nan)
