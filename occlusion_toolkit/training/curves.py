"""The log of a training run, and how losses and errors fell while networks learned."""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from occlusion_toolkit.comparison.figures import model_colours
from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.plotting.style import (
    LINE,
    add_small_print,
    axes_in_inches,
    figure_style,
    new_figure,
    wrap_small_print,
)

METRICS = "logs/csv/metrics.csv"
"""The log of a run up to its first stop; what `--resume` adds is in `logs/csv-002` and so on."""


@dataclass(frozen=True)
class Series:
    """One number over a run.

    Attributes:
        steps: optimiser steps at which it was logged, ascending, (N,).
        values: the number, (N,).
    """

    steps: Int64[np.ndarray, " points"]
    values: Float64[np.ndarray, " points"]


def log_files(run: Path) -> list[Path]:
    """The logs of a run, one for each time it was started or resumed, in order."""
    return sorted(run.glob("logs/csv*/metrics.csv"))


def read_log(run: Path) -> dict[str, Series]:
    """Every number of a run's log by name, such as `loss/total` or `validation/pa_mpjpe_mm`.

    A step that was done again after an interruption counts once, as it was done last.

    Args:
        run: folder of `occlusion-toolkit train --out`.

    Raises:
        TrainingError: there is no log, or it is not one of these.
    """
    paths = log_files(run)
    if not paths:
        raise TrainingError(
            f"{run} has no log of a training ({METRICS}). Name a folder that `occlusion-toolkit train --out` "
            "wrote."
        )
    points: dict[str, dict[int, float]] = defaultdict(dict)
    for path in paths:
        for step, name, value in _numbers(path):
            points[name][step] = value
    return {
        name: Series(np.array(sorted(found), np.int64), np.array([found[step] for step in sorted(found)]))
        for name, found in points.items()
    }


def _numbers(path: Path) -> Iterator[tuple[int, str, float]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                step = int(row.pop("step"))
                yield from ((step, name, float(value)) for name, value in row.items() if value)
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise TrainingError(f"{path} is not the log of a training: {error}") from error


@dataclass(frozen=True)
class Panel:
    """A number of the log, how it is drawn and what it is called there."""

    name: str
    label: str
    root_mm: bool = False
    smoothed: bool = True


PANELS = (
    Panel("validation/pa_mpjpe_mm", "PA-MPJPE, held out [mm]", smoothed=False),
    Panel("loss/joints_3d", "3D joints, RMS per axis [mm]", root_mm=True),
    Panel("loss/pose", "rotation matrices"),
    Panel("loss/parts", "part labels [nats]"),
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
            if not axes.lines:
                axes.text(0.5, 0.5, "not in this log", ha="center", size=7, transform=axes.transAxes)
                axes.set_yticks([])
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
    marker = None if len(values) > _SMOOTHED and panel.smoothed else "o"  # a line of one point is not seen
    axes.plot(steps, values, color=colour, lw=1.1, label=label, marker=marker, ms=2)


def _running_mean(values: np.ndarray, count: int) -> np.ndarray:
    return np.convolve(values, np.full(count, 1 / count), mode="valid")
