"""Differences of meshes are paired by sequence, tested vertex by vertex, and never mix bodies."""

import numpy as np
import pytest
from scipy import stats
from support.figure_fixtures import draw_coarsely
from support.figure_texts import texts
from support.survey_fixtures import make_survey

from occlusion_toolkit.comparison.meshes import mesh_difference, mesh_of, meshes_by_model_figure
from occlusion_toolkit.comparison.run import compare
from occlusion_toolkit.comparison.significance import FEWEST_SEQUENCES
from occlusion_toolkit.errors import ResultError, TopologyError, UsageError
from occlusion_toolkit.meshes import pool
from occlusion_toolkit.meshes.sensitivity_mesh import SensitivityMesh
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.maps import with_card


@pytest.fixture(scope="module")
def surveys(tmp_path_factory) -> list[Survey]:
    folder = tmp_path_factory.mktemp("surveys")
    return [make_survey(folder / n, model_card=n, seed=4, images=16, sequences=8) for n in ("a", "b")]


@pytest.fixture(scope="module")
def meshes(surveys) -> dict[str, SensitivityMesh]:
    return {survey.card.model_card: mesh_of(survey, "error") for survey in surveys}


def changed(mesh: SensitivityMesh, change) -> SensitivityMesh:
    """The mesh with the sequence means of its errors replaced."""
    means = mesh.dataset["sequence_means"].copy(deep=True)
    values = means.sel(metric="error").transpose("sequence", "joint", "vertex")
    means.loc[{"metric": "error"}] = change(values.values)
    return SensitivityMesh(mesh.dataset.assign(sequence_means=means))


def of_body(mesh: SensitivityMesh, body: str) -> SensitivityMesh:
    """The mesh as if it were of another body."""
    return SensitivityMesh(with_card(mesh.dataset, mesh.card.model_copy(update={"body": body})))


def test_equal_meshes_do_not_differ_anywhere_and_the_figure_says_so(meshes, monkeypatch):
    draw_coarsely(monkeypatch)
    found = mesh_difference(meshes["a"], meshes["b"], "error")
    seen = found.sequences > 0
    np.testing.assert_array_equal(found.mean_mm[seen], 0)
    assert not found.significant.any()
    shown = texts(meshes_by_model_figure(meshes, "error"))
    assert any("no model differs significantly" in text for text in shown)
    assert "a − b" not in shown


def test_a_shift_of_some_vertices_is_significant_there_and_only_there(meshes, monkeypatch):
    noise = np.random.default_rng(0)
    moved = np.zeros(meshes["a"].num_vertices, dtype=bool)
    moved[:2000] = True

    def shift(means):
        jitter = noise.normal(size=(len(means), 1, means.shape[2]))
        return means + jitter + 50 * moved

    shifted = changed(meshes["a"], shift)
    found = mesh_difference(shifted, meshes["b"], "error")
    tested = np.isfinite(found.q)
    assert found.significant[moved & tested].mean() > 0.99
    assert found.significant[~moved & tested].mean() < 0.1
    np.testing.assert_allclose(found.mean_mm[moved & (found.sequences > 0)], 50, atol=4)
    draw_coarsely(monkeypatch)
    shown = texts(meshes_by_model_figure({"a": shifted, "b": meshes["b"]}, "error"))
    assert {"a", "b", "a − b"} <= set(shown)


def test_one_vertex_is_tested_as_scipy_tests_it(meshes):
    other = changed(meshes["b"], lambda means: means * np.linspace(0.5, 1.2, len(means))[:, None, None])
    found = mesh_difference(meshes["a"], other, "error", "left_wrist")
    vertex = int(found.sequences.argmax())
    one, two = (
        mesh.dataset["sequence_means"].sel(metric="error", joint="left_wrist").values[:, vertex]
        for mesh in (meshes["a"], other)
    )
    both = np.isfinite(one - two)
    assert found.mean_mm[vertex] == pytest.approx((one - two)[both].mean(), rel=1e-5)
    p = stats.ttest_rel(one[both].astype(float), two[both].astype(float)).pvalue
    assert found.q[vertex] >= p * (1 - 1e-6)


def test_vertices_that_few_sequences_show_are_not_tested(meshes):
    found = mesh_difference(meshes["a"], meshes["b"], "error")
    assert np.isnan(found.q[found.sequences < FEWEST_SEQUENCES]).all()
    assert np.isfinite(found.q[found.sequences >= FEWEST_SEQUENCES]).all()
    assert np.isnan(found.mean_mm[found.sequences == 0]).all()


def test_meshes_of_other_bodies_or_sequences_are_refused(meshes):
    with pytest.raises(TopologyError, match="smpl"):
        mesh_difference(meshes["a"], of_body(meshes["b"], "smpl"), "error")
    renamed = meshes["b"].dataset.assign_coords(sequence=list("stuvwxyz"))
    with pytest.raises(ResultError, match="other sequences"):
        mesh_difference(meshes["a"], SensitivityMesh(renamed), "error")
    with pytest.raises(UsageError, match="two"):
        meshes_by_model_figure({"a": meshes["a"]}, "error")


class Reading:
    """Counts how often each shard is read, and whether something is pooled."""

    def __init__(self, monkeypatch) -> None:
        self.shards: list[tuple[str, int]] = []
        self.pooled: list[tuple[str, ...]] = []
        read, pooled = Survey._open, pool.pool

        def counted(survey, shard, **options):
            self.shards.append((survey.card.model_card, shard))
            return read(survey, shard, **options)

        def noted(survey, bodies, metric=None, **options):
            self.pooled.append(tuple(metric))
            return pooled(survey, bodies, metric, **options)

        monkeypatch.setattr(Survey, "_open", counted)
        monkeypatch.setattr(pool, "pool", noted)


def test_every_shard_is_read_once_whether_there_are_meshes_or_not(tmp_path, monkeypatch):
    surveys = [make_survey(tmp_path / n, model_card=n, seed=i, images=6) for i, n in enumerate("ab")]
    expected = sorted((name, shard) for name in "ab" for shard in range(2))
    for pooled in (2, 0):  # the meshes are kept beside the surveys
        reading = Reading(monkeypatch)
        comparison = compare(*(survey.folder for survey in surveys), meshes=True)
        assert len(comparison.meshes()) == 2
        assert sorted(reading.shards) == expected
        assert len(reading.pooled) == pooled


def test_a_mesh_that_lacks_the_metric_is_made_again_with_what_it_had(tmp_path, monkeypatch):
    survey = make_survey(tmp_path / "a", images=4)
    mesh_of(survey, "error")
    reading = Reading(monkeypatch)
    mesh = mesh_of(survey, "pa_error")
    assert reading.pooled == [("error", "pa_error")]
    assert {"error", "pa_error"} <= set(mesh.metrics)
    assert mesh_of(survey, "error").metric == "error"
    assert len(reading.pooled) == 1


def test_a_mesh_of_another_survey_is_pooled_again(tmp_path, monkeypatch):
    survey = make_survey(tmp_path / "a", images=4)
    mesh_of(survey, "error")
    retrained = make_survey(tmp_path / "b", images=4, model_card="retrained")
    (survey.folder / "mesh.h5").rename(retrained.folder / "mesh.h5")
    reading = Reading(monkeypatch)
    mesh_of(retrained, "error")
    assert len(reading.pooled) == 1
