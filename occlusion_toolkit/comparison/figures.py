"""Figures of a comparison: bars per joint (the paper's Figure 6) and curves over thresholds and sizes."""

import math

import numpy as np
from cmcrameri import cm
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from occlusion_toolkit.comparison.significance import FEWEST_SEQUENCES, SIGNIFICANCE
from occlusion_toolkit.comparison.stored import StoredComparison, StoredInterval
from occlusion_toolkit.comparison.tables import counted
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

_WIDTH = 7.1
_MARGIN = 0.5
_BAR_HEIGHT = 2.3
_CURVE = (2.9, 2.1)
_COLOURS = (0.08, 0.5, 0.8, 0.28, 0.65, 0.95)
"""Positions in a map whose lightness rises, so that bars differ in grey print too."""


def model_colours(count: int) -> list[str]:
    """One colour per model, told apart by lightness as well as by hue."""
    order = sorted(_COLOURS[:count]) if count <= len(_COLOURS) else np.linspace(0.05, 0.95, count)
    return [to_hex(cm.batlow(position)) for position in order]


def bars_figure(comparison: StoredComparison, quantity: str = "occluded") -> Figure:
    """Bars per joint and model with 95 % intervals, and for errors a white line at the clean error.

    Args:
        comparison: the numbers.
        quantity: name of the quantity whose bars are drawn.
    """
    described = next(q for q in comparison.quantities if q.name == quantity)
    clean = "clean" in comparison.models[0].quantities and described.unit == "mm" and quantity != "increase"
    notes = [
        f"{described.title}: {described.definition}",
        f"bars: mean over {counted(comparison)}",
        *(["white line: clean error"] if clean and quantity != "clean" else []),
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
        _draw_bars(axes, comparison, quantity, clean=clean and quantity != "clean")
        aligned = ", Procrustes-aligned" if comparison.aligned else ""
        axes.set_ylabel(f"{described.title} {comparison.read_out}{aligned} ({described.unit})")
        add_small_print(figure, lines, 0.1, 0.1)
    return figure


def curves_figure(comparison: StoredComparison) -> Figure:
    """Failures over the threshold and, where there are sizes, the occluded error over the occluder's size."""
    panels = 2 if comparison.sizes_px else 1
    notes = [
        "error of a window: mean over joints",
        f"lines: mean over {counted(comparison)}",
        *_uncertainty(comparison, "bands"),
        *_protocol(comparison),
    ]
    with figure_style():
        width = _MARGIN + panels * (_CURVE[0] + 0.6)
        lines = wrap_small_print(" · ".join(notes), width - 2 * 0.1)
        figure = new_figure(width, 0.15 + _CURVE[1] + 0.5 + LINE * len(lines) + 0.1)
        axes = axes_in_inches(figure, _MARGIN, 0.15, *_CURVE)
        for model, colour in zip(comparison.models, model_colours(len(comparison.models)), strict=True):
            _band(axes, comparison.thresholds_mm, model.failure_curve, colour, model.name)
        axes.axvline(comparison.failure_mm, color=FAINT_INK, lw=0.6, ls=":")
        axes.set(xlabel="threshold (mm)", ylabel=f"windows with a larger {comparison.read_out} (%)")
        axes.set_xlim(0, _reach(comparison))
        axes.set_ylim(0, 100)
        axes.legend(frameon=False, fontsize=6.5)
        _open_frame(axes)
        if comparison.sizes_px:
            axes = axes_in_inches(figure, 2 * _MARGIN + _CURVE[0] + 0.2, 0.15, *_CURVE)
            for model, colour in zip(comparison.models, model_colours(len(comparison.models)), strict=True):
                if model.size_curve is not None:
                    sizes = tuple(float(size) for size in comparison.sizes_px)
                    _band(axes, sizes, model.size_curve, colour, model.name, marker="o")
            axes.set(xlabel="side of the occluder (px)", ylabel=f"mean {comparison.read_out} (mm)")
            axes.set_xticks(comparison.sizes_px)
            _open_frame(axes)
        add_small_print(figure, lines, 0.1, 0.1)
    return figure


def _uncertainty(comparison: StoredComparison, drawn: str, *marks: str) -> list[str]:
    """What shows the uncertainty, or why nothing does."""
    if comparison.sequences < FEWEST_SEQUENCES:
        return [f"no intervals and no tests: they need {FEWEST_SEQUENCES} sequences"]
    return [f"{drawn}: 95 % interval of each model, from resampling sequences", *marks]


def _protocol(comparison: StoredComparison) -> list[str]:
    """On what and under what the numbers were measured."""
    card = comparison.models[0].card
    dataset = " ".join(part for part in (card.dataset, card.split) if part)
    hashes = ", ".join(model.card.hash for model in comparison.models)
    pasted = (card.occluder or "").split(" (")[0]
    return [
        *([dataset] if dataset else []),
        f"occluder {card.windows.size} px every {card.windows.stride} px, {pasted}",
        f"protocols {hashes}",
    ]


def _draw_bars(axes: Axes, comparison: StoredComparison, quantity: str, *, clean: bool) -> None:
    columns = len(comparison.columns)
    places = np.arange(columns, dtype=float)
    places[-1] += 0.4  # the mean stands apart from the joints
    width = 0.8 / len(comparison.models)
    tops = np.zeros(columns)
    colours = model_colours(len(comparison.models))
    for index, (model, colour) in enumerate(zip(comparison.models, colours, strict=True)):
        found = model.quantities[quantity]
        x = places + (index - (len(comparison.models) - 1) / 2) * width
        mean, low, high = (np.array(row) for row in (found.mean, found.low, found.high))
        whiskers = np.nan_to_num(np.stack((mean - low, high - mean)).clip(min=0))
        axes.bar(x, mean, width * 0.94, color=colour, label=model.name, zorder=2)
        if whiskers.any():
            bars = axes.errorbar(
                x, mean, whiskers, fmt="none", ecolor=INK, elinewidth=0.7, capsize=1.2, zorder=3
            )
            for part in (*bars[1], *bars[2]):  # seen on dark bars too
                part.set_path_effects([withStroke(linewidth=1.5, foreground="white")])
        if clean:
            level = model.quantities["clean"].mean
            axes.hlines(level, x - width * 0.47, x + width * 0.47, color="white", lw=0.9, zorder=2.5)
        tops = np.maximum(tops, mean + whiskers[1])
    for place, top, marked in zip(places, tops, _extremes_differ(comparison, quantity), strict=True):
        if marked:
            axes.text(place, top, "*", ha="center", va="bottom", size=8)
    names = [name.replace("_", " ") for name in comparison.columns]
    axes.set_xticks(places, names, rotation=40, ha="right", rotation_mode="anchor")
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.6, places[-1] + 0.6)
    axes.set_ylim(min(0, axes.get_ylim()[0]), 1.05 * max(tops.max(), 0) or None)
    axes.grid(axis="y", color="#e3e6e8", lw=0.5, zorder=0)
    axes.legend(
        frameon=False, ncols=len(comparison.models), loc="lower left", bbox_to_anchor=(0, 1.0), fontsize=7.5
    )
    _open_frame(axes)


