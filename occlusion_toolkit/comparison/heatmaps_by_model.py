"""The heatmaps of one image for several models: one row per model, one scale for all."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.figure import Figure

from occlusion_toolkit.errors import UsageError
from occlusion_toolkit.heatmaps.maps_figure import HeatmapPanels, show_crop
from occlusion_toolkit.plotting.colormaps import ColourScale, robust_scale
from occlusion_toolkit.plotting.colour_bar import draw_colour_bar
from occlusion_toolkit.plotting.painting import grey_backdrop, paint_cells, paint_over
from occlusion_toolkit.plotting.quantity import axis_label, joint_title, range_text
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
_PANEL, _GAP, _RANGE, _TITLE, _BAND_GAP = 0.92, 0.05, 0.13, 0.15, 0.14
_MARGIN, _ROW_LABEL = 0.10, 0.18
_BAR, _BAR_GAP, _BAR_TICKS = 0.11, 0.12, 0.36
_MOST_COLUMNS = 8
_MAGNIFICATION = 2


def heatmaps_by_model_figure(panels: Mapping[str, HeatmapPanels]) -> Figure:
    """A row of heatmaps per model, the mean over joints first, all on the scale that all share.

    Args:
        panels: what each model's figure shows, by the model's name: the same image, joints and quantity.

    Raises:
        UsageError: there is no model, or they show different joints, quantities or windows.
    """
    first = _alike(panels)
    names = ("mean", *first.joint_names)
    maps = {
        model: np.concatenate((shown.maps_mm.mean(axis=0, keepdims=True), shown.maps_mm))
        for model, shown in panels.items()
    }
    scale = robust_scale(first.quantity, np.stack(list(maps.values())).reshape(len(panels) * len(names), -1))
    columns = min(_MOST_COLUMNS, len(names))
    bands = -(-len(names) // columns)
    band_height = _TITLE + len(panels) * (_RANGE + _PANEL + _GAP)
    width = 2 * _MARGIN + _ROW_LABEL + columns * (_PANEL + _GAP) + _BAR_GAP + _BAR + _BAR_TICKS + LINE
    caption = wrap_small_print(_caption(panels), width - 2 * _MARGIN)
    height = 2 * _MARGIN + bands * band_height + (bands - 1) * _BAND_GAP + LINE * (len(caption) + 0.5)
    backdrop = grey_backdrop(first.crop, first.resolution * _MAGNIFICATION)
    with figure_style():
        figure = new_figure(width, height)
        for place, name in enumerate(names):
            band, column = divmod(place, columns)
            left = _MARGIN + _ROW_LABEL + column * (_PANEL + _GAP)
            top = _MARGIN + band * (band_height + _BAND_GAP)
            figure.text(left / width, 1 - top / height, joint_title(name), weight="bold", size=7, va="top")
            for row, (model, values) in enumerate(maps.items()):
                panel_top = top + _TITLE + row * (_RANGE + _PANEL + _GAP) + _RANGE
                axes = axes_in_inches(figure, left, panel_top, _PANEL, _PANEL)
                painted = paint_cells(values[place], first.cells, first.resolution)
                show_crop(axes, paint_over(backdrop, painted, scale), first.resolution)
                axes.set_title(range_text(values[place]), size=6, color=FAINT_INK, pad=1.5, loc="left")
                if column == 0:
                    middle = 1 - (panel_top + _PANEL / 2) / height
                    figure.text(_MARGIN / width, middle, model, rotation=90, va="center", size=7)
        _bar(figure, scale, backdrop, first, band_height)
        add_small_print(figure, caption, _MARGIN, 0.6 * _MARGIN)
    return figure


def _alike(panels: Mapping[str, HeatmapPanels]) -> HeatmapPanels:
    """The first of several panels, after making sure that the others show the same things."""
    shown = list(panels.values())
    if not shown:
        raise UsageError("there is no heatmap to draw; give the result of one model or more")
    first = shown[0]
    for model, other in panels.items():
        same = (
            other.joint_names == first.joint_names
            and (other.quantity, other.aligned) == (first.quantity, first.aligned)
            and np.array_equal(other.cells, first.cells)
            and np.array_equal(other.crop, first.crop)
        )
        if not same:
            raise UsageError(
                f"the heatmap of {model} shows another image, other joints, windows or another quantity "
                "than the first; make them with the same options"
            )
    return first


def _caption(panels: Mapping[str, HeatmapPanels]) -> str:
    first = next(iter(panels.values()))
    size = first.occluder_px
    shared = (
        f"occluder {size} × {size} px centred on each cell · one colour scale for all panels, "
        "from the 1st to the 99th percentile · above each panel its full range"
    )
    return " · ".join([shared, *captions_once(panels)])


def captions_once(panels: Mapping[str, HeatmapPanels]) -> list[str]:
    """The parts of the captions of several models, each once and without the models' names."""
    parts = once(part for shown in panels.values() for part in shown.caption.split(" · "))
    return [part for part in parts if part not in panels]


def once(parts: Iterable[str]) -> list[str]:
    """Parts of a caption without repetitions and empty ones, in their order."""
    return [part for part in dict.fromkeys(parts) if part]


def _bar(
    figure: Figure,
    scale: ColourScale,
    backdrop: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    shown: HeatmapPanels,
    height_in: float,
) -> None:
    left = figure.get_size_inches()[0] - _MARGIN - LINE - _BAR_TICKS - _BAR
    top = _MARGIN + _TITLE + _RANGE
    bar = axes_in_inches(figure, left, top, _BAR, height_in - _TITLE - _RANGE - _GAP)
    draw_colour_bar(bar, scale, backdrop)
    bar.yaxis.set_label_position("right")
    bar.set_ylabel(axis_label(shown.quantity, shown.aligned), labelpad=3)
