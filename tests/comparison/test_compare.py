"""The numbers of a comparison are those that a few lines over the stored maps give."""

import functools
import shutil

import numpy as np
import pytest
from support.figure_fixtures import fake_maps
from support.painted_people import PAINTED, POINTS, painted_people, pixel_reader_survey
from support.survey_fixtures import make_survey

from occlusion_toolkit.breaking_sizes.run import sizes_of
from occlusion_toolkit.breaking_sizes.table import pairs_table
from occlusion_toolkit.comparison.comparison import Comparison
from occlusion_toolkit.comparison.entries import SIZE_AREA
from occlusion_toolkit.comparison.image_values import CURVE_MM, image_values, over_sizes
from occlusion_toolkit.comparison.insights import insights
from occlusion_toolkit.comparison.results import check_allowed, maps_by_model
from occlusion_toolkit.comparison.run import compare
from occlusion_toolkit.errors import ResultError, UsageError
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.maps import open_maps, save_maps

six_sequences = functools.partial(make_survey, sequences=6)  # the fewest that give intervals
OWN = ("mpjpe", "pa_mpjpe", "mine")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("surveys")
    return [
        six_sequences(folder / name, model_card=name, seed=seed, metrics=OWN)
        for seed, name in enumerate(("a", "b"))
    ]


def maps_of(survey, metric="error") -> np.ndarray:
    """Maps of the joints and of their mean, (N, J + 1, windows)."""
    joints = survey.maps[metric].values.astype(np.float64)
    flat = joints.reshape(*joints.shape[:2], -1)
    return np.concatenate((flat, flat.mean(axis=1, keepdims=True)), axis=1)


def values(survey, metric="error", failure_mm=100.0):
    return image_values(survey.card, survey.shards(), metric, failure_mm)


@pytest.mark.parametrize("metric", ["error", "pa_error", "mine_error"])
def test_numbers_are_read_from_the_maps(two, metric):
    found, maps = values(two[0], metric, 70.0).values, maps_of(two[0], metric)
    np.testing.assert_allclose(found["occluded"], maps.mean(axis=2))
    np.testing.assert_allclose(found["worst"], maps.max(axis=2))
    np.testing.assert_allclose(found["p95"], np.percentile(maps, 95, axis=2))
    np.testing.assert_allclose(found["failure"], 100 * (maps > 70).mean(axis=2))
    np.testing.assert_allclose(found["increase"], found["occluded"] - found["clean"])
    np.testing.assert_allclose(found["clean"][:, :-1], two[0].maps[f"clean_{metric}"])


def test_the_worst_window_of_the_mean_is_one_window_and_not_one_per_joint(two):
    worst = values(two[0]).values["worst"]
    assert (worst[:, -1] < worst[:, :-1].mean(axis=1)).all()


def test_the_failure_curve_falls_and_passes_through_the_failures(two):
    found = values(two[0])
    assert (np.diff(found.failure_curve, axis=1) <= 0).all()
    at_threshold = found.failure_curve[:, np.flatnonzero(CURVE_MM == 100)[0]]
    np.testing.assert_allclose(at_threshold, found.values["failure"][:, -1])


def test_own_metrics_are_compared_under_their_name(two):
    mine, usual = compare(*two, metric="mine_error"), compare(*two)
    assert (mine.metric, usual.metric) == ("mine_error", "error")
    for one, other in zip(mine.models, usual.models, strict=True):
        np.testing.assert_allclose(
            one.quantities["occluded"].mean, 2 * np.array(other.quantities["occluded"].mean), rtol=1e-6
        )
    assert "by mine" in mine.plot().axes[0].get_ylabel()
    with pytest.raises(UsageError, match="no 'yours_error'"):
        compare(*two, metric="yours_error")
    with pytest.raises(UsageError, match="compare 'pa_error'"):
        compare(*two, metric="pa_increase")


