"""Breaking sizes drawn: where small squares are enough, what each size does, and what it has broken."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from occlusion_toolkit.breaking_sizes.breaking_size import BreakingSize
from occlusion_toolkit.breaking_sizes.table import by_size
from occlusion_toolkit.comparison.figures import model_colours
from occlusion_toolkit.heatmaps.maps_figure import show_crop
from occlusion_toolkit.plotting.colormaps import ColourScale
from occlusion_toolkit.plotting.look import chosen_look
from occlusion_toolkit.plotting.painting import NO_CELL, detail_of, paint_cells, paint_over
from occlusion_toolkit.plotting.style import (
    LINE,
    add_small_print,
    axes_in_inches,
    figure_style,
    new_figure,
    wrap_small_print,
)
from occlusion_toolkit.sweep.occluders import describe

PEOPLE_PERCENT = 25
"""The map of several people shows the size that breaks this share of them."""

_PANEL, _GAP, _LEFT, _TOP = 1.75, 0.12, 0.12, 0.25
_BAR, _BAR_ROOM = 0.1, 0.72
_CURVE, _CURVE_LEFT, _CURVE_BELOW = (2.0, 1.55), 0.5, 0.42


def breaking_size_figure(models: Mapping[str, BreakingSize]) -> Figure:
    """A map per model, the mean of all places over the size, and the share of the places that are broken.

    One image stands beside its maps.

    Args:
        models: by name; of the same places and sizes.
    """
    first = next(iter(models.values()))
    maps_left = _LEFT + ("crop" in first.dataset) * (_PANEL + _GAP)
    bar_left = maps_left + len(models) * (_PANEL + _GAP)
    maps_width = bar_left + _BAR + _BAR_ROOM
    curves_width = 2 * (_CURVE_LEFT + _CURVE[0]) + 0.15
    beside = len(models) == 1
    width = maps_width + curves_width if beside else max(maps_width, curves_width)
    curves_top = _TOP if beside else _TOP + _PANEL + 0.2
    lines = wrap_small_print(_caption(models), width - 0.2)
    height = curves_top + max(_CURVE[1] + _CURVE_BELOW, _PANEL if beside else 0) + LINE * len(lines) + 0.15
    scale = ColourScale(chosen_look().sequential.reversed(), float(first.sizes[0]), float(first.sizes[-1]))
    with figure_style():
        figure = new_figure(width, height)
        if "crop" in first.dataset:
            axes = axes_in_inches(figure, _LEFT, _TOP, _PANEL, _PANEL)
            show_crop(axes, first.dataset["crop"].values, first.card.windows.resolution)
        for place, (name, found) in enumerate(models.items()):
            axes = axes_in_inches(figure, maps_left + place * (_PANEL + _GAP), _TOP, _PANEL, _PANEL)
            _draw_map(axes, found, scale)
            axes.set_title(name, size=7.5, pad=3)
        bar = axes_in_inches(figure, bar_left, _TOP, _BAR, _PANEL)
        _draw_bar(bar, first, scale)
        left = _CURVE_LEFT + (maps_width if beside else 0)
        colours = model_colours(len(models))
        for number, draw in enumerate((_draw_dose, _draw_broken)):
            axes = axes_in_inches(
                figure, left + number * (_CURVE_LEFT + _CURVE[0]), curves_top, _CURVE[0], _CURVE[1]
            )
            for (name, found), colour in zip(models.items(), colours, strict=True):
                draw(axes, found, name, colour)
            axes.set_xlabel("side of the square [px]", labelpad=2)
            axes.set_xlim(0, first.sizes[-1])
            axes.set_xticks(first.sizes)
            axes.set_ylim(bottom=min(0.0, axes.dataLim.y0))
            axes.tick_params(length=2, width=0.5)
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)
            if not beside and number == 0:
                axes.legend(frameon=False, fontsize=6, loc="upper left", handlelength=1.2)
        add_small_print(figure, lines, 0.1, 0.1)
    return figure


def _draw_map(axes: Axes, found: BreakingSize, scale: ColourScale) -> None:
    grid = found.card.windows
    size = grid.resolution
    painted = paint_cells(_of_people(found), grid.cells(), size)
    if "crop" in found.dataset:
        detail = detail_of(found.dataset["crop"].values, 3 * size)
    else:
        detail = np.zeros((3 * size, 3 * size))
    axes.imshow(paint_over(detail, painted, scale), extent=(0, size, size, 0), interpolation="nearest")
    body = found.dataset["body_share"].values
    if np.isfinite(body).all():
        middle = np.arange(size) + 0.5
        axes.contour(middle, middle, body, levels=[0.5], colors="white", linewidths=1.4)
        axes.contour(middle, middle, body, levels=[0.5], colors="black", linewidths=0.6)
    axes.set_xlim(0, size)
    axes.set_ylim(size, 0)
    axes.set_xticks([])
    axes.set_yticks([])


def _of_people(found: BreakingSize) -> Float64[np.ndarray, "rows cols"]:
    """The size that breaks a quarter of the people, place by place; NaN where none does."""
    sizes = np.nan_to_num(found.dataset["breaking_px"].values, nan=np.inf)
    value = np.quantile(sizes, PEOPLE_PERCENT / 100, axis=0, method="inverted_cdf")
    return np.where(np.isfinite(value), value, np.nan)


def _draw_bar(axes: Axes, found: BreakingSize, scale: ColourScale) -> None:
    """A block for every size, and a grey one for places that none breaks."""
    sizes = found.sizes
    blocks = np.concatenate([scale.colours(np.array(sizes, dtype=float)), np.full((1, 3), NO_CELL)])
    axes.imshow(blocks[:, None], extent=(0, 1, len(blocks), 0), aspect="auto", interpolation="nearest")
    axes.set_ylim(len(blocks), 0)
    axes.set_xticks([])
    axes.yaxis.tick_right()
    axes.set_yticks(np.arange(len(blocks)) + 0.5, [*map(str, sizes), "none"])
    axes.tick_params(axis="y", length=0, pad=3)
    axes.yaxis.set_label_position("right")
    several = len(found.sequences) > 1
    axes.set_ylabel(
        f"breaks {PEOPLE_PERCENT} % of the people [px]" if several else "smallest that breaks [px]",
        labelpad=2,
    )


def _draw_dose(axes: Axes, found: BreakingSize, name: str, colour: str) -> None:
    _band(axes, found, "dose_mm", name, colour, float(found.dataset["clean_mm"].mean()))
    what = {"increase": "increase", "displacement": "displacement"}.get(found.metric.split("_")[-1], "error")
    axes.set_ylabel(f"mean {what} [mm]", labelpad=2)


def _draw_broken(axes: Axes, found: BreakingSize, name: str, colour: str) -> None:
    _band(axes, found, "broken", name, colour, 0.0)
    if len(found.sequences) > 1:
        people = 100 * (found.smallest_px[:, None] <= np.array(found.sizes)).mean(axis=0)
        axes.plot(found.sizes, people, color=colour, lw=0.8, ls=(0, (3, 2)))
    axes.set_ylabel("places broken so far [%]", labelpad=2)


def _band(axes: Axes, found: BreakingSize, number: str, name: str, colour: str, without: float) -> None:
    """A number over the size from no square on, with its interval where there is one."""
    cells = [row[number] for row in by_size(found).values()]
    mean, low, high = (
        np.array([without, *(np.nan if cell[end] is None else cell[end] for cell in cells)], dtype=float)
        for end in ("mean", "low", "high")
    )
    sizes = [0, *found.sizes]
    axes.plot(sizes, mean, color=colour, lw=1.2, marker="o", ms=2.5, label=name)
    if np.isfinite(low[1:]).all():
        axes.fill_between(sizes[1:], low[1:], high[1:], color=colour, alpha=0.18, lw=0)


def _caption(models: Mapping[str, BreakingSize]) -> str:
    first = next(iter(models.values()))
    card, several = first.card, len(first.sequences) > 1
    people = [
        f"maps: the smallest square that breaks {PEOPLE_PERCENT} % of the people there",
        "lines: share of the places, dashed: of the people, by this or a smaller square",
        f"{card.dataset_and_split}: {len(first.sequences)} images of {len(set(first.sequences))} sequences",
        "bands: 95 % intervals over sequences",
        *(
            ["outline: half of the images show the body inside"]
            if np.isfinite(first.dataset["body_share"]).all()
            else []
        ),
    ]
    return " · ".join(
        [
            f"broken: {first.measured}, above {first.over_mm:g} mm",
            *(people if several else [str(first.dataset["file"].values[0])]),
            f"a square every {card.windows.stride} px, {describe(card.occluder)}",
            *dict.fromkeys(f"protocol {found.card.hash}" for found in models.values()),
        ]
    )
