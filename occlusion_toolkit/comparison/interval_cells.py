"""Means with their intervals as plain numbers and as text: what tables and JSON of analyses hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from occlusion_toolkit.comparison.sequence_sums import SequenceSums, paired_with_gaps
from occlusion_toolkit.comparison.significance import MeanInterval

Cell = dict[str, float | None]
"""`mean`, `low` and `high`, and `p` of a difference; None where nothing is known."""


def plain(value: float) -> float | None:
    """A number for JSON; None where there is none."""
    return float(value) if np.isfinite(value) else None


def cells(interval: MeanInterval) -> list[Cell]:
    """A cell for each column."""
    columns = zip(interval.mean, interval.low, interval.high, strict=True)
    return [{"mean": plain(mean), "low": plain(low), "high": plain(high)} for mean, low, high in columns]


def mean_cells(values: Float64[np.ndarray, "images columns"], sequences: Sequence[str]) -> list[Cell]:
    """Means over images with intervals over sequences; NaN where an image has no value."""
    return cells(SequenceSums.of(values, sequences).interval())


def difference_cells(
    first: NDArray[np.floating], second: NDArray[np.floating], sequences: Sequence[str]
) -> list[Cell]:
    """First minus second on the same images, (N, K) each, with the p-values of the permutation test."""
    compared = paired_with_gaps(first, second, sequences)
    found = zip(cells(compared.difference), compared.p_permutation, strict=True)
    return [cell | {"p": plain(p)} for cell, p in found]


def text(cell: Cell, digits: int = 1) -> str:
    """A mean with its interval, and p where it is a difference."""
    if cell["mean"] is None:
        return ""
    interval = "" if cell["low"] is None else f" [{cell['low']:.{digits}f}, {cell['high']:.{digits}f}]"
    p = cell.get("p")
    return f"{cell['mean']:.{digits}f}{interval}" + ("" if p is None else f", p {p:.3f}")
