"""Means with gaps, and any statistic of them, where sequences are the units; see `significance`.

What not every frame has (a part that the frame does not show, a joint that nothing hides) is summed by
sequence together with how many frames have it. Sequences are then drawn with replacement, and a statistic is
a function of the sums over those drawn.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray
from scipy import stats

from occlusion_toolkit.comparison.significance import (
    FEWEST_SEQUENCES,
    RESAMPLES,
    MeanInterval,
    PairedDifference,
    expanded_level,
    permutation_p,
)
from occlusion_toolkit.errors import UsageError

_BATCH_NUMBERS = 8_000_000  # sums of resamples that are held at once: 64 MB

Statistic = Callable[..., NDArray[np.float64]]
"""A function of tables of sums (R, K), one for each table that is given, to R rows of values (R, M)."""


@dataclass(frozen=True)
class SequenceSums:
    """Sums over the frames of each sequence, and how many frames they are of.

    Attributes:
        names: of the sequences, S of them.
        sums: of K columns, (S, K).
        counts: frames, or other weights, that the sums are of, (S, K).
    """

    names: tuple[str, ...]
    sums: Float64[np.ndarray, "sequences columns"]
    counts: Float64[np.ndarray, "sequences columns"]

    @classmethod
    def of(
        cls,
        values: NDArray[np.floating],
        sequences: Sequence[str],
        counts: NDArray[np.floating] | None = None,
    ) -> SequenceSums:
        """Sums of frames.

        Args:
            values: one row per frame, (N, K); NaN where a frame has none.
            sequences: name of each frame's sequence, (N,), in any order.
            counts: weights that the values are already multiplied with, (N, K); None for 1.

        Raises:
            UsageError: shapes disagree, or there are no frames.
        """
        table, names = np.asarray(values, dtype=np.float64), np.asarray(sequences)
        if table.ndim != 2 or names.shape != table.shape[:1] or not len(table):
            raise UsageError(f"values {table.shape} and sequences {names.shape} do not go together")
        known = np.isfinite(table)
        weights = known.astype(np.float64) if counts is None else np.where(known, counts, 0.0)
        order, numbers = np.unique(names, return_inverse=True)
        sums, totals = np.zeros((2, len(order), table.shape[1]))
        np.add.at(sums, numbers, np.where(known, table, 0.0))
        np.add.at(totals, numbers, weights)
        return cls(tuple(map(str, order)), sums, totals)

    @property
    def sequences(self) -> NDArray[np.int64]:
        """How many sequences have each column, (K,)."""
        return np.asarray((self.counts != 0).sum(axis=0), dtype=np.int64)

    def interval(self) -> MeanInterval:
        """Mean of every column with its 95 % interval; NaN where nothing is known, or too few sequences."""
        return resampled(ratio, self, self.sequences)

    def p_values(self) -> Float64[np.ndarray, " columns"]:
        """Two-sided p-values of every mean against 0, signs swapped by whole sequences, (K,).

        NaN where fewer than `FEWEST_SEQUENCES` have the column.
        """
        if len(self.names) < FEWEST_SEQUENCES:
            return np.full(self.sums.shape[1], np.nan)
        number = len(self.names)
        found = permutation_p(self.sums, RESAMPLES, 0) if 2**number <= RESAMPLES else _swapped_p(self.sums)
        return np.where(self.sequences >= FEWEST_SEQUENCES, found, np.nan)

    def minus(self, other: SequenceSums) -> SequenceSums:
        """Paired differences: of the same frames, so that the counts are those of both.

        Raises:
            UsageError: they are of other frames.
        """
        if self.names != other.names or not np.array_equal(self.counts, other.counts):
            raise UsageError("two results are not of the same images; make them from the same data set")
        return SequenceSums(self.names, self.sums - other.sums, self.counts)


def _swapped_p(sums: Float64[np.ndarray, "sequences columns"]) -> Float64[np.ndarray, " columns"]:
    """As `scipy.stats.permutation_test` with random signs, as one product: many columns take minutes there.

    Args:
        sums: by sequence, (S, K).
    """
    signs = np.random.default_rng(0).choice((-1.0, 1.0), size=(RESAMPLES, len(sums)))
    totals, seen = signs @ sums, sums.sum(axis=0)
    slack = 1e-14 * np.abs(seen)
    tails = [(totals <= seen + slack).sum(axis=0), (totals >= seen - slack).sum(axis=0)]
    return np.asarray(np.minimum(1.0, 2 * (np.minimum(*tails) + 1) / (RESAMPLES + 1)))


def paired_with_gaps(
    first: NDArray[np.floating], second: NDArray[np.floating], sequences: Sequence[str]
) -> PairedDifference:
    """How two models differ on the frames on which both have a value; see `paired_difference`.

    Args:
        first: values of one model, one row per frame, (N, K); NaN where a frame has none.
        second: values of the other on the same frames.
        sequences: name of each frame's sequence, (N,).
    """
    differences = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    sums = SequenceSums.of(differences, sequences)
    means = np.ma.masked_invalid(ratio(sums.sums, sums.counts))
    known = sums.sequences
    spread = np.ma.filled(means.std(axis=0, ddof=1), 0.0) if len(means) > 1 else np.zeros(len(known))
    average = np.ma.filled(means.mean(axis=0), np.nan)
    frames = np.ma.masked_invalid(differences)
    return PairedDifference(
        difference=sums.interval(),
        p_permutation=sums.p_values(),
        p_t_sequences=_t_test(means),
        p_t_frames=_t_test(frames),
        effect=np.where(
            known < 2, np.nan, np.divide(average, spread, out=np.zeros(len(known)), where=spread > 0)
        ),
        share_smaller=np.ma.filled((means < 0).mean(axis=0), np.nan),
    )


def _t_test(values: Any) -> NDArray[np.float64]:
    """P-values of the column means of a masked array against 0.

    1 where nothing differs, NaN for fewer than two values.
    """
    enough = values.count(axis=0) >= 2
    found = np.full(values.shape[1], np.nan)
    if enough.any():
        p_values = stats.mstats.ttest_1samp(values[:, enough], 0.0, axis=0).pvalue
        found[enough] = np.nan_to_num(np.ma.filled(p_values, 1.0), nan=1.0)
    return found


def ratio(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means: sums over counts, NaN where the count is 0."""
    return np.asarray(np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts != 0))


