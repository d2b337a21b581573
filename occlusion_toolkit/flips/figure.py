"""Reversals drawn: where the square must stand, and the error with and without them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from occlusion_toolkit.flips.reversals import Reversals
from occlusion_toolkit.flips.rule import SWAP_MARGIN_MM, TURNED_DEGREES
from occlusion_toolkit.flips.table import numbers
from occlusion_toolkit.plotting.colormaps import ColourScale
from occlusion_toolkit.plotting.colour_bar import draw_colour_bar
from occlusion_toolkit.plotting.look import chosen_look
from occlusion_toolkit.plotting.painting import paint_cells
from occlusion_toolkit.plotting.style import (
    FAINT_INK,
    INK,
    LINE,
    add_small_print,
    axes_in_inches,
    figure_style,
    new_figure,
    wrap_small_print,
)
from occlusion_toolkit.sweep.occluders import describe

_PANEL, _GAP, _LEFT, _TOP, _ROW_GAP = 1.6, 0.12, 0.3, 0.25, 0.2
_BAR, _BAR_ROOM, _BARS = 0.1, 1.55, 1.9
_REVERSED, _OTHERS = "#c2452d", "#e3bfb2"
_TITLES = {"turned": "turned round", "swapped": "left and right swapped"}


def reversals_figure(models: Mapping[str, Reversals]) -> Figure:
    """A row per model: how often the square reverses a person, by where it stands, and what that costs.

    Args:
        models: by name; of the same windows.
    """
    maps = {
        (name, kind): found.dataset["rate"].sel(against="clean", kind=kind).values
        for name, found in models.items()
        for kind in _TITLES
    }
    high = max(1.0, max(float(rate.max()) for rate in maps.values()))
    scale = ColourScale(chosen_look().sequential, 0.0, high)
    single = all(found.dataset.sizes["image"] == 1 for found in models.values())
    costs_left = _LEFT + 2 * (_PANEL + _GAP) + (1.0 if single else _BAR + _BAR_ROOM)
    width = costs_left + _BARS + 0.15
    lines = wrap_small_print(_caption(models), width - 0.2)
    height = _TOP + len(models) * (_PANEL + _ROW_GAP) + 0.3 + LINE * len(lines) + 0.1
    with figure_style():
        figure = new_figure(width, height)
        longest = 1.15 * max(float(found.dataset["worst_mm"].mean()) for found in models.values())
        for row, (name, found) in enumerate(models.items()):
            top = _TOP + row * (_PANEL + _ROW_GAP)
            for place, kind in enumerate(_TITLES):
                axes = axes_in_inches(figure, _LEFT + place * (_PANEL + _GAP), top, _PANEL, _PANEL)
                _draw_map(axes, found, maps[name, kind], scale)
                if row == 0:
                    axes.set_title(_TITLES[kind], size=7.5, pad=4)
                if place == 0:
                    axes.set_ylabel(name)
            axes = axes_in_inches(figure, costs_left, top + 0.1, _BARS, _PANEL - 0.35)
            _draw_costs(axes, found, longest, last=row == len(models) - 1)
        if not single:
            tall = len(models) * (_PANEL + _ROW_GAP) - _ROW_GAP
            bar = axes_in_inches(figure, _LEFT + 2 * (_PANEL + _GAP), _TOP, _BAR, tall)
            draw_colour_bar(bar, scale, np.stack(list(maps.values())))
            bar.set_ylabel("reversed people under the square [%]", labelpad=2)
            bar.yaxis.set_label_position("right")
        add_small_print(figure, lines, 0.1, 0.1)
    return figure


def _draw_map(axes: Axes, found: Reversals, rate: np.ndarray, scale: ColourScale) -> None:
    grid = found.card.windows
    painted = paint_cells(rate, grid.cells(), grid.resolution)
    size = grid.resolution
    if "crop" in found.dataset:
        axes.imshow(found.dataset["crop"].values, extent=(0, size, size, 0))
        red = np.zeros((*painted.shape, 4))
        red[painted > 0] = to_rgba(_REVERSED, 0.6)
        axes.imshow(red, extent=(0, size, size, 0), interpolation="nearest")
    else:
        axes.imshow(scale.colours(painted), extent=(0, size, size, 0), interpolation="nearest")
    body = found.dataset["body_share"].values
    if np.isfinite(body).all():
        middle = np.arange(size) + 0.5
        axes.contour(middle, middle, body, levels=[0.5], colors="white", linewidths=0.8)
    axes.set_xlim(0, size)
    axes.set_ylim(size, 0)
    axes.set_xticks([])
    axes.set_yticks([])


def _draw_costs(axes: Axes, found: Reversals, longest: float, *, last: bool) -> None:
    """Mean and worst error with and without the windows that reverse."""
    told = numbers(found, "clean", "either")
    places, bars = [0.0, 0.8, 2.0, 2.8], []
    for name in ("mean_mm", "worst_mm"):
        bars += [told[name]["all"] or 0.0, told[name]["without"] or 0.0]
    axes.barh(places, bars, height=0.72, color=[_REVERSED, _OTHERS] * 2)
    for place, value in zip(places, bars, strict=True):
        axes.text(value + 0.02 * longest, place, f"{value:.0f}", va="center", size=6.5, color=INK)
    axes.set_xlim(0, longest)
    axes.set_ylim(3.3, -0.5)
    axes.set_yticks(
        places, ["mean of windows", "without reversed", "worst window", "without reversed"], size=6.5
    )
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="x", length=2, width=0.5, colors=FAINT_INK)
    axes.tick_params(axis="y", length=0, pad=3)
    if last:
        axes.set_xlabel(f"{'displacement' if found.metric.endswith('displacement') else 'error'} [mm]")


def _caption(models: Mapping[str, Reversals]) -> str:
    first = next(iter(models.values()))
    card, data = first.card, first.dataset
    image = str(data["file"].values[0]) if data.sizes["image"] == 1 else None
    count = len(set(first.sequences))
    people = f"{card.dataset_and_split}: {data.sizes['image']} images of {count} sequences"
    return " · ".join(
        [
            f"turned: heading more than {TURNED_DEGREES:.0f} degrees off the clean estimate's",
            f"swapped: nearer to it by more than {SWAP_MARGIN_MM:.0f} mm with left and right exchanged",
            "errors: mean over joints, then over images",
            "white line: half of the images show the body inside"
            if image is None
            else "red: the square, centred there, reverses the person",
            people if image is None else image,
            f"occluder {card.windows.size} px every {card.windows.stride} px, {describe(card.occluder)}",
            *dict.fromkeys(f"protocol {found.card.hash}" for found in models.values()),
        ]
    )
