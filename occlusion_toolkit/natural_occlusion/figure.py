"""Square against world drawn: a point per joint, with the line of identity."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from occlusion_toolkit.natural_occlusion.natural import FEWEST_HIDDEN, NaturalOcclusion
from occlusion_toolkit.plotting.metric_text import axis_label, joint_title
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

_PANEL, _GAP, _LEFT, _TOP, _BELOW = 2.3, 0.3, 0.55, 0.42, 0.5
_HIDDEN_COLOUR, _SEEN_COLOUR = "#b4543c", "#5b7fa6"


def natural_figure(models: Mapping[str, NaturalOcclusion]) -> Figure:
    """A panel per model: the error under squares (across) and the error where the world hides the joint (up).

    Below the line of identity squares hurt more than the world, above it less. Small blue points are the same
    joints in sight on both axes.

    Args:
        models: by name; of the same joints.
    """
    first = next(iter(models.values()))
    width = max(_LEFT + len(models) * (_PANEL + _GAP), 4.2)
    lines = wrap_small_print(_caption(models), width - 0.2)
    height = _TOP + _PANEL + _BELOW + LINE * len(lines) + 0.1
    with figure_style():
        figure = new_figure(width, height)
        high = 1.1 * max(_highest(found) for found in models.values())
        for place, (name, found) in enumerate(models.items()):
            axes = axes_in_inches(figure, _LEFT + place * (_PANEL + _GAP), _TOP, _PANEL, _PANEL)
            _draw(axes, found, high)
            rank = found.agreement["rank_error"]
            told = "no rank correlation" if rank["mean"] is None else f"rank correlation {_interval(rank)}"
            axes.set_title(f"{name}\n{told}", size=7, pad=3)
            axes.set_xlabel(f"under a square: {axis_label(first.metric)}")
            if place == 0:
                axes.set_ylabel(f"hidden by the world: {axis_label(first.metric)}")
            else:
                axes.set_yticklabels([])
        add_small_print(figure, lines, 0.1, 0.1)
    return figure


def _draw(axes: Axes, found: NaturalOcclusion, high: float) -> None:
    data = found.dataset.sel(joint=list(found.ranked))
    axes.plot([0, high], [0, high], color=FAINT_INK, lw=0.7, ls="--", zorder=0)

    def of(state: str) -> tuple[np.ndarray, np.ndarray]:
        one = data.sel(state=state)
        mean = one["mean"].values
        ends = np.stack([mean - one["ci_low"].values, one["ci_high"].values - mean])
        return mean, np.nan_to_num(ends).clip(0)

    square, square_ends = of("square")
    hidden, hidden_ends = of("hidden")
    uncovered, seen = of("uncovered")[0], of("seen")[0]
    axes.errorbar(
        square,
        hidden,
        yerr=hidden_ends,
        xerr=square_ends,
        fmt="none",
        ecolor=FAINT_INK,
        elinewidth=0.4,
        alpha=0.7,
    )
    axes.scatter(square, hidden, s=16, color=_HIDDEN_COLOUR, zorder=3, lw=0)
    axes.scatter(uncovered, seen, s=5, color=_SEEN_COLOUR, zorder=2, lw=0)
    for number, (name, x, y) in enumerate(zip(found.ranked, square, hidden, strict=True)):
        near = (np.abs(square - x) < 0.2 * high) & (np.abs(hidden - y) < 0.04 * high)
        # Of two that lie together the left one is named to its left.
        is_left = any((square[other], other) > (x, number) for other in np.flatnonzero(near))
        side, offset = ("right", -3.5) if is_left else ("left", 2.5)
        axes.annotate(
            joint_title(name), (x, y), (offset, 2), textcoords="offset points", size=5, color=INK, ha=side
        )
    axes.set_xlim(0, high)
    axes.set_ylim(0, high)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=2, width=0.5)


def _highest(found: NaturalOcclusion) -> float:
    data = found.dataset.sel(joint=list(found.ranked), state=["square", "hidden"])
    values = np.concatenate([data["mean"].values.ravel(), data["ci_high"].values.ravel()])
    values = values[np.isfinite(values)]
    return float(values.max()) if values.size else 1.0


def _interval(cell: Mapping[str, float | None]) -> str:
    if cell["low"] is None:
        return f"{cell['mean']:.2f}"
    return f"{cell['mean']:.2f} ({cell['low']:.2f} to {cell['high']:.2f})".replace("-", "−")


def _caption(models: Mapping[str, NaturalOcclusion]) -> str:
    first = next(iter(models.values()))
    card = first.card
    return " · ".join(
        [
            "red: a joint that a thing or the frame hides, against that joint in sight under squares",
            "blue: the joint in sight without a square, on both axes",
            "dashed: squares predict the world",
            "lines: 95 % intervals over sequences",
            f"joints that are hidden in {FEWEST_HIDDEN} images or more",
            f"{card.dataset_and_split}: {first.dataset.attrs['num_images']} images of "
            f"{first.dataset.sizes['sequence']} sequences",
            f"occluder {card.windows.size} px every {card.windows.stride} px, {describe(card.occluder)}",
            *dict.fromkeys(f"protocol {found.card.hash}" for found in models.values()),
        ]
    )
