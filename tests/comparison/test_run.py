"""What is finished is used again: meshes are pooled only where none of the survey lies in its folder."""

import dataclasses

import numpy as np
import pytest
from occlusion_toolkit.meshes.run import make_mesh
from support.survey_fixtures import make_survey

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.comparison import run
from occlusion_toolkit.comparison.run import pooled_meshes


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """A survey with its mesh in its folder."""
    survey = make_survey(tmp_path_factory.mktemp("run") / "survey", images=4)
    make_mesh(survey, Bodies(), survey.folder)
    return survey


@pytest.fixture
def pooled(monkeypatch) -> list[bool]:
    """One entry per pooling, whether it was aligned; nothing is written."""
    calls = []

    def pool_only(survey, bodies, folder, *, aligned, progress):
        calls.append(aligned)
        return dataclasses.replace(run.read_mesh(survey.folder / "mesh.h5"), aligned=aligned), []

    monkeypatch.setattr(run, "make_mesh", pool_only)
    return calls


def test_a_mesh_of_the_survey_is_not_pooled_again(survey, pooled):
    meshes, surface = pooled_meshes({"a": survey}, Bodies())
    assert pooled == []
    assert meshes["a"].num_images == 4
    assert surface is not None
    assert surface.topology == survey.card.body


def test_a_mesh_of_other_values_or_of_another_survey_is_pooled_again(survey, pooled):
    pooled_meshes({"a": survey}, Bodies(), aligned=True)
    other = survey.card.model_copy(update={"weights_sha256": "1" * 64})
    retrained = dataclasses.replace(survey, manifest=survey.manifest.model_copy(update={"card": other}))
    pooled_meshes({"a": retrained}, Bodies())
    assert pooled == [True, False]


def test_models_of_different_bodies_share_no_mesh(survey, pooled):
    other = survey.card.model_copy(update={"body": "smpl"})
    smpl = dataclasses.replace(survey, manifest=survey.manifest.model_copy(update={"card": other}))
    assert pooled_meshes({"a": survey, "b": smpl}, Bodies()) == ({}, None)
    assert pooled == []


def test_a_pooled_mesh_is_that_of_the_survey(survey):
    found, _ = pooled_meshes({"a": survey}, Bodies())
    (survey.folder / "mesh.h5").unlink()
    again, _ = pooled_meshes({"a": survey}, Bodies())
    np.testing.assert_array_equal(found["a"].of("error").frames.mean, again["a"].of("error").frames.mean)
    assert (survey.folder / "mesh.h5").is_file()
