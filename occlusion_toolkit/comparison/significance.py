"""Means and differences with their uncertainty, where the frames of one sequence are not independent.

Consecutive frames of a video show the same person in nearly the same pose, so a test that counts frames finds
significance everywhere. Here sequences are the units: they are resampled whole, and their labels are swapped
whole. `scipy.stats` does the statistics.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from occlusion_toolkit.errors import UsageError

IntArray = NDArray[np.integer]

SIGNIFICANCE = 0.05
"""A difference whose (adjusted) p-value is smaller counts as significant in tables and figures."""

FEWEST_SEQUENCES = 6
"""With fewer there are no intervals: resampling five or fewer misses the truth too often, two in every second
experiment, and swapping them never gives p < 0.05 (docs/comparing.md)."""

RESAMPLES = 9999
"""Resamples of a bootstrap and of a permutation test: p-values come in steps of 0.0001."""

_BATCH_NUMBERS = 20_000_000  # numbers that a batch of resamples holds at once: 160 MB


@dataclass(frozen=True)
class MeanInterval:
    """Means over frames, and the intervals that resampling sequences gives.

    Attributes:
        mean: over all frames, (K,).
        low: lower end of the interval, (K,); NaN with fewer than `FEWEST_SEQUENCES`.
        high: upper end, (K,); NaN likewise.
        sequences: number of sequences.
        frames: number of frames.
    """

    mean: Float64[np.ndarray, " columns"]
    low: Float64[np.ndarray, " columns"]
    high: Float64[np.ndarray, " columns"]
    sequences: int
    frames: int


@dataclass(frozen=True)
class PairedDifference:
    """How two models differ on the same frames; negative where the first has the smaller values.

    Attributes:
        difference: mean of first minus second over frames, with its interval.
        p_permutation: two-sided, labels swapped by whole sequences, (K,); NaN for one sequence.
        p_t_sequences: two-sided paired t-test over the means of sequences, (K,); NaN for one sequence.
        p_t_frames: two-sided paired t-test over frames, as the paper makes it, (K,); too small, because
            frames are not independent.
        effect: mean of the sequences' differences in units of their standard deviation, (K,) (Cohen's d_z);
            NaN for one sequence. Like the t-test over sequences it weighs all sequences alike, while
            `difference` weighs all frames alike.
        share_smaller: share of sequences in which the first model has the smaller mean, (K,).
    """

    difference: MeanInterval
    p_permutation: Float64[np.ndarray, " columns"]
    p_t_sequences: Float64[np.ndarray, " columns"]
    p_t_frames: Float64[np.ndarray, " columns"]
    effect: Float64[np.ndarray, " columns"]
    share_smaller: Float64[np.ndarray, " columns"]


def mean_interval(
    values: ArrayLike,
    sequences: Sequence[str] | IntArray,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> MeanInterval:
    """Means over frames with bootstrap intervals that resample whole sequences.

    The interval is the expanded percentile interval of Hesterberg (2015), which widens the percentiles as the
    t distribution widens the normal one; the plain percentiles of 24 sequences are too narrow.

    Args:
        values: one row per frame, (N, K).
        sequences: name of each frame's sequence, (N,).
        level: share of repetitions whose interval holds the true mean.
        resamples: bootstrap resamples.
        seed: of the resampling.

    Raises:
        UsageError: shapes disagree, there are no frames, or values are not finite.
    """
    table, numbers = _checked(values, sequences)
    sums, counts = _by_sequence(table, numbers)
    mean = table.mean(axis=0)
    number = len(sums)
    if number < FEWEST_SEQUENCES:
        unknown = np.full_like(mean, np.nan)
        return MeanInterval(mean, unknown, unknown, number, len(table))
    found = stats.bootstrap(
        (sums, np.broadcast_to(counts[:, None], sums.shape)),
        _ratio_of_sums,
        paired=True,
        vectorized=True,
        axis=0,
        confidence_level=expanded_level(level, number),
        method="percentile",
        n_resamples=resamples,
        batch=_batch(sums),
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return MeanInterval(mean, np.asarray(found.low), np.asarray(found.high), number, len(table))


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    sequences: Sequence[str] | IntArray,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> PairedDifference:
    """Compares two models on the same frames.

    Args:
        first: values of one model, one row per frame, (N, K).
        second: values of the other on the same frames, (N, K).
        sequences: name of each frame's sequence, (N,).
        level: of the interval.
        resamples: of the bootstrap and of the permutation test.
        seed: of both.

    Raises:
        UsageError: shapes disagree, there are no frames, or values are not finite.
    """
    one, numbers = _checked(first, sequences)
    other, _ = _checked(second, sequences)
    if one.shape != other.shape:
        raise UsageError(f"paired values have shapes {one.shape} and {other.shape}; give the same frames")
    difference = mean_interval(one - other, numbers, level=level, resamples=resamples, seed=seed)
    sums, counts = _by_sequence(one - other, numbers)
    means = sums / counts[:, None]
    columns = one.shape[1]
    if len(sums) < 2:
        unknown = np.full(columns, np.nan)
        p_permutation = p_t_sequences = effect = unknown
    else:
        p_permutation = permutation_p(sums, resamples, seed)
        p_t_sequences = _or_one(stats.ttest_1samp(means, 0.0, axis=0).pvalue)
        spread = means.std(axis=0, ddof=1)
        effect = np.divide(means.mean(axis=0), spread, out=np.zeros(columns), where=spread > 0)
    return PairedDifference(
        difference=difference,
        p_permutation=p_permutation,
        p_t_sequences=p_t_sequences,
        p_t_frames=_t_over_frames(one, other),
        effect=effect,
        share_smaller=(means < 0).mean(axis=0),
    )


def adjusted_for_many(p_values: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """P-values adjusted for their number, so that 5 % of those below 0.05 are false on average.

    Args:
        p_values: of any shape, adjusted all together; NaN stands for "not tested" and stays NaN.

    Returns:
        False discovery rates (Benjamini and Hochberg 1995), of the same shape.
    """
    adjusted = np.full_like(p_values, np.nan)
    tested = np.isfinite(p_values)
    if tested.any():
        adjusted[tested] = stats.false_discovery_control(p_values[tested])
    return adjusted


def _checked(
    values: ArrayLike, sequences: Sequence[str] | IntArray
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The values, and the number of each row's sequence in the order of their names."""
    table, names = np.asarray(values, dtype=np.float64), np.asarray(sequences)
    if table.ndim != 2 or names.shape != table.shape[:1] or not len(table):
        raise UsageError(
            f"values {table.shape} and sequences {names.shape} do not go together; give (N, K) and (N,)"
        )
    if not np.isfinite(table).all():
        raise UsageError("values to compare are not all finite; leave out what was not measured")
    return table, np.unique(names, return_inverse=True)[1].astype(np.int64)


