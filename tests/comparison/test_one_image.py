"""Heatmaps of one image compare like surveys of one sample: numbers, and no claims of certainty."""

import dataclasses

import numpy as np
import pytest
from occlusion_toolkit.sweep.results import write_heatmap
from support.figure_fixtures import fake_heatmap
from support.survey_fixtures import make_survey

from occlusion_toolkit.comparison.comparison import compare_surveys
from occlusion_toolkit.comparison.given import open_results
from occlusion_toolkit.comparison.numbers import CLEAN, OCCLUDED, WORST
from occlusion_toolkit.comparison.record import record
from occlusion_toolkit.errors import ResultError, UsageError


@pytest.fixture
def files(tmp_path):
    """A result by its file, and one by its folder."""
    for seed, name in enumerate("ab"):
        (tmp_path / name).mkdir()
        write_heatmap(tmp_path / name / "result.h5", fake_heatmap(name, seed))
    return [tmp_path / "a" / "result.h5", tmp_path / "b"]


def test_numbers_are_those_of_the_maps(files):
    comparison = compare_surveys(open_results(files))
    for seed, model in enumerate(comparison.models):
        (maps,) = fake_heatmap(seed=seed).maps
        flat = maps.error_mm.reshape(14, -1).astype(float)
        np.testing.assert_allclose(model.means[OCCLUDED].mean[:-1], flat.mean(axis=1))
        np.testing.assert_allclose(model.means[OCCLUDED].mean[-1], flat.mean())
        np.testing.assert_allclose(model.means[WORST].mean[-1], flat.mean(axis=0).max())
        np.testing.assert_allclose(model.means[CLEAN].mean, 20)


def test_one_image_is_one_sequence_and_certain_of_nothing(files, tmp_path):
    images = open_results(files)
    stored = record(compare_surveys(images), images, tmp_path)
    assert (stored.sequences, stored.frames) == (1, 1)
    assert [model.survey for model in stored.models] == ["a", "b"]
    for model in stored.models:
        assert np.isnan(model.quantities["occluded"].low).all()
    found = stored.pairs[0].differences["occluded"]
    for row in (found.p_permutation, found.p_t_sequences, found.p_t_frames, found.effect):
        assert np.isnan(row).all()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"image_sha256": "1" * 64}, "image_sha256"),
        ({"box_size_px": 200.0}, "box_size_px"),
        ({"focus": fake_heatmap().focus.model_copy(update={"aligned": True})}, "focus"),
    ],
)
def test_heatmaps_of_other_images_or_questions_are_refused(files, change, named):
    write_heatmap(files[1] / "result.h5", dataclasses.replace(fake_heatmap("b"), **change))
    with pytest.raises(ResultError, match=named):
        open_results(files)


def test_surveys_and_heatmaps_are_not_mixed(files, tmp_path):
    survey = make_survey(tmp_path / "survey")
    with pytest.raises(UsageError, match="one kind"):
        open_results([files[0], survey.folder])


def test_the_survey_is_meant_where_a_heatmap_lies_in_its_folder(files, tmp_path):
    survey = make_survey(tmp_path / "survey")
    write_heatmap(survey.folder / "result.h5", fake_heatmap())
    assert open_results([survey.folder]) == [survey]


def test_a_mesh_means_the_survey_that_it_was_pooled_from(tmp_path):
    survey = make_survey(tmp_path / "survey")
    assert open_results([survey.folder / "mesh.h5"]) == [survey]


def test_what_is_neither_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("error: 3 mm")
    with pytest.raises(ResultError, match=r"notes\.txt"):
        open_results([tmp_path / "notes.txt"])
    with pytest.raises(ResultError, match="holds no survey"):
        open_results([tmp_path])
