"""The pictures of one image's maps, drawn from what is stored and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import UInt8
from matplotlib.figure import Figure

from occlusion_toolkit.body.joints import SMPL24, joint_set
from occlusion_toolkit.errors import BodyModelError, OccluderError, ResultError
from occlusion_toolkit.heatmaps.maps_figure import HeatmapPanels, heatmap_figure
from occlusion_toolkit.heatmaps.summary_figure import WorstCase, summary_figure
from occlusion_toolkit.heatmaps.table import estimate, joints_in_crop, stored
from occlusion_toolkit.plotting.posed import PosedBody, Surface
from occlusion_toolkit.plotting.sticks import stick_body, stick_surface
from occlusion_toolkit.plotting.style import save_figure
from occlusion_toolkit.sweep.occluders import describe

if TYPE_CHECKING:
    from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps

PICTURES = ("heatmaps.png", "heatmaps.pdf", "summary.png")
"""What `draw_all` draws."""


def draw_all(
    maps: OcclusionMaps,
    folder: Path,
    *,
    image: int = 0,
    shared_limits: bool = True,
    smooth: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Writes heatmaps.png, heatmaps.pdf and summary.png into an existing folder.

    Args:
        maps: what to draw.
        folder: exists.
        image: which image, where there are several.
        shared_limits: as of `OcclusionMaps.plot`.
        smooth: as of `OcclusionMaps.plot`.
        progress: called with pictures done and pictures in all.

    Returns:
        The files, in that order.

    Raises:
        ResultError: a file cannot be written.
    """
    panels = panels_figure(maps, image, shared_limits=shared_limits, smooth=smooth)
    drawn = {"heatmaps.png": panels, "heatmaps.pdf": panels, "summary.png": worst_case_figure(maps, image)}
    for done, (name, figure) in enumerate(drawn.items(), start=1):
        save_figure(figure, folder / name)
        if progress is not None:
            progress(done, len(drawn))
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
    card, seen = maps.card, maps.seen(image)
    values = maps.sel(joint=maps.joints, image=image).transpose("joint", "row", "col").values
    caption = f"{card.model_card} · occluder {describe(card.occluder)} · protocol {card.hash}"
    if seen is not None and not seen.all():
        caption += " · hatched: the network cannot see the window there"
    return HeatmapPanels(
        crop=maps.detail("crop", image),
        maps_mm=values if seen is None else np.where(seen, values, np.nan),
        joint_names=maps.joints,
        cells=maps.grid.cells(),
        metric=maps.metric,
        occluder_px=maps.grid.size,
        joints_px=joints_in_crop(maps, maps.joints, image),
        resolution=maps.grid.resolution,
        caption=caption,
        occluder=occluder_swatch(maps, image),
        seen=seen,
    )


def occluder_swatch(maps: OcclusionMaps, image: int = 0) -> UInt8[np.ndarray, "side side 3"] | None:
    """The occluder as it is pasted into the whole window nearest to the middle; None if it is not at hand."""
    windows, size = maps.grid.windows(), maps.grid.size
    clipped = (windows[:, 1::2] - windows[:, ::2] < size).any(axis=1)
    off_centre = np.abs(windows.reshape(-1, 2, 2).sum(axis=2) / 2 - maps.grid.resolution / 2).sum(axis=1)
    cell = divmod(int((off_centre + 1e6 * clipped).argmin()), maps.grid.cols)
    y0, y1, x0, x1 = maps.window(cell)
    try:
        return maps.occluded_crop(cell, image)[y0:y1, x0:x1]
    except OccluderError:
        return None


def worst_case(maps: OcclusionMaps, image: int = 0) -> WorstCase:
    """The clean and the worst prediction as meshes, with the mean of what the maps show for each."""
    panels, clean, worst = heatmap_panels(maps, image), maps.clean(), maps.worst(image)
    truth, clean_mm = true_body(maps, image), None
    if clean is not None:
        clean_mm = float(clean.isel(image=image).sel(joint=list(maps.joints)).mean())
    return WorstCase(
        maps=panels,
        window=maps.window(worst),
        occluded_crop=maps.occluded_crop(worst, image),
        surface=stick_surface(joint_set(maps.card.joint_set)) if maps.joints_alone else Surface.of(maps.body),
        clean=_posed(maps, "clean", image, clean_mm),
        truth=truth,
        true_surface=None if truth is None else Surface.of(maps.true_body(image)),
        occluded=_posed(maps, worst, image, float(panels.maps_mm[:, worst[0], worst[1]].mean())),
    )


def true_body(maps: OcclusionMaps, image: int = 0) -> PosedBody | None:
    """The ground truth through its own camera; where that is unknown, put where the clean prediction is.

    None where there is no truth, or its body is not at hand.
    """
    if "true_rotmats" not in maps.dataset:
        return None
    truth = estimate(maps, "true", image)
    try:
        body = maps.true_body(image)
    except BodyModelError:
        return None
    vertices, camera = body(truth).vertices[0], truth.camera[0]
    if not torch.isfinite(camera).all() and maps.joints_alone:
        return None
    if not torch.isfinite(camera).all():
        clean = estimate(maps, "clean", image)
        camera = clean.camera[0]
        vertices = vertices + maps.body.pelvis(clean, SMPL24)[0] - body.pelvis(truth, SMPL24)[0]
    return PosedBody(vertices.numpy(), camera.numpy())


def _posed(maps: OcclusionMaps, which: str | tuple[int, int], image: int, mean_mm: float | None) -> PosedBody:
    if maps.joints_alone and "joints_px" not in maps.dataset:
        raise ResultError(
            f"{maps.card.model_card} does not say where its joints are in the crop, so predictions cannot be "
            "drawn; answer with points_px too, or draw the heatmaps alone"
        )
    if maps.joints_alone:
        joints_m, joints_px = (stored(maps, name, which, image) for name in ("joints_m", "joints_px"))
        return stick_body(joints_m, joints_px, joint_set(maps.card.joint_set), maps.grid.resolution, mean_mm)
    body = estimate(maps, which, image)
    return PosedBody(
        vertices=maps.body(body).vertices[0].numpy(), camera=body.camera[0].numpy(), mean_mm=mean_mm
    )
