"""Differences of meshes are paired by sequence, tested vertex by vertex, and never mix bodies."""

import dataclasses

import numpy as np
import pytest
from occlusion_toolkit.meshes.mesh_result import MeshResult
from occlusion_toolkit.meshes.pooling.pool import pool
from scipy import stats
from support.survey_fixtures import make_survey

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_surface import display_surface
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.comparison.mesh_figure import meshes_by_model_figure
from occlusion_toolkit.comparison.meshes import mesh_difference
from occlusion_toolkit.comparison.significance import FEWEST_SEQUENCES
from occlusion_toolkit.errors import ResultError, TopologyError, UsageError


@pytest.fixture(scope="module")
def meshes(tmp_path_factory) -> dict[str, MeshResult]:
    folder = tmp_path_factory.mktemp("surveys")
    return {
        name: pool(make_survey(folder / name, model_card=name, seed=4, images=16, sequences=8), Bodies())
        for name in ("a", "b")
    }


def changed(mesh: MeshResult, change) -> MeshResult:
    """The mesh with the sequence means of its errors replaced."""
    pooled = tuple(
        dataclasses.replace(maps, sequence_means=change(maps.sequence_means).astype(np.float32))
        if (maps.read_out, maps.rule) == ("error", "cell")
        else maps
        for maps in mesh.pooled
    )
    return dataclasses.replace(mesh, pooled=pooled)


def test_equal_meshes_do_not_differ_anywhere(meshes):
    found = mesh_difference(meshes["a"], meshes["b"], "error")
    seen = found.sequences > 0
    np.testing.assert_array_equal(found.mean_mm[seen], 0)
    assert not found.significant.any()


def test_a_shift_of_some_vertices_is_significant_there_and_only_there(meshes):
    noise = np.random.default_rng(0)
    moved = np.zeros(meshes["a"].num_vertices, dtype=bool)
    moved[:2000] = True

    def shift(means):
        jitter = noise.normal(size=(len(means), 1, means.shape[2]))
        return means + jitter + 50 * moved

    found = mesh_difference(changed(meshes["a"], shift), meshes["b"], "error")
    tested = np.isfinite(found.q)
    assert found.significant[moved & tested].mean() > 0.99
    assert found.significant[~moved & tested].mean() < 0.1
    np.testing.assert_allclose(found.mean_mm[moved & (found.sequences > 0)], 50, atol=4)


def test_one_vertex_is_tested_as_scipy_tests_it(meshes):
    other = changed(meshes["b"], lambda means: means * np.linspace(0.5, 1.2, len(means))[:, None, None])
    found = mesh_difference(meshes["a"], other, "error", "left_wrist")
    vertex = int(found.sequences.argmax())
    row = meshes["a"].row_names.index("left_wrist")
    one, two = (mesh.of("error").sequence_means[:, row, vertex] for mesh in (meshes["a"], other))
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
    smpl = dataclasses.replace(meshes["b"], card=meshes["b"].card.model_copy(update={"body": "smpl"}))
    with pytest.raises(TopologyError, match="smpl"):
        mesh_difference(meshes["a"], smpl, "error")
    renamed = dataclasses.replace(meshes["b"], sequence_names=tuple("stuvwxyz"))
    with pytest.raises(ResultError, match="other sequences"):
        mesh_difference(meshes["a"], renamed, "error")


def test_the_figure_shows_every_model_and_every_pair(meshes):
    surface = display_surface(load_open_body())
    figure = meshes_by_model_figure(meshes, surface, "error")
    texts = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert {"a", "b", "a − b"} <= texts
    with pytest.raises(UsageError, match="two"):
        meshes_by_model_figure({"a": meshes["a"]}, surface, "error")
    with pytest.raises(TopologyError):
        meshes_by_model_figure(meshes, dataclasses.replace(surface, topology="smpl"), "error")
