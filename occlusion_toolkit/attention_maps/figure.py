"""A map of attention per body part over the crop, clean and under an occluder (PARE, Figure 7)."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from occlusion_toolkit.attention_maps.attention_maps import CLEAN, OCCLUDED, AttentionMaps
from occlusion_toolkit.attention_maps.table import (
    AttentionTable,
    PartAttention,
    summarise_attention,
)
from occlusion_toolkit.body.parts import PART_NAMES, part_colours
from occlusion_toolkit.heatmaps.maps_figure import show_crop
from occlusion_toolkit.plotting.arrangement import arrange
from occlusion_toolkit.plotting.colormaps import ColourScale
from occlusion_toolkit.plotting.colour_bar import draw_colour_bar
from occlusion_toolkit.plotting.look import chosen_look
from occlusion_toolkit.plotting.metric_text import joint_title
from occlusion_toolkit.plotting.painting import PHOTOGRAPH_NOTE, detail_of, grey_backdrop, paint_over
from occlusion_toolkit.plotting.posed import outline
from occlusion_toolkit.plotting.style import (
    FAINT_INK,
    LINE,
    add_small_print,
    axes_in_inches,
    figure_style,
    new_figure,
    wrap_small_print,
)
from occlusion_toolkit.sweep.occluders import describe

# All lengths in inches.
_HEADER, _TITLE, _GAP, _PAIR_GAP, _MARGIN = 1.5, 0.16, 0.10, 0.02, 0.10
_PANEL = {1: 1.05, 2: 0.82}
_COLUMNS = {1: 6, 2: 4}
_BAR, _BAR_GAP, _BAR_TICKS = 0.11, 0.10, 0.36
_MAGNIFICATION = 2


def attention_figure(maps: AttentionMaps) -> Figure:
    """The crop, its parts and a map of attention for each part; with an occluder, pairs of maps.

    Every map has its own scale: attention sums to one, so one that spreads would be invisible beside one
    that does not.
    """
    summary = summarise_attention(maps)
    views = _views(maps)
    panel, columns = _PANEL[len(views)], _COLUMNS[len(views)]
    places = arrange(maps.parts, columns)
    cell_width = len(views) * (panel + _PAIR_GAP) - _PAIR_GAP
    maps_width = len(places[0]) * (cell_width + _GAP) - _GAP
    width = 2 * _MARGIN + maps_width + _BAR_GAP + _BAR + _BAR_TICKS + LINE
    caption = wrap_small_print(_caption(maps, summary), width - 2 * _MARGIN)
    maps_top = _MARGIN + _TITLE + _HEADER + 2 * _GAP
    height = maps_top + len(places) * (_TITLE + panel + _GAP) + _MARGIN + LINE * len(caption)
    with figure_style():
        figure = new_figure(width, height)
        _header(figure, maps)
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
                _maps(axes, views, maps, part)
                _title(axes, summary.parts[part])
        bar_left = width - _MARGIN - LINE - _BAR_TICKS - _BAR
        bar = axes_in_inches(figure, bar_left, maps_top + _TITLE, _BAR, 2 * panel)
        draw_colour_bar(bar, ColourScale(chosen_look().sequential, 0.0, 100.0), np.array([0.0, 100.0]))
        bar.yaxis.set_label_position("right")
        bar.set_ylabel("attention [% of the map's greatest]", labelpad=3)
        add_small_print(figure, caption, _MARGIN, 0.6 * _MARGIN)
    return figure


@dataclass(frozen=True)
class _View:
    """A crop and the attention in it."""

    detail: np.ndarray
    attention: Float32[np.ndarray, "parts rows cols"]
    window: tuple[int, int, int, int] | None = None


def _views(maps: AttentionMaps) -> list[_View]:
    side = len(maps.segmentation) * _MAGNIFICATION
    return [
        _View(
            detail_of(maps.crop(view), side),
            maps.attention(view),
            maps.window if view == OCCLUDED else None,
        )
        for view in maps.views
    ]


def _maps(axes: list[Axes], views: list[_View], maps: AttentionMaps, part: int) -> None:
    resolution = len(maps.segmentation)
    region = maps.region(part)
    for place, view in zip(axes, views, strict=True):
        weights = view.attention[part]
        row = np.arange(resolution) * weights.shape[0] // resolution
        col = np.arange(resolution) * weights.shape[1] // resolution
        scale = ColourScale(chosen_look().sequential, 0.0, float(weights.max()))
        painted = weights.astype(np.float64)[row[:, None], col[None]]
        show_crop(place, paint_over(view.detail, painted, scale), resolution)
        _outline_region(place, region)
        if view.window is not None:
            y0, y1, x0, x1 = view.window
            place.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, ec="white", lw=0.5, ls="--"))


def _outline_region(axes: Axes, region: Bool[np.ndarray, "resolution resolution"]) -> None:
    if region.any():
        # The padding closes outlines that the border of the crop cuts.
        centres = np.arange(-1, len(region) + 1) + 0.5
        axes.contour(centres, centres, np.pad(region, 1), levels=[0.5], colors=["white"], linewidths=0.5)


def _title(axes: list[Axes], part: PartAttention) -> None:
    write = partial(axes[0].text, transform=axes[0].transAxes, size=7)
    left = 0.0
    if part.part in PART_NAMES:
        red, green, blue = part_colours()[PART_NAMES.index(part.part)] / 255
        box = {"boxstyle": "square,pad=0.12", "fc": (red, green, blue), "ec": "none"}
        write(0.02, 1.045, "\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}", bbox=box, size=5)
        left = 0.12
    write(left, 1.04, joint_title(part.part), weight="bold")
    shares = [
        f"{100 * figures.on_part:.0f}"
        for figures in (part.clean, part.occluded)
        if figures is not None and figures.on_part is not None
    ]
    text = f"{' → '.join(shares)} %" if shares else "–"
    axes[-1].text(1, 1.04, text, transform=axes[-1].transAxes, ha="right", color=FAINT_INK, size=7)


def _header(figure: Figure, maps: AttentionMaps) -> None:
    resolution = len(maps.segmentation)
    pictures = {"image": maps.crop(CLEAN), "parts of the clean prediction": _coloured_parts(maps)}
    if maps.window is not None:
        pictures["under the occluder"] = maps.crop(OCCLUDED)
    for number, (title, picture) in enumerate(pictures.items()):
        left = _MARGIN + number * (_HEADER + 2 * _GAP)
        axes = axes_in_inches(figure, left, _MARGIN + _TITLE, _HEADER, _HEADER)
        show_crop(axes, picture, resolution)
        axes.text(0, 1.025, title, transform=axes.transAxes, size=7)
        if title == "under the occluder" and maps.window is not None:
            outline(axes, maps.window)


def _coloured_parts(maps: AttentionMaps) -> UInt8[np.ndarray, "resolution resolution 3"]:
    segmentation = maps.segmentation
    grey = grey_backdrop(maps.crop(CLEAN), len(segmentation))[..., None] * 255
    palette = np.concatenate((np.zeros((1, 3)), part_colours().astype(np.float64)))
    shown = np.where(segmentation[..., None] > 0, 0.35 * grey + 0.65 * palette[segmentation], grey)
    return shown.round().astype(np.uint8)


def _caption(maps: AttentionMaps, summary: AttentionTable) -> str:
    what = "part" if maps.of_parts else "body"
    arrow = ", clean → under the occluder" if maps.window is not None else ""
    parts = [
        f"numbers: share of the attention in the cells that touch the {what}{arrow}",
        f"outlined: the {what} in the clean prediction, – where it shows none",
        *(
            []
            if maps.of_parts
            else ["one query: a map for each layer of the decoder, the mean over its heads"]
        ),
        *(["left of each pair: clean, right: under the occluder (dashed)"] if arrow else []),
        *(["square before a name: the part's colour above"] if maps.parts[0] in PART_NAMES else []),
        PHOTOGRAPH_NOTE,
        summary.model,
        *([f"occluder {describe(maps.card.occluder)}"] if maps.card.occluder else []),
        f"protocol {summary.protocol}",
    ]
    return " · ".join(parts)
