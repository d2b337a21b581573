"""Pictures and viewer files of occlusion sensitivity meshes, from what is stored and nothing else."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from occlusion_toolkit.body.mesh_files import write_glb, write_ply, write_vertex_table
from occlusion_toolkit.meshes.figure import VIEWS_PER_INCH, MeshBand, MeshPanel, mesh_figure
from occlusion_toolkit.meshes.sensitivity_mesh import MEAN_OF_JOINTS, SensitivityMesh
from occlusion_toolkit.plotting.arrangement import arrange
from occlusion_toolkit.plotting.colormaps import ROBUST_RANGE, ColourScale, robust_scale
from occlusion_toolkit.plotting.mesh_views import DARKEST, UNSEEN_GROUND, BodyViews, body_views
from occlusion_toolkit.plotting.metric_text import axis_label, joint_title
from occlusion_toolkit.plotting.style import save_figure
from occlusion_toolkit.sweep.maps import metric_name, metric_parts
from occlusion_toolkit.sweep.occluders import describe

_SMALL_IN, _LARGE_IN = 1.2, 3.0
_LARGE_PER_INCH = 250.0  # enough for bodies of this size, and drawn in a third of the time
_COLUMNS = 4


def draw_all(
    mesh: SensitivityMesh, folder: Path, progress: Callable[[int, int], None] | None = None
) -> list[Path]:
    """Writes the pictures of all joints and of their mean, a PLY file per joint, and one GLB file.

    Args:
        mesh: stored or fresh.
        folder: an existing folder.
        progress: called with files written and files in all.

    Returns:
        mesh.png, mesh.pdf, mesh_mean.png, mesh_mean.pdf; with an error also mesh_increase.png and
        mesh_increase.pdf, since the error mostly shows which joints are hard and the increase what they
        depend on; mesh.glb; and the folder `mesh` with a PLY file for each joint and one for the mean.

    Raises:
        ResultError: a file cannot be written.
    """
    measure, quantity = metric_parts(mesh.metric)
    views = _small_views(mesh)
    figures = {"mesh": joints_figure(mesh, views=views), "mesh_mean": joint_figure(mesh)}
    if quantity == "error":
        figures["mesh_increase"] = joints_figure(mesh, metric_name(measure, "increase"), views)
    drawn = [folder / f"{name}{suffix}" for name in figures for suffix in (".png", ".pdf")]
    report, total = progress or (lambda _done, _total: None), len(drawn) + len(mesh.joints)
    for done, path in enumerate(drawn, start=1):
        save_figure(figures[path.stem], path)
        report(done, total)
    (folder / "mesh").mkdir(exist_ok=True)
    for done, joint in enumerate(mesh.joints, start=len(drawn) + 1):
        save_ply(mesh, folder / "mesh" / f"{joint}.ply", joint, scale=_shared_scale(mesh, mesh.metric))
        report(done, total)
    save_glb(mesh, folder / "mesh.glb")
    return [*drawn, folder / "mesh.glb", folder / "mesh"]


def joints_figure(mesh: SensitivityMesh, metric: str | None = None, views: BodyViews | None = None) -> Figure:
    """All joints and their mean in a grid with one colour scale (PARE, Figure 3).

    Args:
        mesh: stored or fresh.
        metric: what to show; None for the one that is shown first.
        views: the body from all sides where it was drawn before; None to draw it now.

    Raises:
        UsageError: the metric was not pooled.
    """
    metric = metric or mesh.metric
    panels = [MeshPanel(_title(mesh, joint), _means(mesh, metric, joint)) for joint in mesh.joints]
    places = arrange(mesh.joints, _COLUMNS)
    rows = [[None if index is None else panels[index] for index in line] for line in places]
    band = MeshBand(rows, _shared_scale(mesh, metric), axis_label(metric))
    return mesh_figure(views or _small_views(mesh), [band], caption(mesh))


def joint_figure(mesh: SensitivityMesh, joint: str = MEAN_OF_JOINTS, metric: str | None = None) -> Figure:
    """One joint, or the mean over the joints, large, with a colour scale of its own (PARE, Figure 5).

    Raises:
        UsageError: the meshes do not hold the metric or the joint.
    """
    metric = metric or mesh.metric
    panel = MeshPanel(_title(mesh, joint), _means(mesh, metric, joint))
    views = body_views(mesh.surface.vertices_m, mesh.surface.faces, _LARGE_IN, _LARGE_PER_INCH)
    band = MeshBand([[panel]], _own_scale(mesh, metric, joint), axis_label(metric))
    return mesh_figure(views, [band], caption(mesh))


def caption(mesh: SensitivityMesh) -> str:
    """Small print: what was pooled, and how colours are to be read."""
    card, seen = mesh.card, mesh.count[mesh.count > 0]
    low, high = (round(100 * end) for end in ROBUST_RANGE)
    parts = [
        card.model_card,
        f"{card.dataset_and_split}: {mesh.num_images} images of {len(mesh.sequences)} sequences",
        f"a vertex is seen in {seen.min()} to {seen.max()} of them, median {np.median(seen):.0f}"
        if seen.size
        else "no vertex is seen in any of them",
        f"occluder {card.windows.size} px centred on the cell that shows the vertex, "
        f"{describe(card.occluder)}",
        f"colours end at percentiles {low} and {high} of what was seen, titles give the full range",
        f"shading multiplies colours by {DARKEST} to 1",
        f"protocol {card.hash}",
    ]
    return " · ".join(parts)


def save_ply(
    mesh: SensitivityMesh,
    path: Path,
    joint: str = MEAN_OF_JOINTS,
    metric: str | None = None,
    scale: ColourScale | None = None,
) -> None:
    """Writes the body with the means of one joint, coloured by one metric.

    Args:
        mesh: stored or fresh.
        path: ends in .ply.
        joint: a joint or "mean".
        metric: of the colours; None for the one that is shown first.
        scale: of the colours; None for that of the joint.

    Raises:
        UsageError: the meshes do not hold the metric or the joint.
        ResultError: the file cannot be written.
    """
    metric = metric or mesh.metric
    colours = _colours(_means(mesh, metric, joint), scale or _own_scale(mesh, metric, joint))
    values = {f"{name}_mm": _means(mesh, name, joint) for name in mesh.metrics}
    notes = f"values in mm, positions in m, model {mesh.card.model_card}, protocol {mesh.card.hash}"
    write_ply(path, mesh.surface, colours, values | _counted(mesh), notes)


def save_glb(
    mesh: SensitivityMesh, path: Path, joint: str = MEAN_OF_JOINTS, metric: str | None = None
) -> None:
    """Writes the body with the means of all joints, coloured by one of them; see `save_ply`."""
    metric = metric or mesh.metric
    colours = _colours(_means(mesh, metric, joint), _own_scale(mesh, metric, joint))
    values = {f"{name}_{row}": _means(mesh, name, row) for name in mesh.metrics for row in mesh.joints}
    extras = {"unit": "mm", "model": mesh.card.model_card, "protocol": mesh.card.hash}
    write_glb(path, mesh.surface, colours, values | _counted(mesh), extras)


def save_csv(mesh: SensitivityMesh, path: Path) -> None:
    """Writes a line per vertex: its count, and under the rule "cell" the mean of every metric and joint.

    Raises:
        ResultError: the file cannot be written.
    """
    means = {f"{name}_{row}_mm": _means(mesh, name, row) for name in mesh.metrics for row in mesh.joints}
    write_vertex_table(path, mesh.surface, {"count": mesh.count} | means)


def _small_views(mesh: SensitivityMesh) -> BodyViews:
    return body_views(mesh.surface.vertices_m, mesh.surface.faces, _SMALL_IN, VIEWS_PER_INCH)


def _means(mesh: SensitivityMesh, metric: str, joint: str) -> np.ndarray:
    """Mean over frames per vertex, (V,)."""
    return np.asarray(mesh.sel(metric=metric, joint=joint).values)


def _counted(mesh: SensitivityMesh) -> dict[str, np.ndarray]:
    return {"count": mesh.count.astype(np.float32)}


def _colours(values_mm: np.ndarray, scale: ColourScale) -> np.ndarray:
    colours = scale.colours(values_mm)
    colours[np.isnan(values_mm)] = UNSEEN_GROUND
    return np.asarray((colours * 255).round().astype(np.uint8))


def _shared_scale(mesh: SensitivityMesh, metric: str) -> ColourScale:
    """The scale of all joints and their mean."""
    return robust_scale(metric, mesh.sel(metric=metric).values, mesh.count)


def _own_scale(mesh: SensitivityMesh, metric: str, joint: str) -> ColourScale:
    return robust_scale(metric, _means(mesh, metric, joint)[None], mesh.count)


def _title(mesh: SensitivityMesh, joint: str) -> str:
    return f"mean of {len(mesh.joints) - 1} joints" if joint == MEAN_OF_JOINTS else joint_title(joint)
