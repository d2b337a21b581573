"""The numbers of a confidence against naive computations and known answers."""

import itertools

import numpy as np
import pytest
from scipy import stats

from occlusion_toolkit.confidences.rule import (
    STEPS,
    among_surest,
    area,
    by_step,
    rank_correlation,
    steps,
    surest_half,
)


def table(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Sums by step, as of one sequence."""
    return by_step(values, codes, np.zeros(len(codes), np.int64), 1)


def surest_first(sure: np.ndarray) -> np.ndarray:
    codes = steps(sure)
    return codes.max() - codes


def test_the_area_is_the_mean_of_the_risks_of_the_surest():
    random = np.random.default_rng(0)
    sure, errors = random.random(50), random.gamma(2, 50, 50)
    codes = surest_first(sure)
    ordered = errors[np.argsort(-sure)]
    expected = np.mean([ordered[:count].mean() for count in range(1, 51)])
    np.testing.assert_allclose(area(table(errors, codes), table(np.ones(50), codes)), expected)


def test_ties_share_their_places():
    sure, errors = np.array([0.9, 0.5, 0.5, 0.5, 0.1]), np.array([10.0, 20.0, 60.0, 100.0, 30.0])
    orders = [(0, *middle, 4) for middle in itertools.permutations((1, 2, 3))]
    expected = np.mean([[errors[list(o[:k])].mean() for k in range(1, 6)] for o in orders])
    codes = surest_first(sure)
    counts = table(np.ones(5), codes)
    np.testing.assert_allclose(area(table(errors, codes), counts), expected)
    (found,) = among_surest([table(errors, codes)], counts, np.array([0.2, 0.4, 0.8, 1.0]))
    np.testing.assert_allclose(found, [[10, 10 + 60, 10 + 180, 220]])


def test_many_values_are_put_into_steps_in_order():
    values = np.random.default_rng(0).normal(size=5000).round(3)
    codes = steps(values)
    order = np.argsort(values)
    assert (np.diff(codes[order]) >= 0).all()
    assert codes.max() < STEPS
    assert np.bincount(codes).min() > 0
    for value in np.unique(values)[::50]:
        assert len(set(codes[values == value])) == 1


@pytest.mark.parametrize("levels", [3, 8])
def test_the_rank_correlation_is_scipys_also_of_resampled_sequences(levels):
    random = np.random.default_rng(levels)
    one = random.integers(0, levels, 60)
    other = one + random.integers(0, 3, 60)
    sequences = np.repeat(np.arange(6), 10)
    width = other.max() + 1
    pairs, cells = np.unique(one * width + other, return_inverse=True)
    counts = by_step(np.ones(60), cells, sequences, 6)
    drawn = random.multinomial(6, np.full(6, 1 / 6), size=5)
    found = rank_correlation(drawn @ counts, pairs // width, pairs % width)
    for times, value in zip(drawn, found, strict=True):
        repeated = np.repeat(np.arange(60), times[sequences])
        assert value == pytest.approx(stats.spearmanr(one[repeated], other[repeated]).statistic)


def test_what_does_not_vary_has_no_rank():
    assert np.isnan(rank_correlation(np.array([[3.0, 4.0]]), np.array([0, 0]), np.array([0, 1])))


def test_the_surest_half_of_windows_is_a_mean_and_ties_share():
    values = np.array([[10.0, 20.0, 30.0, 40.0]])
    for sure, expected in (([4, 3, 2, 1], 15), ([1, 2, 3, 4], 35), ([0, 0, 0, 0], 25), ([1, 0, 0, 0], 20)):
        assert surest_half(values, np.array([sure], float)) == pytest.approx(expected)
    odd = surest_half(np.array([10.0, 20.0, 30.0]), np.array([3.0, 2.0, 1.0]))
    assert odd == pytest.approx((10 + 0.5 * 20) / 1.5)
