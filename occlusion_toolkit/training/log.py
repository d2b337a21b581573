"""The numbers that a training run left in its log."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from occlusion_toolkit.errors import TrainingError

METRICS = "logs/csv/metrics.csv"
"""The log of a run's first sitting; those that `--resume` began are in `logs/csv-002` and so on."""


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
    """The logs of a run's sittings, the first one first."""
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