def resampled(
    statistic: Statistic,
    tables: SequenceSums,
    sequences: NDArray[np.int64],
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> MeanInterval:
    """Any statistic of sums and counts with its expanded percentile interval (Hesterberg 2015).

    Args:
        statistic: of sums and counts (R, K) to values (R, M), row by row; NaN where it is not defined.
        tables: the sums.
        sequences: how many sequences each of the M values rests on, (M,): those that rest on fewer than
            `FEWEST_SEQUENCES` have no interval.
        level: of the interval.
        resamples: how many.
        seed: of the resampling.
    """
    number = len(tables.names)
    mean = statistic(tables.sums.sum(axis=0)[None], tables.counts.sum(axis=0)[None])[0]
    low, high = np.full((2, *mean.shape), np.nan)
    told = np.broadcast_to(sequences, mean.shape) >= FEWEST_SEQUENCES
    if number >= FEWEST_SEQUENCES and told.any():
        drawn = np.random.default_rng(seed).multinomial(number, np.full(number, 1 / number), size=resamples)
        parts = np.array_split(drawn, 1 + drawn.shape[0] * tables.sums.shape[1] // _BATCH_NUMBERS)
        values = np.concatenate([statistic(part @ tables.sums, part @ tables.counts) for part in parts])
        tail = 50 * (1 - expanded_level(level, number))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a column without any value
            ends = np.nanpercentile(values, (tail, 100 - tail), axis=0)
        low, high = np.where(told & np.isfinite(mean), ends, np.nan)
    return MeanInterval(mean, low, high, number, 0)
