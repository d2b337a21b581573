"""Sensitivity meshes of several models, and where on the body they differ (PARE, Figure 5)."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float64, Int64
from matplotlib.figure import Figure
from scipy import stats

from occlusion_toolkit.body.arrays import require_topology
from occlusion_toolkit.comparison.significance import FEWEST_SEQUENCES, SIGNIFICANCE, adjusted_for_many
from occlusion_toolkit.errors import ResultError, UsageError
from occlusion_toolkit.meshes.figure import VIEWS_PER_INCH, MeshBand, MeshPanel, mesh_figure
from occlusion_toolkit.meshes.sensitivity_mesh import MEAN_OF_JOINTS, SensitivityMesh
from occlusion_toolkit.plotting.colormaps import robust_scale
from occlusion_toolkit.plotting.mesh_views import body_views
from occlusion_toolkit.plotting.metric_text import axis_label, joint_title
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.occluders import describe

logger = logging.getLogger(__name__)

_HEIGHT_IN = 1.75

_TEST = f"paired t-test over sequences, FDR {100 * SIGNIFICANCE:.0f} %"

_POOLED = ("analysis", "metrics", "rasterizer", "trusted_files", "toolkit_version", "libraries")
"""What the cards of a mesh and of the survey that it was pooled from may differ in."""


def mesh_of(
    survey: Survey,
    metric: str,
    *,
    watch: Callable[[xr.Dataset], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SensitivityMesh:
    """The mesh of a survey: the one in its folder, or a fresh one, which is then kept there.

    A mesh in the folder that lacks the metric is made again with what it had and the metric.

    Args:
        survey: a complete one.
        metric: what it must hold.
        watch: shown every shard that is read.
        progress: called with images done and images in all.

    Raises:
        ResultError: the survey is damaged.
        BodyModelError: the body of the survey is not at hand.
    """
    path = survey.folder / "mesh.h5"
    stored = None
    if path.is_file():
        try:
            stored = SensitivityMesh.open(path)
        except ResultError as error:
            logger.warning("%s; it is pooled again", error)
    if stored is not None and not _is_of(stored, survey):
        stored = None
    if stored is not None and metric in stored.metrics:
        return stored
    wanted = [metric] if stored is None else [stored.metric, metric]
    mesh = survey.mesh(wanted, watch=watch, progress=progress)
    mesh.save(path)
    return mesh


def _is_of(mesh: SensitivityMesh, survey: Survey) -> bool:
    """Whether a mesh was pooled from a survey."""
    as_survey = {name: getattr(survey.card, name) for name in _POOLED}
    return mesh.card.model_copy(update=as_survey) == survey.card and mesh.num_images == survey.num_images


@dataclass(frozen=True)
class MeshDifference:
    """First mesh minus second; sequences that show a vertex in both are its independent units.

    Attributes:
        mean_mm: mean over sequences of the difference of their means, (V,); NaN where no sequence shows the
            vertex in both.
        sequences: how many do, (V,).
        q: p-values of two-sided paired t-tests over sequences, adjusted over the vertices (Benjamini and
            Hochberg), (V,); NaN where fewer than `FEWEST_SEQUENCES` show the vertex.
    """

    mean_mm: Float64[np.ndarray, " vertices"]
    sequences: Int64[np.ndarray, " vertices"]
    q: Float64[np.ndarray, " vertices"]

    @property
    def significant(self) -> Bool[np.ndarray, " vertices"]:
        """Vertices whose difference is not by chance, at a false discovery rate of 5 %."""
        return np.asarray(np.nan_to_num(self.q, nan=1.0) < SIGNIFICANCE)


def mesh_difference(
    first: SensitivityMesh, second: SensitivityMesh, metric: str, joint: str = MEAN_OF_JOINTS
) -> MeshDifference:
    """Compares the meshes of two models for one joint.

    Args:
        first: of one model.
        second: of the other, on the same images.
        metric: what to compare.
        joint: a joint, or "mean".

    Raises:
        TopologyError: they are of different bodies.
        ResultError: they are of other sequences or joints.
        UsageError: they lack the metric or the joint.
    """
    require_topology(first.card.body, second.card.body, f"the mesh of {second.card.model_card!r}")
    if (first.sequences, first.joints) != (second.sequences, second.joints):
        raise ResultError("two meshes are of other sequences or joints; make them from the same data set")
    one, other = (_sequence_means(mesh, metric, joint) for mesh in (first, second))
    differences = one - other
    shown = np.isfinite(differences).sum(axis=0)
    p_values = np.full(len(shown), np.nan)
    tested = shown >= FEWEST_SEQUENCES
    if tested.any():
        found = stats.mstats.ttest_1samp(np.ma.masked_invalid(differences[:, tested]), 0.0, axis=0).pvalue
        p_values[tested] = np.nan_to_num(np.ma.filled(found, 1.0), nan=1.0)  # 1 where nothing differs at all
    total = np.nansum(differences, axis=0)
    return MeshDifference(
        mean_mm=np.divide(total, shown, out=np.full(len(shown), np.nan), where=shown > 0),
        sequences=shown.astype(np.int64),
        q=adjusted_for_many(p_values),
    )


def meshes_by_model_figure(
    meshes: Mapping[str, SensitivityMesh], metric: str, joint: str = MEAN_OF_JOINTS
) -> Figure:
    """The mesh of each model on one scale, and below them their differences, zero in the middle.

    Vertices whose difference is not significant are grey; where none is, a sentence says so instead.

    Args:
        meshes: by the models' names, two or more, of the same data set.
        metric: what to show.
        joint: whose; "mean" for the mean over joints.

    Raises:
        TopologyError: the meshes are of different bodies.
        ResultError: the meshes are of different data sets.
        UsageError: there are fewer than two, or they lack the metric or the joint.
    """
    if len(meshes) < 2:
        raise UsageError("there is nothing to compare; give the meshes of two models or more")
    first = next(iter(meshes.values()))
    found = {
        f"{one} − {other}": mesh_difference(meshes[one], meshes[other], metric, joint)
        for one, other in combinations(meshes, 2)
    }
    values = {name: mesh.sel(metric=metric, joint=joint).values for name, mesh in meshes.items()}
    counts = np.sum([mesh.count for mesh in meshes.values()], axis=0)
    label = axis_label(metric)
    bands = [
        MeshBand(
            _rows([MeshPanel(name, shown) for name, shown in values.items()]),
            robust_scale(metric, np.stack(list(values.values())), counts),
            label,
        )
    ]
    caption = _caption(meshes, joint)
    if any(difference.significant.any() for difference in found.values()):
        panels = [
            MeshPanel(name, difference.mean_mm, ~difference.significant) for name, difference in found.items()
        ]
        seen = np.sum([difference.sequences for difference in found.values()], axis=0)
        scale = robust_scale("increase", np.stack([panel.values_mm for panel in panels]), seen)
        bands.append(MeshBand(_rows(panels), scale, f"difference of {label}"))
    else:
        caption = f"no model differs significantly from another at any vertex ({_TEST}) · {caption}"
    views = body_views(first.surface.vertices_m, first.surface.faces, _HEIGHT_IN, VIEWS_PER_INCH)
    return mesh_figure(views, bands, caption, quiet_meaning=f"difference not significant ({_TEST})")


def _sequence_means(
    mesh: SensitivityMesh, metric: str, joint: str
) -> Float64[np.ndarray, "sequences vertices"]:
    mesh.sel(metric=metric, joint=joint)  # says what is missing
    means = mesh.dataset["sequence_means"].sel(metric=metric, joint=joint)
    return means.transpose("sequence", "vertex").values.astype(np.float64)


def _rows(panels: Sequence[MeshPanel]) -> list[list[MeshPanel | None]]:
    """Panels below each other in two columns where there are many."""
    columns = 1 if len(panels) == 1 else 2 if len(panels) in (2, 4) else 3
    padded: list[MeshPanel | None] = [*panels, *([None] * (-len(panels) % columns))]
    return [padded[first : first + columns] for first in range(0, len(padded), columns)]


def _caption(meshes: Mapping[str, SensitivityMesh], joint: str) -> str:
    first = next(iter(meshes.values()))
    shown = f"mean of {len(first.joints) - 1} joints" if joint == MEAN_OF_JOINTS else joint_title(joint)
    dataset = " ".join(part for part in (first.card.dataset, first.card.split) if part)
    protocols = dict.fromkeys(f"protocol {mesh.card.hash}" for mesh in meshes.values())
    parts = [
        shown,
        f"{dataset}: {first.num_images} images of {len(first.sequences)} sequences",
        f"occluder {first.card.windows.size} px, {describe(first.card.occluder)}",
        "colours end at the 1st and 99th percentile, titles give the full range",
        *protocols,
    ]
    return " · ".join(parts)
