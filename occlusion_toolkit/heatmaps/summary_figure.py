"""What an occluder does, in one picture: the worst window, before and after, and the mean map."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from occlusion_toolkit.heatmaps.maps_figure import HeatmapPanels, show_crop
from occlusion_toolkit.plotting.colormaps import scale_for
from occlusion_toolkit.plotting.colour_bar import draw_colour_bar
from occlusion_toolkit.plotting.metric_text import axis_label, range_text, window_text
from occlusion_toolkit.plotting.overlay import BODY_COLOUR, composite
from occlusion_toolkit.plotting.painting import grey_backdrop, paint_cells, paint_over
from occlusion_toolkit.plotting.posed import (
    OCCLUDED_COLOUR,
    PosedBody,
    front_layer,
    on_blank,
    outline,
    side_layer,
    silhouette,
)
from occlusion_toolkit.plotting.style import (
    FAINT_INK,
    LINE,
    add_small_print,
    axes_in_inches,
    figure_style,
    new_figure,
    wrap_small_print,
)

# All lengths in inches.
_PANEL, _GAP, _TITLE, _MARGIN = 1.60, 0.08, 0.17, 0.10
_BAR, _BAR_GAP, _BAR_TICKS = 0.12, 0.10, 0.38

_LARGE = 2 * _PANEL + _GAP + _TITLE


@dataclass(frozen=True)
class WorstCase:
    """What the summary shows.

    Attributes:
        maps: the maps of all joints and the crop.
        window: the worst window (y0, y1, x0, x1), pixels of the network's crop, ends exclusive.
        occluded_crop: the crop with the worst window occluded, RGB.
        faces: corner indices of the body's triangles, (F, 3).
        clean: what the regressor makes of the crop.
        occluded: what it makes of the occluded crop.
    """

    maps: HeatmapPanels
    window: tuple[int, int, int, int]
    occluded_crop: UInt8[np.ndarray, "height width 3"]
    faces: Int64[np.ndarray, "faces 3"]
    clean: PosedBody
    occluded: PosedBody


def summary_figure(case: WorstCase) -> Figure:
    """The crop and its prediction above, the same occluded below, the mean map on the right (PARE, Figure 1).

    The outline of the clean prediction is repeated over the occluded one.
    """
    left = _MARGIN + 3 * (_PANEL + _GAP)
    width = left + _LARGE + _BAR_GAP + _BAR + _BAR_TICKS + LINE + _MARGIN
    caption = wrap_small_print(_caption(case), width - 2 * _MARGIN)
    height = 2 * _MARGIN + _TITLE + _LARGE + 0.04 + LINE * len(caption)
    clean_front = front_layer(case.clean, case.faces, BODY_COLOUR)
    clean_side = side_layer(case.clean, case.clean, case.faces, BODY_COLOUR)
    front = front_layer(case.occluded, case.faces, OCCLUDED_COLOUR)
    side = side_layer(case.occluded, case.clean, case.faces, OCCLUDED_COLOUR)
    with figure_style():
        figure = new_figure(width, height)
        upper = [_panel(figure, column, 0) for column in range(3)]
        lower = [_panel(figure, column, 1) for column in range(3)]
        _picture(upper[0], case, case.maps.crop, "(a) image and worst window")
        outline(upper[0], case.window)
        _picture(
            upper[1], case, composite(case.maps.crop, clean_front), "(b) clean prediction", case.clean.mean_mm
        )
        _picture(upper[2], case, on_blank(clean_side), "(c) from the side")
        _picture(lower[0], case, case.occluded_crop, "(d) worst window occluded")
        _picture(
            lower[1],
            case,
            composite(case.occluded_crop, front),
            "(e) prediction",
            case.occluded.mean_mm,
        )
        _picture(lower[2], case, on_blank(side), "(f) from the side")
        silhouette(lower[1], clean_front, case.maps.resolution)
        silhouette(lower[2], clean_side, case.maps.resolution)
        _mean_map(figure, case, left)
        add_small_print(figure, caption, _MARGIN, 0.6 * _MARGIN)
    return figure


def _caption(case: WorstCase) -> str:
    parts = [
        f"worst window: {window_text(case.window)} of {case.maps.resolution}",
        "outline in (e), (f): the clean prediction",
        case.maps.caption,
    ]
    return " · ".join(part for part in parts if part)


def _panel(figure: Figure, column: int, row: int) -> Axes:
    left = _MARGIN + column * (_PANEL + _GAP)
    return axes_in_inches(figure, left, _MARGIN + _TITLE + row * (_PANEL + _GAP + _TITLE), _PANEL, _PANEL)


def _picture(
    axes: Axes, case: WorstCase, picture: NDArray[np.uint8], title: str, mean_mm: float | None = None
) -> None:
    show_crop(axes, picture, case.maps.resolution)
    value = "" if mean_mm is None else f"{mean_mm:.0f} mm".replace("-", "−")
    _titles(axes, title, value)


def _titles(axes: Axes, title: str, value: str, height_in: float = _PANEL) -> None:
    above = 1 + 0.035 / height_in
    axes.text(0, above, title, transform=axes.transAxes, weight="bold", size=7)
    axes.text(1, above, value, transform=axes.transAxes, ha="right", color=FAINT_INK, size=7)


def _mean_map(figure: Figure, case: WorstCase, left: float) -> None:
    maps = case.maps
    mean = maps.maps_mm.mean(axis=0)
    scale = scale_for(maps.metric, mean)
    backdrop = grey_backdrop(maps.crop, maps.resolution * 3)
    axes = axes_in_inches(figure, left, _MARGIN + _TITLE, _LARGE, _LARGE)
    show_crop(
        axes, paint_over(backdrop, paint_cells(mean, maps.cells, maps.resolution), scale), maps.resolution
    )
    outline(axes, case.window)
    title = f"(g) mean over {len(maps.joint_names)} joints" if len(maps.joint_names) > 1 else "(g) map"
    _titles(axes, title, range_text(mean), _LARGE)
    bar = axes_in_inches(figure, left + _LARGE + _BAR_GAP, _MARGIN + _TITLE, _BAR, _LARGE)
    draw_colour_bar(bar, scale, backdrop)
    bar.yaxis.set_label_position("right")
    bar.set_ylabel(axis_label(maps.metric), labelpad=4)
