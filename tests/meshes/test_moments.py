"""Running moments against two passes over the data."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from scipy import stats

from occlusion_toolkit.meshes.moments import Moments

VERTICES, CHANNELS = 6, 2

values = st.floats(-1e4, 1e4, allow_subnormal=False)
observation = st.dictionaries(
    st.integers(0, VERTICES - 1), st.lists(values, min_size=CHANNELS, max_size=CHANNELS), max_size=VERTICES
)
streams = st.lists(observation, max_size=12)


def moments_of(stream):
    moments = Moments.empty(VERTICES, CHANNELS)
    for seen in stream:
        moments.add(np.array(list(seen), np.int64), np.array(list(seen.values())).reshape(-1, CHANNELS))
    return moments


def merged(*parts):
    total = Moments.empty(VERTICES, CHANNELS)
    for part in parts:
        total.merge(part)
    return total


def assert_same(one, other):
    """Equal up to rounding of values of up to 1e4."""
    np.testing.assert_array_equal(one.count, other.count)
    np.testing.assert_allclose(one.mean, other.mean, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.m2, other.m2, rtol=1e-9, atol=1e-4)


@given(streams)
def test_one_pass_equals_two(stream):
    moments = moments_of(stream)
    for vertex in range(VERTICES):
        data = np.array([seen[vertex] for seen in stream if vertex in seen]).reshape(-1, CHANNELS)
        assert moments.count[vertex] == len(data)
        if len(data) > 0:
            np.testing.assert_allclose(moments.mean[vertex], data.mean(axis=0), rtol=0, atol=1e-9)
        if len(data) > 1:
            expected = data.var(axis=0, ddof=1)
            np.testing.assert_allclose(moments.variance[vertex], expected, rtol=1e-9, atol=1e-4)


@given(streams, streams)
def test_merging_equals_one_stream_after_the_other(first, second):
    assert_same(merged(moments_of(first), moments_of(second)), moments_of(first + second))


@given(streams, streams, streams)
def test_merging_is_associative(a, b, c):
    one, two, three = moments_of(a), moments_of(b), moments_of(c)
    assert_same(merged(merged(one, two), three), merged(one, merged(two, three)))


@given(streams, streams)
def test_merging_is_commutative(first, second):
    one, other = moments_of(first), moments_of(second)
    assert_same(merged(one, other), merged(other, one))


@given(streams, st.randoms(use_true_random=False))
def test_the_order_of_observations_does_not_matter(stream, random):
    shuffled = random.sample(stream, len(stream))
    assert_same(moments_of(stream), moments_of(shuffled))


@given(streams)
def test_an_empty_stream_is_neutral_bit_for_bit(stream):
    moments, nothing = moments_of(stream), Moments.empty(VERTICES, CHANNELS)
    for total in (merged(moments, nothing), merged(nothing, moments)):
        np.testing.assert_array_equal(total.mean, moments.mean)
        np.testing.assert_array_equal(total.m2, moments.m2)


@given(streams)
def test_merging_leaves_the_other_stream_as_it_is(stream):
    other = moments_of(stream)
    merged(other).add(np.arange(VERTICES), np.ones((VERTICES, CHANNELS)))
    np.testing.assert_array_equal(other.mean, moments_of(stream).mean)


def test_small_scatter_around_a_large_mean_is_not_lost():
    """Sums of squares would lose all digits here."""
    data = 1e9 + np.random.default_rng(0).normal(0, 1e-3, 2000)
    moments = Moments.empty(1, 1)
    for value in data:
        moments.add(np.array([0]), np.array([[value]]))
    assert moments.variance[0, 0] == pytest.approx(data.var(ddof=1), rel=1e-4)


def test_the_interval_is_students_t():
    data = np.random.default_rng(1).normal(50, 10, 9)
    moments = Moments.empty(1, 1)
    for value in data:
        moments.add(np.array([0]), np.array([[value]]))
    for level in (0.5, 0.95):
        low, high = stats.ttest_1samp(data, 0).confidence_interval(level)
        assert [end[0, 0] for end in moments.interval(level)] == pytest.approx([low, high])


def test_what_does_not_exist_is_nan():
    moments = moments_of([{0: [1.0, 2.0]}, {0: [3.0, 5.0], 1: [1.0, 1.0]}])
    assert np.isfinite(moments.variance[0]).all()
    assert np.isnan(moments.variance[1:]).all()
    assert np.isnan(moments.interval()[0][1:]).all()


def test_the_interval_covers_the_truth_as_often_as_it_says():
    vertices = 4000
    random = np.random.default_rng(2)
    moments = Moments.empty(vertices, 1)
    for _ in range(5):
        moments.add(np.arange(vertices), random.normal(7, 3, (vertices, 1)))
    low, high = moments.interval(0.95)
    assert ((low < 7) & (high > 7)).mean() == pytest.approx(0.95, abs=0.012)
