"""The pictures of one heatmap result, drawn from what is stored and nothing else."""

from pathlib import Path

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.errors import TopologyError
from occlusion_toolkit.heatmaps.maps_figure import HeatmapPanels, heatmap_figure
from occlusion_toolkit.heatmaps.summary_figure import WorstCase, summary_figure
from occlusion_toolkit.heatmaps.table import (
    focused_clean_error,
    focused_maps,
    joints_in_crop,
    parameters_of,
)
from occlusion_toolkit.plotting.posed import PosedBody
from occlusion_toolkit.plotting.quantity import Quantity
from occlusion_toolkit.plotting.style import save_figure
from occlusion_toolkit.sweep.results import HeatmapResult, StoredBody


def draw_heatmap(
    result: HeatmapResult,
    body: BodyModel,
    folder: Path,
    *,
    shared_limits: bool = True,
    smooth: bool = False,
) -> list[Path]:
    """Writes heatmaps.png, heatmaps.pdf and summary.png of what a result was asked for.

    Args:
        result: a stored or fresh result.
        body: the body that its card names.
        folder: an existing folder.
        shared_limits: one colour scale for all joints.
        smooth: interpolate the panels of the heatmaps between cell centres, for display only.

    Returns:
        The files, in that order.

    Raises:
        TopologyError: the body is another one than the result's.
        ResultError: a file cannot be written.
    """
    if body.topology != result.card.body:
        raise TopologyError(f"the result is of body {result.card.body!r}, the one given is {body.topology!r}")
    maps = heatmap_panels(result, body)
    panels = heatmap_figure(maps, shared_limits=shared_limits, smoothing="linear" if smooth else "none")
    summary = summary_figure(worst_case(result, body, maps))
    drawn = {"heatmaps.png": panels, "heatmaps.pdf": panels, "summary.png": summary}
    for name, figure in drawn.items():
        save_figure(figure, folder / name)
    return [folder / name for name in drawn]


def heatmap_panels(result: HeatmapResult, body: BodyModel) -> HeatmapPanels:
    """The maps in focus, with the clean prediction's joints in the crop."""
    return HeatmapPanels(
        crop=result.crop,
        maps_mm=focused_maps(result),
        joint_names=result.focus.joints,
        cells=result.cells,
        quantity=Quantity(result.focus.read_out),
        occluder_px=result.card.windows.size,
        aligned=result.focus.aligned,
        joints_px=joints_in_crop(result, body, result.focus.joints),
        resolution=result.card.windows.resolution,
        caption=f"{result.card.model_card} · occluder {result.card.occluder} · protocol {result.card.hash}",
    )


def worst_case(result: HeatmapResult, body: BodyModel, maps: HeatmapPanels) -> WorstCase:
    """The clean and the worst prediction as meshes, with the mean of what the maps show for each."""
    clean_mm = focused_clean_error(result)
    worst_mm = maps.maps_mm.reshape(len(maps.maps_mm), -1)[:, result.worst_window].mean()
    return WorstCase(
        maps=maps,
        worst=result.worst_window,
        windows=result.windows,
        occluded_crop=result.occluded_crop,
        faces=body.faces.cpu().numpy(),
        clean=_posed(result.clean, body, None if clean_mm is None else float(clean_mm.mean())),
        occluded=_posed(result.worst, body, float(worst_mm)),
    )


def _posed(stored: StoredBody, body: BodyModel, mean_mm: float | None) -> PosedBody:
    vertices = body(parameters_of(stored)).vertices[0].numpy()
    return PosedBody(vertices=vertices, camera=stored.camera, mean_mm=mean_mm)
