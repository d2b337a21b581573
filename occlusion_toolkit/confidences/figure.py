"""Confidence against errors drawn: risk over coverage, failures by tenths, what is gained by joint."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from occlusion_toolkit.comparison.figures import model_colours
from occlusion_toolkit.confidences.confidence import EVERY, PERSON, Confidence
from occlusion_toolkit.plotting.arrangement import reading_order
from occlusion_toolkit.plotting.metric_text import axis_label, joint_title, metric_text
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

_WIDTH, _LEFT, _GAP, _TOP, _BETWEEN = 7.1, 0.55, 0.65, 0.3, 0.85
_PANEL, _BARS_HEIGHT, _BELOW = (2.85, 2.0), 1.45, 0.7


def confidence_figure(models: Mapping[str, Confidence]) -> Figure:
    """Above: the risk of the surest joints, and the failures by tenths of confidence. Below: joint by joint.

    Args:
        models: by name; of the same joints and the same metric.
    """
    first = next(iter(models.values()))
    colours = dict(zip(models, model_colours(len(models)), strict=True))
    lines = wrap_small_print(_caption(models), _WIDTH - 0.2)
    height = _TOP + _PANEL[1] + _BETWEEN + _BARS_HEIGHT + _BELOW + LINE * len(lines) + 0.1
    with figure_style():
        figure = new_figure(_WIDTH, height)
        curves = axes_in_inches(figure, _LEFT, _TOP, *_PANEL)
        tenths = axes_in_inches(figure, _LEFT + _PANEL[0] + _GAP, _TOP, *_PANEL)
        for name, found in models.items():
            _draw_curve(curves, found, name, colours[name])
            _draw_tenths(tenths, found, colours[name])
        curves.set(xlabel="coverage: share of joints kept, the surest first [%]")
        curves.set_ylabel(f"mean {axis_label(first.metric)}")
        curves.set_xlim(0, 100)
        curves.set_ylim(0, None)
        curves.legend(frameon=False, fontsize=6.5, loc="lower right")
        tenths.set(xlabel="tenth of the joints, the surest first")
        tenths.set_ylabel(f"{metric_text(first.metric)} over {first.over_mm:g} mm [%]")
        tenths.set_ylim(0, 100)
        tenths.set_xticks(range(1, 11))
        bars = axes_in_inches(figure, _LEFT, _TOP + _PANEL[1] + _BETWEEN, _WIDTH - _LEFT - 0.1, _BARS_HEIGHT)
        _draw_bars(bars, models, colours)
        for axes, letter in ((curves, "a"), (tenths, "b"), (bars, "c")):
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)
            axes.tick_params(length=2, width=0.5)
            axes.set_title(letter, loc="left", size=8, weight="bold", pad=4)
        add_small_print(figure, lines, 0.1, 0.1)
    return figure


def _draw_curve(axes: Axes, found: Confidence, name: str, colour: str) -> None:
    data = found.dataset.sel(under="squares", joint=EVERY)
    coverage = 100 * data["coverage"].values
    axes.fill_between(
        coverage, data["risk_low"].values, data["risk_high"].values, color=colour, alpha=0.15, lw=0
    )
    gained = found.number("gained")["mean"]
    told = "" if gained is None else f": {gained:.0f} % gained".replace("-", "−")
    axes.plot(coverage, data["risk"].values, color=colour, lw=1.3, label=f"{name}{told}")
    mean = float(data["value"].sel(quantity="mean"))
    axes.plot([0, 100], [mean, mean], color=colour, lw=0.7, ls=":")


def _draw_tenths(axes: Axes, found: Confidence, colour: str) -> None:
    data = found.dataset.sel(under="squares", joint=EVERY)
    mean = data["tenth_over"].values
    ends = np.stack([mean - data["tenth_over_low"].values, data["tenth_over_high"].values - mean])
    axes.errorbar(
        data["tenth"].values,
        mean,
        yerr=np.nan_to_num(ends).clip(0),
        color=colour,
        marker="o",
        ms=3,
        lw=1.1,
        elinewidth=0.6,
    )
    base = float(data["over"].sel(coverage=1.0))
    axes.plot([0.5, 10.5], [base, base], color=colour, lw=0.7, ls=":")


def _draw_bars(axes: Axes, models: Mapping[str, Confidence], colours: Mapping[str, str]) -> None:
    first = next(iter(models.values()))
    joints = [first.joints[place] for place in reading_order(first.joints[:-2])] + [EVERY, PERSON]
    places = np.arange(len(joints)) + 0.5 * (np.arange(len(joints)) >= len(joints) - 2)
    width = 0.8 / len(models)
    for number, (name, found) in enumerate(models.items()):
        data = found.dataset.sel(under="squares", quantity="gained", joint=joints)
        mean = data["value"].values
        ends = np.stack([mean - data["value_low"].values, data["value_high"].values - mean])
        axes.bar(
            places + (number - (len(models) - 1) / 2) * width,
            np.nan_to_num(mean),
            width,
            color=colours[name],
            yerr=np.nan_to_num(ends).clip(0),
            error_kw={"elinewidth": 0.5, "ecolor": FAINT_INK},
        )
    axes.axhline(0, color=FAINT_INK, lw=0.5)
    axes.set_xticks(places, [joint_title(joint) for joint in joints], rotation=40, ha="right", size=6.5)
    axes.set_xlim(places[0] - 0.6, places[-1] + 0.6)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.set_ylabel("gained [%]")


def _caption(models: Mapping[str, Confidence]) -> str:
    first = next(iter(models.values()))
    card = first.card
    dataset = card.dataset_and_split
    return " · ".join(
        [
            "a, b: every joint under every square",
            "dotted: a confidence that says nothing",
            "c, gained: how much of the way from there to the errors' own order (0: says nothing, 100: best)",
            "person: means over the joints",
            "bands and whiskers: 95 % intervals over sequences",
            f"{dataset}: {first.dataset.attrs['num_images']} images of {first.sequences} sequences",
            f"occluder {card.windows.size} px every {card.windows.stride} px, {describe(card.occluder)}",
            *dict.fromkeys(f"protocol {found.card.hash}" for found in models.values()),
        ]
    )