def _extremes_differ(comparison: StoredComparison, quantity: str) -> list[bool]:
    """Per column, whether the models with the smallest and the largest mean differ significantly."""
    marked = []
    for position in range(len(comparison.columns)):
        means = {model.name: model.quantities[quantity].mean[position] for model in comparison.models}
        extremes = {min(means, key=means.__getitem__), max(means, key=means.__getitem__)}
        q = [
            pair.differences[quantity].q[position]
            for pair in comparison.pairs
            if {pair.first, pair.second} == extremes
        ]
        marked.append(bool(q) and q[0] < SIGNIFICANCE)
    return marked


def _band(
    axes: Axes,
    x: tuple[float, ...],
    interval: StoredInterval,
    colour: str,
    label: str,
    marker: str | None = None,
) -> None:
    axes.plot(x, interval.mean, color=colour, lw=1.2, label=label, marker=marker, ms=3)
    if not any(math.isnan(value) for value in (*interval.low, *interval.high)):
        axes.fill_between(x, interval.low, interval.high, color=colour, alpha=0.18, lw=0)


def _reach(comparison: StoredComparison) -> float:
    """The threshold from which on nearly no window of any model fails."""
    rare = [
        max(
            (
                t
                for t, share in zip(comparison.thresholds_mm, model.failure_curve.mean, strict=True)
                if share > 0.5
            ),
            default=comparison.thresholds_mm[-1],
        )
        for model in comparison.models
    ]
    return min(comparison.thresholds_mm[-1], 1.1 * max(rare))


def _open_frame(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
