"""Pictures and viewer files of occlusion sensitivity meshes, from what is stored and nothing else."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from occlusion_toolkit.body.body_surface import BodySurface
from occlusion_toolkit.body.mesh_files import VertexValues, write_glb, write_ply
from occlusion_toolkit.errors import TopologyError
from occlusion_toolkit.meshes.figure import VIEWS_PER_INCH, MeshBand, MeshPanel, mesh_figure
from occlusion_toolkit.meshes.mesh_result import MEAN_OF_JOINTS, MeshResult, ReadOut
from occlusion_toolkit.meshes.table import main_read_out
from occlusion_toolkit.plotting.arrangement import arrange
from occlusion_toolkit.plotting.colormaps import ROBUST_RANGE, ColourScale, robust_scale
from occlusion_toolkit.plotting.mesh_views import DARKEST, UNSEEN_GROUND, BodyViews, body_views
from occlusion_toolkit.plotting.quantity import Quantity, axis_label, joint_title
from occlusion_toolkit.plotting.style import save_figure

_SMALL_IN, _LARGE_IN = 1.2, 3.0
_LARGE_PER_INCH = 250.0  # enough for bodies of this size, and drawn in a third of the time
_COLUMNS = 4


def draw_mesh(
    result: MeshResult, surface: BodySurface, folder: Path, *, read_out: ReadOut | None = None
) -> list[Path]:
    """Writes the pictures of all joints and of their mean, a PLY file per joint, and one GLB file.

    Args:
        result: stored or fresh.
        surface: the body it belongs to.
        folder: an existing folder.
        read_out: what to show; None for the error, or the displacement where there is no ground truth.

    Returns:
        mesh.png, mesh.pdf, mesh_mean.png, mesh_mean.pdf; with the error also mesh_increase.png and
        mesh_increase.pdf, since the error mostly shows which joints are hard and the increase what they
        depend on; mesh.glb; and the folder `mesh` with a PLY file for each joint and one for the mean.

    Raises:
        TopologyError: the surface is of another body than the result.
        ResultError: the read-out was not measured, or a file cannot be written.
    """
    read_out = read_out or main_read_out(result)
    views = _small_views(surface)
    figures = {
        "mesh": joints_figure(result, surface, read_out, views),
        "mesh_mean": mean_figure(result, surface, read_out),
    }
    if read_out == "error":
        figures["mesh_increase"] = joints_figure(result, surface, "increase", views)
    drawn = [folder / f"{name}{suffix}" for name in figures for suffix in (".png", ".pdf")]
    for path in drawn:
        save_figure(figures[path.stem], path)
    _write_viewer_files(result, surface, folder, read_out)
    return [*drawn, folder / "mesh.glb", folder / "mesh"]


def joints_figure(
    result: MeshResult, surface: BodySurface, read_out: ReadOut, views: BodyViews | None = None
) -> Figure:
    """All joints and their mean in a grid with one colour scale (PARE, Figure 3).

    Args:
        result: stored or fresh.
        surface: the body it belongs to.
        read_out: what to show.
        views: the surface from all sides where it was drawn before; None to draw it now.
    """
    values, scale = _values_and_scale(result, surface, read_out)
    panels = [
        MeshPanel(_title(result, name), mean) for name, mean in zip(result.row_names, values, strict=True)
    ]
    places = arrange(result.row_names, _COLUMNS)
    rows = [[None if index is None else panels[index] for index in line] for line in places]
    return mesh_figure(
        views or _small_views(surface),
        [MeshBand(rows, scale, _label(result, read_out))],
        caption(result, read_out),
    )


def mean_figure(result: MeshResult, surface: BodySurface, read_out: ReadOut) -> Figure:
    """The mean over the joints alone, large, with a colour scale of its own (PARE, Figure 5)."""
    values, _ = _values_and_scale(result, surface, read_out)
    panel = MeshPanel(_title(result, MEAN_OF_JOINTS), values[-1])
    scale = _mean_scale(result, read_out)
    views = body_views(surface.vertices_m, surface.faces, _LARGE_IN, _LARGE_PER_INCH)
    band = MeshBand([[panel]], scale, _label(result, read_out))
    return mesh_figure(views, [band], caption(result, read_out))


def caption(result: MeshResult, read_out: ReadOut) -> str:
    """Small print: what was pooled, and how colours are to be read."""
    card, count = result.card, result.of(read_out).frames.count
    seen = count[count > 0]
    low, high = (round(100 * end) for end in ROBUST_RANGE)
    parts = [
        card.model_card,
        f"{' '.join(filter(None, (card.dataset, card.split)))}: {result.num_images} images of "
        f"{result.num_sequences} sequences",
        f"a vertex is seen in {seen.min()} to {seen.max()} of them, median {np.median(seen):.0f}"
        if seen.size
        else "no vertex is seen in any of them",
        f"occluder {card.windows.size} px centred on the cell that shows the vertex, {card.occluder}",
        f"colours end at percentiles {low} and {high} of what was seen, titles give the full range",
        f"shading multiplies colours by {DARKEST} to 1",
        f"protocol {card.hash}",
    ]
    return " · ".join(parts)


def _small_views(surface: BodySurface) -> BodyViews:
    return body_views(surface.vertices_m, surface.faces, _SMALL_IN, VIEWS_PER_INCH)


def _write_viewer_files(result: MeshResult, surface: BodySurface, folder: Path, read_out: ReadOut) -> None:
    values, scale = _values_and_scale(result, surface, read_out)
    notes = f"values in mm, positions in m, model {result.card.model_card}, protocol {result.card.hash}"
    (folder / "mesh").mkdir(exist_ok=True)
    for row, name in enumerate(result.row_names):
        columns = {f"{kind}_mm": result.of(kind).frames.mean[row] for kind in result.card.read_outs}
        path = folder / "mesh" / f"{name}.ply"
        write_ply(path, surface, _colours(values[row], scale), _floats(columns, result), notes)
    columns = {
        f"{kind}_{name}": result.of(kind).frames.mean[row]
        for kind in result.card.read_outs
        for row, name in enumerate(result.row_names)
    }
    extras = {"unit": "mm", "model": result.card.model_card, "protocol": result.card.hash}
    colours = _colours(values[-1], _mean_scale(result, read_out))
    write_glb(folder / "mesh.glb", surface, colours, _floats(columns, result), extras)


def _floats(columns: dict[str, np.ndarray], result: MeshResult) -> VertexValues:
    count = result.of(result.card.read_outs[0]).frames.count
    return {name: column.astype(np.float32) for name, column in {**columns, "count": count}.items()}


def _colours(values_mm: np.ndarray, scale: ColourScale) -> np.ndarray:
    colours = scale.colours(values_mm)
    colours[np.isnan(values_mm)] = UNSEEN_GROUND
    return np.asarray((colours * 255).round().astype(np.uint8))


def _values_and_scale(
    result: MeshResult, surface: BodySurface, read_out: ReadOut
) -> tuple[np.ndarray, ColourScale]:
    """Mean per joint and vertex, (J + 1, V), and the scale that all joints share."""
    if surface.topology != result.card.body:
        raise TopologyError(f"the meshes are of body {result.card.body!r}, not {surface.topology!r}")
    statistics = result.of(read_out).frames
    return statistics.mean, robust_scale(Quantity(read_out), statistics.mean, statistics.count)


def _mean_scale(result: MeshResult, read_out: ReadOut) -> ColourScale:
    statistics = result.of(read_out).frames
    return robust_scale(Quantity(read_out), statistics.mean[-1:], statistics.count)


def _title(result: MeshResult, name: str) -> str:
    return f"mean of {len(result.joint_names)} joints" if name == MEAN_OF_JOINTS else joint_title(name)


def _label(result: MeshResult, read_out: ReadOut) -> str:
    return axis_label(Quantity(read_out), result.aligned)