def test_without_ground_truth_displacement_is_compared(tmp_path):
    surveys = [six_sequences(tmp_path / name, model_card=name, truth=False) for name in ("a", "b")]
    comparison = compare(*surveys)
    assert comparison.metric == "displacement"
    assert [quantity.name for quantity in comparison.quantities] == ["occluded", "worst", "p95", "failure"]
    with pytest.raises(UsageError, match="displacement"):
        compare(*surveys, metric="error")


def test_a_survey_of_the_same_numbers_does_not_differ(tmp_path):
    surveys = [six_sequences(tmp_path / name, model_card=name, seed=3) for name in ("a", "b")]
    (pair,) = compare(*surveys).pairs
    for found in pair.differences.values():
        np.testing.assert_array_equal(found.interval.mean, 0)
        np.testing.assert_array_equal(found.p_permutation, 1)


def test_every_pair_is_compared_and_signs_say_which_is_smaller(tmp_path):
    surveys = [six_sequences(tmp_path / str(n), model_card=f"m{n}", seed=n) for n in range(3)]
    comparison = compare(*surveys)
    assert [(pair.first, pair.second) for pair in comparison.pairs] == [
        ("m0", "m1"),
        ("m0", "m2"),
        ("m1", "m2"),
    ]
    means = {model.name: np.array(model.quantities["occluded"].mean) for model in comparison.models}
    for pair in comparison.pairs:
        difference = pair.differences["occluded"].interval.mean
        np.testing.assert_allclose(difference, means[pair.first] - means[pair.second])


def test_joints_are_adjusted_for_their_number_and_their_mean_is_not(two):
    found = compare(*two).pairs[0].differences["worst"]
    p, q = np.array(found.p_permutation), np.array(found.q)
    assert q[-1] == p[-1]
    assert (q[:-1] >= p[:-1]).all()
    assert (q[:-1] > p[:-1]).any()


def test_other_windows_are_refused_by_the_name_of_the_line_and_can_be_allowed(two, tmp_path):
    other = six_sequences(tmp_path / "c", model_card="c", grid=Grid("centred", size=28, stride=56))
    with pytest.raises(ResultError, match=r"a and c: grid: .*size=56.* and .*size=28"):
        compare(two[0], other)
    (line,) = compare(two[0], other, allow=["grid"]).exceptions
    assert line.startswith("a and c: grid:")
    with pytest.raises(UsageError, match="weather"):
        check_allowed(["weather"])


def test_one_model_under_two_occluders_is_told_apart_where_that_is_allowed(two, tmp_path):
    shutil.copytree(two[0].folder, tmp_path / "black")
    black = rewritten(Survey.open(tmp_path / "black"), occluder={"name": "black", "rgb": [0, 0, 0]})
    with pytest.raises(ResultError, match="a and a: occluder"):
        compare(two[0], black)
    names = [model.name for model in compare(two[0], black, allow=["occluder"]).models]
    assert names == ["a (grey)", "a (black)"]


def test_other_images_are_refused(two, tmp_path):
    fewer = six_sequences(tmp_path / "fewer", model_card="c", images=9)
    with pytest.raises(ResultError, match="images: 12 and 9"):
        compare(two[0], fewer, allow=["people_sha256"])


def test_other_people_of_equally_named_sequences_are_refused(two, tmp_path):
    other = six_sequences(tmp_path / "c", model_card="c").reopened()
    maps = open_maps(other.shard_path(0))
    save_maps(other.shard_path(0), maps.assign_coords(person=maps["person"] + 1))
    with pytest.raises(ResultError, match="same people"):
        compare(two[0], Survey(other.folder, other.manifest).sealed())


def rewritten(survey: Survey, **changes) -> Survey:
    """A survey whose card says something else."""
    card = survey.card.model_copy(update=changes)
    for shard in range(survey.num_shards):
        maps = open_maps(survey.shard_path(shard))
        save_maps(
            survey.shard_path(shard),
            maps.assign_attrs(protocol=card.canonical_json(), protocol_hash=card.hash),
        )
    manifest = survey.manifest.model_copy(update={"card": card, "checksums": None})
    return Survey(survey.folder, manifest).sealed()


