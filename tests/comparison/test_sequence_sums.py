"""Means with gaps: those of the frames that have a value, with intervals and tests like any others."""

import numpy as np
import pytest

from occlusion_toolkit.comparison.sequence_sums import SequenceSums, paired_with_gaps, ratio, resampled
from occlusion_toolkit.comparison.significance import mean_interval, paired_difference
from occlusion_toolkit.errors import UsageError


def table(frames=60, sequences=12, columns=3, seed=0):
    random = np.random.default_rng(seed)
    names = [f"s{number * sequences // frames:02d}" for number in range(frames)]
    own = random.normal(0, 5, (sequences, columns)).repeat(frames // sequences, axis=0)
    return 10 + own + random.normal(0, 1, (frames, columns)), names


def test_without_gaps_means_intervals_and_tests_are_the_usual_ones():
    values, names = table()
    found, usual = SequenceSums.of(values, names).interval(), mean_interval(values, names)
    np.testing.assert_allclose(found.mean, usual.mean)
    np.testing.assert_allclose(found.low, usual.low, atol=0.25)  # other resamples of the same
    np.testing.assert_allclose(found.high, usual.high, atol=0.25)
    other, _ = table(seed=1)
    one, two = paired_with_gaps(values, other, names), paired_difference(values, other, names)
    for field in ("p_permutation", "p_t_sequences", "p_t_frames", "effect", "share_smaller"):
        np.testing.assert_allclose(getattr(one, field), getattr(two, field), rtol=1e-9, err_msg=field)


def test_many_sequences_are_swapped_as_scipy_does():
    values, names = table(frames=80, sequences=20)
    sums = SequenceSums.of(values - 8 * np.array([1.0, 1.2, 1.25]), names)
    expected = paired_difference(values, np.broadcast_to(8 * np.array([1.0, 1.2, 1.25]), values.shape), names)
    np.testing.assert_allclose(sums.p_values(), expected.p_permutation, atol=0.02)


def test_frames_without_a_value_are_left_out():
    values, names = table()
    values[::3, 1] = np.nan
    found = SequenceSums.of(values, names).interval()
    np.testing.assert_allclose(found.mean, np.nanmean(values, axis=0))
    assert found.low[1] < found.mean[1] < found.high[1]


def test_a_column_of_few_sequences_has_a_mean_and_no_more():
    values, names = table()
    values[np.array(names) > "s04", 2] = np.nan
    sums = SequenceSums.of(values, names)
    assert sums.sequences.tolist() == [12, 12, 5]
    found, p_values = sums.interval(), sums.p_values()
    assert np.isfinite(found.mean).all()
    assert np.isnan(found.low).tolist() == [False, False, True]
    assert np.isnan(p_values).tolist() == [False, False, True]


def test_a_column_of_nothing_is_nothing():
    values, names = table()
    values[:, 0] = np.nan
    pair = paired_with_gaps(values, values, names)
    for found in (pair.difference.mean, pair.p_permutation, pair.p_t_sequences, pair.p_t_frames, pair.effect):
        assert np.isnan(found[0])
        assert np.isfinite(found[1])


def test_intervals_with_gaps_hold_the_truth_as_often_as_they_should():
    held = 0
    for seed in range(100):
        values, names = table(frames=48, sequences=24, columns=1, seed=seed)
        values[np.random.default_rng(seed).random(len(values)) < 0.4] = np.nan
        sums = SequenceSums.of(values, names)
        found = resampled(ratio, sums, sums.sequences, resamples=499)
        held += bool(found.low[0] <= 10 <= found.high[0])
    assert 88 <= held <= 99


def test_pairs_are_of_the_same_frames():
    values, names = table()
    gaps = values.copy()
    gaps[0, 0] = np.nan
    with pytest.raises(UsageError, match="not of the same images"):
        SequenceSums.of(values, names).minus(SequenceSums.of(gaps, names))
    with pytest.raises(UsageError, match="do not go together"):
        SequenceSums.of(values, names[:-1])


def test_weights_make_ratios_of_sums():
    values, names = np.array([[2.0], [9.0]]), ["a", "b"]
    assert SequenceSums.of(values, names, np.array([[1.0], [3.0]])).interval().mean[0] == 11 / 4
