"""Intervals and tests over sequences keep their promises, and those over frames do not."""

import numpy as np
import pytest
from scipy import stats

from occlusion_toolkit.comparison.significance import adjusted_for_many, mean_interval, paired_difference
from occlusion_toolkit.errors import UsageError

SEQUENCES = 24
EXPERIMENTS = 4000


def frames_of_sequences(seed: int, experiments: int = EXPERIMENTS) -> tuple[np.ndarray, np.ndarray]:
    """Differences without a true effect, (N, experiments); frames of a sequence share most of their value."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 13, SEQUENCES)
    names = np.repeat(np.arange(SEQUENCES), lengths)
    shared = np.repeat(rng.normal(size=(SEQUENCES, experiments)), lengths, axis=0)
    return 10 * shared + 5 * rng.normal(size=(len(names), experiments)), names


@pytest.mark.slow
def test_the_interval_over_sequences_misses_the_truth_in_one_of_twenty_experiments():
    values, names = frames_of_sequences(0)
    found = mean_interval(values, names, resamples=1999)
    missed = ((found.low > 0) | (found.high < 0)).mean()
    assert 0.04 <= missed <= 0.06


@pytest.mark.slow
def test_the_permutation_test_rejects_one_true_hypothesis_of_twenty():
    values, names = frames_of_sequences(1)
    found = paired_difference(values, np.zeros_like(values), names, resamples=999)
    assert 0.04 <= (found.p_permutation < 0.05).mean() <= 0.06
    assert 0.03 <= (found.p_t_sequences < 0.05).mean() <= 0.07  # exact for sequences of equal length only


@pytest.mark.slow
def test_counting_frames_finds_differences_where_there_are_none():
    values, names = frames_of_sequences(2, experiments=1000)
    frames = mean_interval(values, np.arange(len(names)), resamples=999)  # each its own sequence
    missed = ((frames.low > 0) | (frames.high < 0)).mean()
    assert missed > 0.25
    assert (
        paired_difference(values, np.zeros_like(values), names, resamples=99).p_t_frames < 0.05
    ).mean() > 0.25


def test_the_mean_is_over_frames_whatever_the_sequences():
    values, names = frames_of_sequences(3, experiments=5)
    found = mean_interval(values, names, resamples=99)
    np.testing.assert_allclose(found.mean, values.mean(axis=0))
    assert (found.low < found.mean).all()
    assert (found.mean < found.high).all()
    assert (found.sequences, found.frames) == (SEQUENCES, len(values))


def test_the_interval_is_that_of_sequences_drawn_by_hand_as_wide_as_a_t_distribution_asks():
    values, names = frames_of_sequences(10, experiments=40)
    lengths = np.bincount(names)
    values = values + 3 * lengths[names][:, None]  # so that the mean of sequences is not that of frames
    found = mean_interval(values, names, resamples=1999)
    sums = np.stack([values[names == sequence].sum(axis=0) for sequence in range(SEQUENCES)])
    drawn = np.random.default_rng(0).multinomial(SEQUENCES, np.full(SEQUENCES, 1 / SEQUENCES), size=1999)
    means = (drawn @ sums) / (drawn @ lengths)[:, None]
    wider = np.sqrt(SEQUENCES / (SEQUENCES - 1)) * stats.t.ppf(0.975, SEQUENCES - 1)  # 8 % than 1.96
    low, high = np.quantile(means, [stats.norm.cdf(-wider), stats.norm.cdf(wider)], axis=0)
    width = high - low
    assert ((found.high - found.low) / width).mean() == pytest.approx(1, abs=0.03)
    assert np.abs((found.low - low) / width).mean() < 0.05
    assert np.abs((found.high - high) / width).mean() < 0.05


def test_swapping_the_models_turns_the_difference_round_and_keeps_the_tests():
    values, names = frames_of_sequences(4, experiments=3)
    one, other = paired_difference(values, 0 * values, names), paired_difference(0 * values, values, names)
    np.testing.assert_allclose(one.difference.mean, -other.difference.mean)
    np.testing.assert_allclose(one.difference.low, -other.difference.high, atol=0.2)
    np.testing.assert_allclose(one.effect, -other.effect)
    np.testing.assert_allclose(one.p_permutation, other.p_permutation, atol=0.02)


def test_a_shift_of_every_frame_is_found_and_its_size_is_right():
    values, names = frames_of_sequences(5, experiments=2)
    noise = np.random.default_rng(6).normal(size=values.shape)
    found = paired_difference(values - 20 + noise, values, names)
    np.testing.assert_allclose(found.difference.mean, -20 + noise.mean(axis=0))
    np.testing.assert_allclose(found.p_permutation, 2 / 10_000)
    np.testing.assert_allclose(found.share_smaller, 1)
    assert (found.effect < -10).all()


def test_equal_models_do_not_differ():
    values, names = frames_of_sequences(7, experiments=2)
    found = paired_difference(values, values, names, resamples=99)
    np.testing.assert_array_equal(found.difference.mean, 0)
    np.testing.assert_array_equal(found.p_permutation, 1)
    np.testing.assert_array_equal(found.p_t_sequences, 1)
    np.testing.assert_array_equal(found.effect, 0)


def test_few_sequences_are_permuted_exhaustively():
    values = np.array([[1.0], [2.0], [3.0], [4.0]])
    found = paired_difference(values, 0 * values, ["a", "b", "c", "d"])
    np.testing.assert_allclose(found.p_permutation, 2 / 2**4)


def test_the_papers_t_test_is_scipys_over_frames():
    values, names = frames_of_sequences(8, experiments=4)
    found = paired_difference(values, 0 * values, names, resamples=99)
    np.testing.assert_allclose(found.p_t_frames, stats.ttest_1samp(values, 0).pvalue)


def test_five_sequences_have_no_interval_and_never_a_significant_swap():
    values, names = np.array([[1.0], [1.1], [0.9], [1.2], [1.0], [1.05]]), list("abcdef")
    five, six = (paired_difference(values[:n], 0 * values[:n], names[:n]) for n in (5, 6))
    assert np.isnan([five.difference.low, five.difference.high]).all()
    assert five.p_permutation > 0.05
    assert six.difference.low < six.difference.mean < six.difference.high
    assert six.p_permutation < 0.05


def test_one_sequence_gives_a_mean_and_no_interval():
    found = paired_difference([[1.0], [2.0]], [[0.0], [0.0]], ["a", "a"])
    assert found.difference.mean == 1.5
    assert np.isnan([found.difference.low, found.difference.high, found.p_permutation]).all()


def test_the_same_seed_gives_the_same_numbers():
    values, names = frames_of_sequences(9, experiments=2)
    one, other = (mean_interval(values, names, resamples=199) for _ in range(2))
    np.testing.assert_array_equal(one.low, other.low)


def test_adjusting_keeps_what_was_not_tested_and_never_lowers():
    p_values = np.array([[0.001, 0.04], [np.nan, 0.03]])
    adjusted = adjusted_for_many(p_values)
    assert np.isnan(adjusted[1, 0])
    assert (adjusted >= p_values)[~np.isnan(p_values)].all()
    np.testing.assert_allclose(adjusted[0], [0.003, 0.04])


@pytest.mark.parametrize(
    ("values", "sequences"),
    [([1.0, 2.0], ["a", "b"]), ([[1.0], [2.0]], ["a"]), (np.zeros((0, 2)), []), ([[np.nan]], ["a"])],
)
def test_unusable_values_are_refused(values, sequences):
    with pytest.raises(UsageError):
        mean_interval(values, sequences)