def test_few_sequences_have_no_intervals_and_no_significance(tmp_path):
    surveys = [make_survey(tmp_path / str(n), model_card=f"m{n}", seed=n, sequences=5) for n in range(2)]
    comparison = compare(*surveys)
    for model in comparison.models:
        assert np.isnan(model.quantities["occluded"].low).all()
    for found in comparison.pairs[0].differences.values():
        assert not (np.array(found.q) < 0.05).any()


def test_one_model_is_nothing_to_compare(two):
    with pytest.raises(UsageError, match="two"):
        compare(two[0])
    with pytest.raises(UsageError, match="given twice"):
        compare(two[0], two[0])


def test_the_area_over_sizes_is_an_error_of_average_size(two):
    small = values(two[0])
    occluded = small.values["occluded"]
    large = image_values(two[0].card, (maps + 30 for maps in two[0].shards()), "error")
    np.testing.assert_allclose(over_sizes([20, 40], [small, small]), occluded)
    np.testing.assert_allclose(over_sizes([20, 40], [small, large]), occluded + 15, rtol=1e-5)
    np.testing.assert_allclose(
        over_sizes([20, 40, 80], [small, small, large]), occluded + 15 * 40 / 60, rtol=1e-5
    )
    with pytest.raises(UsageError, match="increasing"):
        over_sizes([40, 20], [small, small])


def test_surveys_of_several_sizes_give_curves_and_come_back_equal(two, tmp_path):
    larger = [
        six_sequences(tmp_path / f"{n}-large", model_card=n, grid=Grid("centred", size=80, stride=56), seed=5)
        for n in ("a", "b")
    ]
    comparison = compare(two[0], larger[0], larger[1], two[1])
    assert comparison.sizes_px == (56, 80)
    for model, *surveys in zip(comparison.models, two, larger, strict=True):
        means = [maps_of(survey)[:, -1].mean() for survey in surveys]
        np.testing.assert_allclose(model.size_curve.mean, means)
        assert model.size_area.mean[-1] == pytest.approx(np.mean(means))
    assert SIZE_AREA in comparison.pairs[0].differences
    (section,) = insights({}, comparison.surveys_of_sizes)
    expected = {n: sizes_of(surveys) for n, *surveys in zip("ab", two, larger, strict=True)}
    assert section.table.equals(pairs_table(expected))
    assert section.figure is not None
    comparison.save(tmp_path / "out" / "comparison.json")
    again = Comparison.open(tmp_path / "out")
    assert again.model_dump(exclude={"models"}) == comparison.model_dump(exclude={"models"})
    assert [survey.folder.resolve() for survey in again.surveys.values()] == [
        survey.folder.resolve() for survey in larger
    ]


@pytest.mark.parametrize("text", ["", "{}", '{"kind": "survey"}', "[1, 2]", "\x00"])
def test_other_files_are_not_comparisons(tmp_path, text):
    (tmp_path / "comparison.json").write_text(text)
    with pytest.raises(ResultError, match=r"comparison\.json"):
        Comparison.open(tmp_path)


@pytest.fixture
def files(tmp_path):
    """A heatmap by its file, and one by its folder."""
    for seed, name in enumerate("ab"):
        (tmp_path / name).mkdir()
        fake_maps(name, seed).save(tmp_path / name / "result.h5")
    return [tmp_path / "a" / "result.h5", tmp_path / "b"]


