"""The numbers of a comparison are those that a few lines over the stored maps give."""

import dataclasses
import functools

import numpy as np
import pytest
from occlusion_toolkit.surveys.stored import write_shard
from support.survey_fixtures import SMALL_GRID, make_survey

from occlusion_toolkit.comparison.comparison import check_comparable, compare_surveys
from occlusion_toolkit.comparison.numbers import (
    CLEAN,
    CURVE_MM,
    DISPLACED,
    FAILURE,
    INCREASE,
    OCCLUDED,
    PERCENTILE_95,
    WORST,
    image_numbers,
    over_sizes,
)
from occlusion_toolkit.comparison.record import SIZE_AREA, record
from occlusion_toolkit.comparison.stored import read_comparison, write_comparison
from occlusion_toolkit.errors import ResultError, UsageError
from occlusion_toolkit.sweep.grid import Grid

six_sequences = functools.partial(make_survey, sequences=6)  # the fewest that give intervals


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("surveys")
    return [six_sequences(folder / name, model_card=name, seed=seed) for seed, name in enumerate(("a", "b"))]


def error_maps(survey, aligned=False) -> np.ndarray:
    """Maps of the joints and of their mean, (N, J + 1, windows)."""
    joints = np.concatenate([shard.values("error", aligned) for shard in survey.shards()]).astype(np.float64)
    flat = joints.reshape(*joints.shape[:2], -1)
    return np.concatenate((flat, flat.mean(axis=1, keepdims=True)), axis=1)


@pytest.mark.parametrize("aligned", [False, True])
def test_numbers_are_read_from_the_maps(two, aligned):
    found, maps = (
        image_numbers(two[0], "error", aligned=aligned, failure_mm=70.0),
        error_maps(two[0], aligned),
    )
    np.testing.assert_allclose(found.values[OCCLUDED], maps.mean(axis=2))
    np.testing.assert_allclose(found.values[WORST], maps.max(axis=2))
    np.testing.assert_allclose(found.values[PERCENTILE_95], np.percentile(maps, 95, axis=2))
    np.testing.assert_allclose(found.values[FAILURE], 100 * (maps > 70).mean(axis=2))
    np.testing.assert_allclose(found.values[INCREASE], found.values[OCCLUDED] - found.values[CLEAN])


def test_the_worst_window_of_the_mean_is_one_window_and_not_one_per_joint(two):
    worst = image_numbers(two[0], "error").values[WORST]
    assert (worst[:, -1] < worst[:, :-1].mean(axis=1)).all()


def test_the_failure_curve_falls_and_passes_through_the_failures(two):
    found = image_numbers(two[0], "error", failure_mm=100.0)
    assert (np.diff(found.failure_curve, axis=1) <= 0).all()
    at_threshold = found.failure_curve[:, np.flatnonzero(CURVE_MM == 100)[0]]
    np.testing.assert_allclose(at_threshold, found.values[FAILURE][:, -1])


def test_without_ground_truth_displacement_is_compared(tmp_path):
    surveys = [six_sequences(tmp_path / name, model_card=name, truth=False) for name in ("a", "b")]
    comparison = compare_surveys(surveys)
    assert DISPLACED in comparison.quantities
    assert CLEAN not in comparison.quantities
    with pytest.raises(ResultError, match="no ground truth"):
        compare_surveys(surveys, read_out="error")


def test_a_survey_of_the_same_numbers_does_not_differ(tmp_path):
    surveys = [six_sequences(tmp_path / name, model_card=name, seed=3) for name in ("a", "b")]
    (pair,) = compare_surveys(surveys).pairs
    for found in pair.differences.values():
        np.testing.assert_array_equal(found.difference.mean, 0)
        np.testing.assert_array_equal(found.p_permutation, 1)


def test_every_pair_is_compared_and_signs_say_which_is_smaller(tmp_path):
    surveys = [six_sequences(tmp_path / str(n), model_card=f"m{n}", seed=n) for n in range(3)]
    comparison = compare_surveys(surveys)
    assert [(pair.first, pair.second) for pair in comparison.pairs] == [
        ("m0", "m1"),
        ("m0", "m2"),
        ("m1", "m2"),
    ]
    means = {model.name: model.means[OCCLUDED].mean for model in comparison.models}
    for pair in comparison.pairs:
        difference = pair.differences[OCCLUDED].difference.mean
        np.testing.assert_allclose(difference, means[pair.first] - means[pair.second])