def _by_sequence(
    table: NDArray[np.float64], numbers: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums (S, K) and numbers of frames (S,) of each sequence."""
    counts = np.bincount(numbers)
    sums = np.zeros((len(counts), table.shape[1]))
    np.add.at(sums, numbers, table)
    return sums, counts.astype(np.float64)


def _ratio_of_sums(
    sums: NDArray[np.float64], counts: NDArray[np.float64], axis: int = -1
) -> NDArray[np.float64]:
    return np.asarray(sums.sum(axis=axis) / counts.sum(axis=axis))


def expanded_level(level: float, number: int) -> float:
    """The percentile level whose interval is as wide as that of a t distribution would be."""
    quantile = math.sqrt(number / (number - 1)) * stats.t.isf((1 - level) / 2, number - 1)
    return float(1 - 2 * stats.norm.sf(quantile))


def _batch(sums: NDArray[np.float64]) -> int:
    return max(1, _BATCH_NUMBERS // sums.size)


def permutation_p(sums: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    """Two-sided p-values of the mean difference when models are swapped in whole sequences, (K,)."""

    def total(first: NDArray[np.float64], second: NDArray[np.float64], axis: int = 0) -> NDArray[np.float64]:
        return np.asarray((first - second).sum(axis=axis))

    found = stats.permutation_test(
        (sums, np.zeros_like(sums)),  # swapping a difference with nothing changes its sign
        total,
        permutation_type="samples",
        vectorized=True,
        axis=0,
        n_resamples=resamples,
        batch=_batch(sums),
        rng=np.random.default_rng(seed),
    )
    return np.asarray(found.pvalue, dtype=np.float64)


def _t_over_frames(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(one) < 2:
        return np.full(one.shape[1], np.nan)
    return _or_one(stats.ttest_rel(one, other, axis=0).pvalue)


def _or_one(p_values: ArrayLike) -> NDArray[np.float64]:
    """P-values, with 1 where nothing differs at all and a t-test divides nothing by nothing."""
    return np.nan_to_num(np.asarray(p_values, dtype=np.float64), nan=1.0)
