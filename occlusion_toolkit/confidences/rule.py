"""How well a confidence orders errors.

An *entry* is a joint of an image under a window, with its error and how sure the network is of it. Entries
are put in order, the surest first. The *risk* at a coverage is the mean error of that share of the entries;
the *area* under the curve of the risk (AURC, Geifman and El-Yaniv 2017) is its mean over all coverages. The
area of a confidence that says nothing is the mean error, the *best* one that of the errors' own order.
*Gained* is how much of the way from the one to the other the confidence goes (100 %: best; below 0: worse
than nothing).

Entries that are equally sure share their places. Of more than `STEPS` different values neighbours count as
equal, so that any number of entries is a table of steps by sequence, which can be resampled.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float64, Int64
from numpy.typing import NDArray
from scipy import special, stats

from occlusion_toolkit.comparison.sequence_sums import ratio

STEPS = 100
"""At most so many different values are told apart."""

QUANTITIES = ("mean", "area", "best", "gained", "half")
"""What `curve_numbers` begins with; `half`: % over the threshold in the surest half, less that in all."""

TENTHS = 10


def steps(values: Float[np.ndarray, " entries"]) -> Int64[np.ndarray, " entries"]:
    """Number of the step of every value, from the least; equal values share a step."""
    unique, codes = np.unique(values, return_inverse=True)
    if len(unique) > STEPS:
        edges = np.unique(np.quantile(values, np.arange(1, STEPS) / STEPS, method="inverted_cdf"))
        codes = np.searchsorted(edges, values, side="left")
    return np.asarray(codes, dtype=np.int64)


def area(sums: Float64[np.ndarray, "rows steps"], counts: Float64[np.ndarray, "rows steps"]) -> np.ndarray:
    """Area under the curve of the risk, row by row: the mean of the risks of the surest 1, 2, ... entries.

    Args:
        sums: of errors in each step, the surest first, (R, K).
        counts: of entries in it, whole numbers, (R, K).
    """
    ends = counts.cumsum(axis=1)
    begins, before = ends - counts, sums.cumsum(axis=1) - sums
    mean = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    # In a step of ties the risk of the first k is (before + (k - begins) mean) / k, in the mean over orders.
    harmonic = special.digamma(ends + 1) - special.digamma(begins + 1)
    total = (sums + (before - begins * mean) * harmonic).sum(axis=1)
    return np.asarray(ratio(total, ends[:, -1]))


def among_surest(
    tables: Sequence[Float64[np.ndarray, "rows steps"]],
    counts: Float64[np.ndarray, "rows steps"],
    coverages: Float64[np.ndarray, " coverages"],
) -> list[Float64[np.ndarray, "rows coverages"]]:
    """Sums over the surest entries, (R, C) for each table; a step that is cut gives its share.

    Args:
        tables: sums in each step, the surest first, (R, K) each.
        counts: of entries in it, (R, K).
        coverages: shares of the entries, 0 to 1, (C,).
    """
    ends = counts.cumsum(axis=1)
    wanted = coverages * ends[:, -1:]
    cut = np.stack([(ends < column[:, None]).sum(axis=1) for column in wanted.T], axis=1)
    cut = np.minimum(cut, counts.shape[1] - 1)
    inside, begin = (np.take_along_axis(table, cut, axis=1) for table in (counts, ends - counts))
    part = np.divide(wanted - begin, inside, out=np.zeros_like(wanted), where=inside > 0)
    found = []
    for table in tables:
        before = table.cumsum(axis=1) - table
        found.append(np.take_along_axis(before, cut, axis=1) + part * np.take_along_axis(table, cut, axis=1))
    return found


def curve_numbers(
    errors: Float64[np.ndarray, "rows steps"],
    over: Float64[np.ndarray, "rows steps"],
    sure: Float64[np.ndarray, "rows steps"],
    counts: Float64[np.ndarray, "rows steps"],
    by_error: tuple[Float64[np.ndarray, "rows levels"], Float64[np.ndarray, "rows levels"]],
    coverages: Float64[np.ndarray, " coverages"],
) -> Float64[np.ndarray, "rows numbers"]:
    """Everything that is read off the order of confidence, row by row.

    Args:
        errors: sums in each step of confidence, the surest first, (R, K).
        over: entries over the threshold in it, (R, K).
        sure: sums of the confidence, (R, K).
        counts: of entries, (R, K).
        by_error: sums of the errors and counts in each step of the error, the smallest first.
        coverages: where curves are read, (C,).

    Returns:
        `QUANTITIES`; the risk and the share over the threshold in % at the coverages; and of every tenth of
        the entries, the surest first, the share over the threshold in % and the mean confidence.
    """
    total = counts.sum(axis=1, keepdims=True)
    risk, share = (
        ratio(found, coverages * total) for found in among_surest((errors, over), counts, coverages)
    )
    edges = np.arange(TENTHS + 1) / TENTHS
    tenth_over, tenth_sure = (
        ratio(np.diff(found, axis=1), total / TENTHS) for found in among_surest((over, sure), counts, edges)
    )
    (half,) = among_surest((over,), counts, np.array([0.5]))
    mean, own, best = (ratio(errors.sum(axis=1), total[:, 0]), area(errors, counts), area(*by_error))
    quantities = [
        mean,
        own,
        best,
        100 * ratio(mean - own, np.where(mean - best > 1e-9 * mean, mean - best, 0.0)),
        100 * (ratio(half, total / 2) - ratio(over.sum(axis=1, keepdims=True), total))[:, 0],
    ]
    return np.concatenate(
        (np.stack(quantities, axis=1), risk, 100 * share, 100 * tenth_over, tenth_sure), axis=1
    )


def rank_correlation(
    counts: Float64[np.ndarray, "rows cells"],
    first: Int64[np.ndarray, " cells"],
    second: Int64[np.ndarray, " cells"],
) -> Float64[np.ndarray, " rows"]:
    """Spearman's correlation of two steps, row by row; NaN where either does not vary.

    Args:
        counts: of entries in each pair of steps that occurs, (R, M).
        first: step of the one, in order, (M,).
        second: step of the other, (M,).
    """
    ranks, spread = [], []
    for codes in (first, second):
        order = np.argsort(codes, kind="stable")
        firsts = np.flatnonzero(np.diff(codes[order], prepend=-1))
        in_step = np.add.reduceat(counts[:, order], firsts, axis=1)
        middle = in_step.cumsum(axis=1) - (in_step + in_step.sum(axis=1, keepdims=True)) / 2
        ranks.append(middle[:, np.searchsorted(codes[order][firsts], codes)])
        spread.append((in_step * middle**2).sum(axis=1))
    together = (counts * ranks[0] * ranks[1]).sum(axis=1)
    return np.asarray(ratio(together, np.sqrt(spread[0] * spread[1])))


def surest_half(
    values: Float64[np.ndarray, "*some windows"], sure: Float[np.ndarray, "*some windows"]
) -> Float64[np.ndarray, "*some"]:
    """Mean over the half of the windows in which the network is surest; windows equally sure share places."""
    windows = values.shape[-1]
    least, most = (stats.rankdata(-sure, method=method, axis=-1) for method in ("min", "max"))
    weight = ((windows / 2 - (least - 1)) / (most - least + 1)).clip(0.0, 1.0)
    return np.asarray((weight * values).sum(axis=-1) / (windows / 2))


def by_step(
    values: NDArray[np.floating], codes: NDArray[np.int64], sequences: NDArray[np.int64], count: int
) -> Float64[np.ndarray, "sequences steps"]:
    """Sums of values by sequence and step, (S, K).

    Args:
        values: of every entry.
        codes: its step.
        sequences: the number of its sequence.
        count: of sequences.
    """
    width = int(codes.max()) + 1
    found = np.bincount(sequences * width + codes, weights=values, minlength=count * width)
    return np.asarray(found.reshape(count, width))