def test_heatmaps_of_one_image_compare_like_surveys_of_one_sample(files, tmp_path):
    comparison = compare(*files)
    for seed, model in enumerate(comparison.models):
        flat = fake_maps(seed=seed)["error"].values[0].reshape(14, -1).astype(float)
        np.testing.assert_allclose(model.quantities["occluded"].mean[:-1], flat.mean(axis=1))
        np.testing.assert_allclose(model.quantities["occluded"].mean[-1], flat.mean())
        np.testing.assert_allclose(model.quantities["worst"].mean[-1], flat.mean(axis=0).max())
        np.testing.assert_allclose(model.quantities["clean"].mean, 20)
    assert (comparison.sequences, comparison.frames) == (1, 1)
    assert comparison.example.title == "image.jpg"
    found = comparison.pairs[0].differences["occluded"]
    for row in (found.interval.low, found.p_permutation, found.p_t_sequences, found.p_t_frames, found.effect):
        assert np.isnan(row).all()
    comparison.save(tmp_path / "out")
    assert list(maps_by_model(tmp_path / "out")) == ["a", "b"]
    assert Comparison.open(tmp_path / "out").meshes() == {}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"file_sha256": ("image", ["1" * 64])}, "file_sha256"),
        ({"box_size_px": ("image", [200.0])}, "box_size_px"),
    ],
)
def test_heatmaps_of_other_images_are_refused(files, changes, named):
    other = fake_maps("b", 1)
    other.dataset = other.dataset.assign(changes)
    with pytest.raises(ResultError, match=named):
        compare(files[0], other)


def test_heatmaps_that_were_made_for_another_question_are_refused(files):
    with pytest.raises(ResultError, match="metric"):
        compare(files[0], fake_maps("b", 1).focused("pa_error"))


def test_what_is_neither_or_both_is_refused(files, two, tmp_path):
    with pytest.raises(UsageError, match="one kind"):
        compare(files[0], two[0])
    (tmp_path / "notes.txt").write_text("error: 3 mm")
    with pytest.raises(ResultError, match=r"notes\.txt"):
        compare(files[0], tmp_path / "notes.txt")
    with pytest.raises(ResultError, match="holds no survey"):
        compare(tmp_path, tmp_path)


def test_a_mesh_or_a_folder_with_a_heatmap_in_it_means_the_survey(two, tmp_path):
    fake_maps().save(two[0].folder / "result.h5")
    comparison = compare(two[0].folder, two[1].folder / "mesh.h5")
    assert list(comparison.surveys) == ["a", "b"]


def test_surveys_that_know_more_are_compared_in_more(tmp_path):
    people = painted_people(tmp_path, PAINTED, points=POINTS, sequences=8)
    surveys = [
        pixel_reader_survey(tmp_path / name, people, pixel, name, joints="lsp14", stride=32)
        for name, pixel in (("elbow", (62, 62)), ("head", (20, 170)))
    ]
    result = compare(*surveys)
    extra = [quantity.name for quantity in result.quantities if quantity.analysis is not None]
    assert extra == ["remote", "reversed", "unreversed", "world", "surer"]
    elbow, head = (model.quantities for model in result.models)
    wrist, ankle = (result.columns.index(name) for name in ("left_wrist", "right_ankle"))
    # Seen from the wrist, the head is remote and the forearm is not.
    assert elbow["remote"].mean[wrist] == pytest.approx(0, abs=1e-3)
    assert head["remote"].mean[wrist] < -5
    assert set(elbow["reversed"].mean) == {0}
    assert elbow["unreversed"].mean == pytest.approx(elbow["occluded"].mean)
    # The left elbow is in sight, and the top of the head is no key point.
    hidden = {name for name, mean in zip(result.columns, elbow["world"].mean, strict=True) if mean == mean}
    assert hidden == set(result.columns) - {"left_elbow", "head_top"}
    assert elbow["world"].mean[ankle] == pytest.approx(elbow["clean"].mean[ankle])
    difference = result.pairs[0].differences["remote"]
    assert difference.p_permutation[wrist] < 0.05
    assert np.isnan(result.pairs[0].differences["world"].p_permutation[result.columns.index("head_top")])
    again = Comparison.open(result.save(tmp_path / "out")[0])
    assert again.quantities == result.quantities
    assert "nan" not in result.table("head_top").to_string()
    assert "remote" not in (tmp_path / "out" / "models.tex").read_text()
