"""A map of attention per body part over the crop, clean and under an occluder (PARE, Figure 7)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from occlusion_toolkit.attention_maps.result import AttentionResult
from occlusion_toolkit.attention_maps.table import (
    AttentionSummary,
    PartAttention,
    summarise_attention,
)
from occlusion_toolkit.body.parts import PART_NAMES, part_colours
from occlusion_toolkit.heatmaps.maps_figure import show_crop
from occlusion_toolkit.plotting.arrangement import arrange
from occlusion_toolkit.plotting.colormaps import SEQUENTIAL, ColourScale
from occlusion_toolkit.plotting.colour_bar import draw_relative_bar
from occlusion_toolkit.plotting.painting import grey_backdrop, paint_over
from occlusion_toolkit.plotting.posed import outline
from occlusion_toolkit.plotting.quantity import Quantity, joint_title
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
_HEADER, _TITLE, _GAP, _PAIR_GAP, _MARGIN = 1.5, 0.16, 0.10, 0.02, 0.10
_PANEL = {1: 1.05, 2: 0.82}
_COLUMNS = {1: 6, 2: 4}
_BAR, _BAR_GAP, _BAR_TICKS = 0.11, 0.10, 0.36
_MAGNIFICATION = 2


def attention_figure(result: AttentionResult) -> Figure:
    """The crop, its parts and a map of attention for each part; with an occluder, pairs of maps.

    Every map has its own scale: attention sums to one, so one that spreads would be invisible beside one
    that does not.
    """
    summary = summarise_attention(result)
    views = _views(result)
    panel, columns = _PANEL[len(views)], _COLUMNS[len(views)]
    places = arrange(PART_NAMES, columns)
    cell_width = len(views) * (panel + _PAIR_GAP) - _PAIR_GAP
    maps_width = len(places[0]) * (cell_width + _GAP) - _GAP
    width = 2 * _MARGIN + maps_width + _BAR_GAP + _BAR + _BAR_TICKS
    caption = wrap_small_print(_caption(result, summary), width - 2 * _MARGIN)
    maps_top = _MARGIN + _TITLE + _HEADER + 2 * _GAP
    height = maps_top + len(places) * (_TITLE + panel + _GAP) + _MARGIN + LINE * len(caption)
    with figure_style():
        figure = new_figure(width, height)
        _header(figure, result)
        for row, line in enumerate(places):
            for column, part in enumerate(line):
                if part is None:
                    continue
                left = _MARGIN + column * (cell_width + _GAP)
                top = maps_top + row * (_TITLE + panel + _GAP) + _TITLE
                axes = [
                    axes_in_inches(figure, left + number * (panel + _PAIR_GAP), top, panel, panel)
                    for number in range(len(views))
                ]
                _maps(axes, views, result, part)
                _title(axes, summary.parts[part])
        bar_left = width - _MARGIN - _BAR_TICKS - _BAR
        bar = axes_in_inches(figure, bar_left, maps_top + _TITLE, _BAR, 2 * panel)
        draw_relative_bar(bar, Quantity.DISPLACEMENT, views[0].backdrop)
        add_small_print(figure, caption, _MARGIN, 0.6 * _MARGIN)
    return figure


@dataclass(frozen=True)
class _View:
    """A crop and the attention in it."""

    backdrop: np.ndarray
    attention: Float32[np.ndarray, "24 rows cols"]
    window: np.ndarray | None = None


def _views(result: AttentionResult) -> list[_View]:
    side = len(result.crop) * _MAGNIFICATION
    views = [_View(grey_backdrop(result.crop, side), result.attention)]
    if result.occluded is not None:
        hidden = result.occluded
        views.append(_View(grey_backdrop(hidden.crop, side), hidden.attention, hidden.window))
    return views


def _maps(axes: list[Axes], views: list[_View], result: AttentionResult, part: int) -> None:
    resolution = len(result.crop)
    region = result.part_labels == part + 1
    for place, view in zip(axes, views, strict=True):
        weights = view.attention[part]
        row = np.arange(resolution) * weights.shape[0] // resolution
        col = np.arange(resolution) * weights.shape[1] // resolution
        scale = ColourScale(SEQUENTIAL, 0.0, float(weights.max()))
        painted = weights.astype(np.float64)[row[:, None], col[None]]
        show_crop(place, paint_over(view.backdrop, painted, scale), resolution)
        _outline_region(place, region)
        if view.window is not None:
            y0, y1, x0, x1 = (int(edge) for edge in view.window)
            place.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, ec="white", lw=0.5, ls="--"))


def _outline_region(axes: Axes, region: Bool[np.ndarray, "resolution resolution"]) -> None:
    if region.any():
        # The padding closes outlines that the border of the crop cuts.
        centres = np.arange(-1, len(region) + 1) + 0.5
        axes.contour(centres, centres, np.pad(region, 1), levels=[0.5], colors=["white"], linewidths=0.5)


def _title(axes: list[Axes], part: PartAttention) -> None:
    axes[0].text(0, 1.04, joint_title(part.part), transform=axes[0].transAxes, weight="bold", size=7)
    shares = [
        f"{100 * figures.on_part:.0f}"
        for figures in (part.clean, part.occluded)
        if figures is not None and figures.on_part is not None
    ]
    text = f"{' → '.join(shares)} %" if shares else "–"
    axes[-1].text(1, 1.04, text, transform=axes[-1].transAxes, ha="right", color=FAINT_INK, size=7)


def _header(figure: Figure, result: AttentionResult) -> None:
    resolution = len(result.crop)
    pictures = {"image": result.crop, "parts of the clean prediction": _coloured_parts(result)}
    if result.occluded is not None:
        pictures["under the occluder"] = result.occluded.crop
    for number, (title, picture) in enumerate(pictures.items()):
        left = _MARGIN + number * (_HEADER + 2 * _GAP)
        axes = axes_in_inches(figure, left, _MARGIN + _TITLE, _HEADER, _HEADER)
        show_crop(axes, picture, resolution)
        axes.text(0, 1.025, title, transform=axes.transAxes, size=7)
        if title == "under the occluder" and result.occluded is not None:
            outline(axes, result.occluded.window)


def _coloured_parts(result: AttentionResult) -> UInt8[np.ndarray, "resolution resolution 3"]:
    grey = grey_backdrop(result.crop, len(result.crop))[..., None] * 255
    palette = np.concatenate((np.zeros((1, 3)), part_colours().astype(np.float64)))
    shown = np.where(
        result.part_labels[..., None] > 0, 0.35 * grey + 0.65 * palette[result.part_labels], grey
    )
    return shown.round().astype(np.uint8)


def _caption(result: AttentionResult, summary: AttentionSummary) -> str:
    arrow = ", clean → under the occluder" if result.occluded is not None else ""
    parts = [
        f"numbers: share of the attention in the cells that touch the part{arrow}",
        "outlined: the part in the clean prediction, – where it shows none",
        *(["left of each pair: clean, right: under the occluder (dashed)"] if arrow else []),
        "each map from zero to its own greatest value",
        summary.model,
        *([f"occluder {result.card.occluder}"] if result.card.occluder else []),
        f"protocol {summary.protocol}",
    ]
    return " · ".join(parts)