def test_joints_are_adjusted_for_their_number_and_their_mean_is_not(two):
    (pair,) = compare_surveys(two).pairs
    p, q = pair.differences[WORST].p_permutation, pair.q[WORST]
    assert q[-1] == p[-1]
    assert (q[:-1] >= p[:-1]).all()
    assert (q[:-1] > p[:-1]).any()


def test_other_windows_are_refused_by_the_name_of_the_line_and_can_be_allowed(two, tmp_path):
    other = six_sequences(tmp_path / "c", model_card="c", grid=Grid("centred", size=28, stride=56))
    with pytest.raises(ResultError, match=r"a and c: grid: .*size=56.* and .*size=28"):
        compare_surveys([two[0], other])
    (line,) = compare_surveys([two[0], other], allow=["grid"]).exceptions
    assert line.startswith("a and c: grid:")
    with pytest.raises(UsageError, match="weather"):
        check_comparable(two, allow=["weather"])


def test_other_images_are_refused(two, tmp_path):
    fewer = six_sequences(tmp_path / "fewer", model_card="c", images=9)
    with pytest.raises(ResultError, match="images: 12 and 9"):
        compare_surveys([two[0], fewer], allow=["people_sha256"])


def test_other_people_of_equally_named_sequences_are_refused(two, tmp_path):
    other = six_sequences(tmp_path / "c", model_card="c")
    shard = other.shard(0)
    keys = (dataclasses.replace(shard.images[0], person=1), *shard.images[1:])
    write_shard(other.shard_path(0), dataclasses.replace(shard, images=keys))
    unsealed = other.manifest.model_copy(update={"checksums": None})
    with pytest.raises(ResultError, match="same people"):
        compare_surveys([two[0], dataclasses.replace(other, manifest=unsealed).sealed()])


def test_few_sequences_have_no_intervals_and_no_significance(tmp_path):
    surveys = [make_survey(tmp_path / str(n), model_card=f"m{n}", seed=n, sequences=5) for n in range(2)]
    comparison = compare_surveys(surveys)
    for model in comparison.models:
        assert np.isnan(model.means[OCCLUDED].low).all()
    for q in comparison.pairs[0].q.values():
        assert not (q < 0.05).any()


def test_one_model_is_nothing_to_compare(two):
    with pytest.raises(UsageError, match="two"):
        compare_surveys(two[:1])
    with pytest.raises(UsageError, match="given twice"):
        compare_surveys([two[0], two[0]])


def test_the_area_over_sizes_is_an_error_of_average_size(two):
    numbers = image_numbers(two[0], "error")
    shifted = dataclasses.replace(numbers, values=numbers.values | {OCCLUDED: numbers.occluded + 30})
    np.testing.assert_allclose(over_sizes([20, 40], [numbers, numbers]), numbers.occluded)
    np.testing.assert_allclose(over_sizes([20, 40], [numbers, shifted]), numbers.occluded + 15)
    np.testing.assert_allclose(
        over_sizes([20, 40, 80], [numbers, numbers, shifted]), numbers.occluded + 15 * 40 / 60
    )
    with pytest.raises(UsageError, match="increasing"):
        over_sizes([40, 20], [numbers, numbers])


def test_a_stored_comparison_comes_back_equal(two, tmp_path):
    larger = [
        six_sequences(tmp_path / f"{n}-large", model_card=n, grid=Grid("centred", size=80, stride=56), seed=5)
        for n in ("a", "b")
    ]
    stored = record(compare_surveys(two), two, tmp_path, {SMALL_GRID.size: two, 80: larger})
    write_comparison(tmp_path / "comparison.json", stored)
    assert read_comparison(tmp_path / "comparison.json") == stored
    assert stored.sizes_px == (56, 80)
    assert stored.models[0].size_curve is not None
    assert len(stored.models[0].size_curve.mean) == 2
    assert SIZE_AREA in stored.pairs[0].differences
    assert (tmp_path / stored.models[0].survey / "survey.json").is_file()


@pytest.mark.parametrize("text", ["", "{}", '{"kind": "survey"}', "[1, 2]", "\x00"])
def test_other_files_are_not_comparisons(tmp_path, text):
    (tmp_path / "comparison.json").write_text(text)
    with pytest.raises(ResultError, match=r"comparison\.json"):
        read_comparison(tmp_path / "comparison.json")
