"""The pictures of one image's maps, drawn from what is stored and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from occlusion_toolkit.heatmaps.maps_figure import HeatmapPanels, heatmap_figure
from occlusion_toolkit.heatmaps.summary_figure import WorstCase, summary_figure
from occlusion_toolkit.heatmaps.table import estimate, joints_in_crop
from occlusion_toolkit.plotting.posed import PosedBody
from occlusion_toolkit.plotting.style import save_figure
from occlusion_toolkit.sweep.occluders import describe

if TYPE_CHECKING:
    from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps


def draw_all(
    maps: OcclusionMaps, folder: Path, *, image: int = 0, shared_limits: bool = True, smooth: bool = False
) -> list[Path]:
    """Writes heatmaps.png, heatmaps.pdf and summary.png into an existing folder.

    Returns:
        The files, in that order.

    Raises:
        ResultError: a file cannot be written.
    """
    panels = panels_figure(maps, image, shared_limits=shared_limits, smooth=smooth)
    drawn = {"heatmaps.png": panels, "heatmaps.pdf": panels, "summary.png": worst_case_figure(maps, image)}
    for name, figure in drawn.items():
        save_figure(figure, folder / name)
    return [folder / name for name in drawn]


def panels_figure(
    maps: OcclusionMaps, image: int = 0, *, shared_limits: bool = True, smooth: bool = False
) -> Figure:
    """A heatmap per joint over the crop."""
    panels = heatmap_panels(maps, image)
    return heatmap_figure(panels, shared_limits=shared_limits, smoothing="linear" if smooth else "none")


def worst_case_figure(maps: OcclusionMaps, image: int = 0) -> Figure:
    """The worst window before and after, and the mean map."""
    return summary_figure(worst_case(maps, image))


def heatmap_panels(maps: OcclusionMaps, image: int = 0) -> HeatmapPanels:
    """The maps in focus, with the clean prediction's joints in the crop."""
    card = maps.card
    return HeatmapPanels(
        crop=maps.detail("crop", image),
        maps_mm=maps.sel(joint=maps.joints, image=image).transpose("joint", "row", "col").values,
        joint_names=maps.joints,
        cells=maps.grid.cells(),
        metric=maps.metric,
        occluder_px=maps.grid.size,
        joints_px=joints_in_crop(maps, maps.joints, image),
        resolution=maps.grid.resolution,
        caption=f"{card.model_card} · occluder {describe(card.occluder)} · protocol {card.hash}",
    )


def worst_case(maps: OcclusionMaps, image: int = 0) -> WorstCase:
    """The clean and the worst prediction as meshes, with the mean of what the maps show for each."""
    panels, clean, worst = heatmap_panels(maps, image), maps.clean(), maps.worst(image)
    clean_mm = None
    if clean is not None:
        clean_mm = float(clean.isel(image=image).sel(joint=list(maps.joints)).mean())
    return WorstCase(
        maps=panels,
        window=maps.window(worst),
        occluded_crop=maps.occluded_crop(worst, image),
        faces=maps.body.faces.cpu().numpy(),
        clean=_posed(maps, "clean", image, clean_mm),
        occluded=_posed(maps, worst, image, float(panels.maps_mm[:, worst[0], worst[1]].mean())),
    )


def _posed(maps: OcclusionMaps, which: str | tuple[int, int], image: int, mean_mm: float | None) -> PosedBody:
    body = estimate(maps, which, image)
    return PosedBody(
        vertices=maps.body(body).vertices[0].numpy(), camera=body.camera[0].numpy(), mean_mm=mean_mm
    )
