"""Figures of a comparison: bars per joint (the paper's Figure 6) and curves over thresholds and sizes."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from occlusion_toolkit.comparison.comparison import Comparison
from occlusion_toolkit.comparison.entries import Interval
from occlusion_toolkit.comparison.significance import FEWEST_SEQUENCES, SIGNIFICANCE
from occlusion_toolkit.comparison.tables import counted, differ
from occlusion_toolkit.plotting.arrangement import reading_order
from occlusion_toolkit.plotting.look import chosen_look
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

_WIDTH = 7.1
_MARGIN = 0.5
_BAR_HEIGHT = 2.3
_CURVE = (2.9, 2.1)
_COLOURS = (0.08, 0.5, 0.8, 0.28, 0.65, 0.95)
"""Positions in a map whose lightness rises, so that bars differ in grey print too."""


def model_colours(count: int) -> list[str]:
    """One colour per model, told apart by lightness as well as by hue."""
    order = sorted(_COLOURS[:count]) if count <= len(_COLOURS) else np.linspace(0.05, 0.95, count)
    return [to_hex(chosen_look().models(position)) for position in order]


def bars_figure(comparison: Comparison, quantity: str = "occluded") -> Figure:
    """Bars per joint and model with 95 % intervals, and for errors a line at the clean error.

    Args:
        comparison: the numbers.
        quantity: name of the quantity whose bars are drawn.

    Raises:
        UsageError: there is no such quantity.
    """
    described = comparison.quantity(quantity)
    clean = (
        "clean" in comparison.models[0].quantities
        and described.unit == "mm"
        and quantity not in ("clean", "increase")
    )
    notes = [
        f"{described.title}: {described.definition}",
        f"bars: mean over {counted(comparison)}",
        *(["white line with dark edges: clean error"] if clean else []),
        *_uncertainty(
            comparison,
            "whiskers",
            f"*: smallest and largest differ (p < {SIGNIFICANCE}, permuting sequences, adjusted over joints)",
        ),
        *_protocol(comparison),
    ]
    with figure_style():
        lines = wrap_small_print(" · ".join(notes), _WIDTH - 2 * 0.1)
        height = 0.35 + _BAR_HEIGHT + 0.75 + LINE * len(lines) + 0.1
        figure = new_figure(_WIDTH, height)
        axes = axes_in_inches(figure, _MARGIN, 0.35, _WIDTH - _MARGIN - 0.1, _BAR_HEIGHT)
        _draw_bars(axes, comparison, quantity, clean=clean)
        axes.set_ylabel(
            described.heading
            if described.unit == "%"
            else f"{described.title}: {axis_label(comparison.metric)}"
        )
        add_small_print(figure, lines, 0.1, 0.1)
    return figure


def curves_figure(comparison: Comparison) -> Figure:
    """Failures over the threshold and, where there are sizes, the occluded error over the occluder's size."""
    panels = 2 if comparison.sizes_px else 1
    label = axis_label(comparison.metric)
    notes = [
        "value of a window: mean over joints",
        f"lines: mean over {counted(comparison)}",
        f"dotted: {comparison.failure_mm:g} mm, above which a window counts as a failure",
        *_uncertainty(comparison, "bands"),
        *_protocol(comparison),
    ]
    colours = model_colours(len(comparison.models))
    with figure_style():
        width = _MARGIN + panels * (_CURVE[0] + 0.6)
        lines = wrap_small_print(" · ".join(notes), width - 2 * 0.1)
        figure = new_figure(width, 0.15 + _CURVE[1] + 0.5 + LINE * len(lines) + 0.1)
        axes = axes_in_inches(figure, _MARGIN, 0.15, *_CURVE)
        for model, colour in zip(comparison.models, colours, strict=True):
            _band(axes, comparison.thresholds_mm, model.failure_curve, colour, model.name)
        axes.axvline(comparison.failure_mm, color=FAINT_INK, lw=0.6, ls=":")
        axes.set(xlabel=label, ylabel="windows with a larger value [%]")
        axes.set_xlim(0, _reach(comparison))
        axes.set_ylim(0, 100)
        axes.legend(frameon=False, fontsize=6.5)
        _open_frame(axes)
        if comparison.sizes_px:
            axes = axes_in_inches(figure, 2 * _MARGIN + _CURVE[0] + 0.2, 0.15, *_CURVE)
            for model, colour in zip(comparison.models, colours, strict=True):
                if model.size_curve is not None:
                    sizes = tuple(float(size) for size in comparison.sizes_px)
                    _band(axes, sizes, model.size_curve, colour, model.name, marker="o")
            axes.set(xlabel="side of the occluder [px]", ylabel=f"mean {label}")
            axes.set_xticks(comparison.sizes_px)
            _open_frame(axes)
        add_small_print(figure, lines, 0.1, 0.1)
    return figure


