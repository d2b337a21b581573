"""How losses and errors fell while networks learned."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from occlusion_toolkit.comparison.figures import model_colours
from occlusion_toolkit.plotting.style import (
    LINE,
    add_small_print,
    axes_in_inches,
    figure_style,
    new_figure,
    wrap_small_print,
)
from occlusion_toolkit.training.log import Series


@dataclass(frozen=True)
class Panel:
    """A number of the log, how it is drawn and what it is called there."""

    name: str
    label: str
    root_mm: bool = False
    smoothed: bool = True


PANELS = (
    Panel("validation/pa_mpjpe_mm", "PA-MPJPE, held out (mm)", smoothed=False),
    Panel("loss/joints_3d", "3D joints, RMS per axis (mm)", root_mm=True),
    Panel("loss/pose", "rotation matrices"),
    Panel("loss/parts", "part labels (nats)"),
)

_PANEL = (1.35, 1.7)
_GAP = 0.5
_TOP = 0.5
_SMOOTHED = 15
"""Logged batches that a loss is averaged over."""


def training_curves_figure(runs: Mapping[str, Mapping[str, Series]]) -> Figure:
    """Validation error and the main loss terms of some runs, a line for each run.

    Args:
        runs: logs (`training.log.read_log`) by the name to be shown.
    """
    width = len(PANELS) * (_PANEL[0] + _GAP) + 0.1
    smoothed = f"losses: unweighted, mean of {_SMOOTHED} logged batches"
    error = "error: mean over held-out people, 14 joints, after Procrustes alignment"
    with figure_style():
        notes = wrap_small_print(f"{error} · {smoothed}", width - 0.2)
        figure = new_figure(width, _TOP + _PANEL[1] + 0.45 + LINE * len(notes) + 0.1)
        colours = dict(zip(runs, model_colours(len(runs)), strict=True))
        for number, panel in enumerate(PANELS):
            axes = axes_in_inches(figure, 0.45 + number * (_PANEL[0] + _GAP), _TOP, *_PANEL)
            for run, log in runs.items():
                if panel.name in log:
                    _draw(axes, panel, log[panel.name], colours[run], run)
            axes.set_title(panel.label, size=7.5, pad=4)
            axes.set_xlabel("step")
            axes.set_xlim(left=0)
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(axis="y", color="#e3e6e8", lw=0.5, zorder=0)
        lines = {
            label: line
            for axes in reversed(figure.axes)
            for line, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        shown = [run for run in runs if run in lines]
        figure.legend(
            [lines[run] for run in shown],
            shown,
            frameon=False,
            fontsize=7,
            ncols=len(runs),
            loc="upper center",
        )
        add_small_print(figure, notes, 0.1, 0.1)
    return figure


def _draw(axes: Axes, panel: Panel, series: Series, colour: str, label: str) -> None:
    steps, values = series.steps.astype(np.float64), series.values
    if panel.smoothed:
        steps, values = steps[values > 0], values[values > 0]  # a term can be switched off
        if not len(values):
            return
        steps, values = (_running_mean(each, min(_SMOOTHED, len(each))) for each in (steps, values))
    if panel.root_mm:
        values = 1000 * np.sqrt(values)
    axes.plot(steps, values, color=colour, lw=1.1, label=label, marker=None if panel.smoothed else "o", ms=2)


def _running_mean(values: np.ndarray, count: int) -> np.ndarray:
    return np.convolve(values, np.full(count, 1 / count), mode="valid")