def _uncertainty(comparison: Comparison, drawn: str, *marks: str) -> list[str]:
    """What shows the uncertainty, or why nothing does."""
    if comparison.sequences < FEWEST_SEQUENCES:
        return [f"no intervals and no tests: they need {FEWEST_SEQUENCES} sequences"]
    return [f"{drawn}: 95 % interval of each model, from resampling sequences", *marks]


def _protocol(comparison: Comparison) -> list[str]:
    """On what and under what the numbers were measured."""
    card = comparison.models[0].card
    dataset = card.dataset_and_split
    hashes = ", ".join(model.card.hash for model in comparison.models)
    return [
        *([dataset] if dataset else []),
        f"occluder {card.windows.size} px every {card.windows.stride} px, {describe(card.occluder)}",
        f"protocols {hashes}",
    ]


def _draw_bars(axes: Axes, comparison: Comparison, quantity: str, *, clean: bool) -> None:
    columns = len(comparison.columns)
    order = [*reading_order(comparison.columns[:-1]), columns - 1]
    places = np.arange(columns, dtype=float)
    places[-1] += 0.4  # the mean stands apart from the joints
    width = 0.8 / len(comparison.models)
    tops = np.zeros(columns)
    colours = model_colours(len(comparison.models))
    for index, (model, colour) in enumerate(zip(comparison.models, colours, strict=True)):
        found = model.quantities[quantity]
        x = places + (index - (len(comparison.models) - 1) / 2) * width
        mean, low, high = (np.array(row)[order] for row in (found.mean, found.low, found.high))
        whiskers = np.nan_to_num(np.stack((mean - low, high - mean)).clip(min=0))
        axes.bar(x, mean, width * 0.94, color=colour, label=model.name, zorder=2)
        if whiskers.any():
            bars = axes.errorbar(
                x, mean, whiskers, fmt="none", ecolor=INK, elinewidth=0.7, capsize=1.2, zorder=3
            )
            for part in (*bars[1], *bars[2]):  # seen on dark bars too
                part.set_path_effects([withStroke(linewidth=1.5, foreground="white")])
        if clean:
            level = np.array(model.quantities["clean"].mean)[order]
            drawn = axes.hlines(level, x - width * 0.47, x + width * 0.47, color="white", lw=0.9, zorder=2.5)
            drawn.set_path_effects([withStroke(linewidth=2.1, foreground=INK)])  # seen off the bars too
            tops = np.maximum(tops, level)
        tops = np.fmax(tops, mean + whiskers[1])  # no mean where nobody has a value
    marks = _extremes_differ(comparison, quantity)
    for place, top, column in zip(places, tops, order, strict=True):
        if marks[column]:
            axes.text(place, top, "*", ha="center", va="bottom", size=8)
    names = [joint_title(comparison.columns[column]) for column in order]
    axes.set_xticks(places, names, rotation=40, ha="right", rotation_mode="anchor")
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.6, places[-1] + 0.6)
    axes.set_ylim(min(0, axes.get_ylim()[0]), 1.05 * max(tops.max(), 0) or None)
    axes.grid(axis="y", color="#e3e6e8", lw=0.5, zorder=0)
    axes.legend(
        frameon=False, ncols=len(comparison.models), loc="lower left", bbox_to_anchor=(0, 1.0), fontsize=7.5
    )
    _open_frame(axes)


def _extremes_differ(comparison: Comparison, quantity: str) -> list[bool]:
    """Per column, whether the models with the smallest and the largest mean differ significantly."""
    marked = []
    for position in range(len(comparison.columns)):
        means = {model.name: model.quantities[quantity].mean[position] for model in comparison.models}
        smallest, largest = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
        marked.append(differ(comparison, smallest, largest, quantity, position))
    return marked


def _band(
    axes: Axes,
    x: tuple[float, ...],
    interval: Interval,
    colour: str,
    label: str,
    marker: str | None = None,
) -> None:
    axes.plot(x, interval.mean, color=colour, lw=1.2, label=label, marker=marker, ms=3)
    if not any(math.isnan(value) for value in (*interval.low, *interval.high)):
        axes.fill_between(x, interval.low, interval.high, color=colour, alpha=0.18, lw=0)


def _reach(comparison: Comparison) -> float:
    """The threshold from which on nearly no window of any model fails."""
    last = comparison.thresholds_mm[-1]
    rare = [
        threshold
        for model in comparison.models
        for threshold, share in zip(comparison.thresholds_mm, model.failure_curve.mean, strict=True)
        if share > 0.5
    ]
    return min(last, 1.1 * max(rare, default=last))


def _open_frame(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
