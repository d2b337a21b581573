"""Pooling a survey: statistics over frames and sequences, whatever the survey looks like."""

import sys
import tracemalloc

import numpy as np
import pytest
import torch
import xarray as xr
from scipy import stats
from support.survey_fixtures import make_survey, manifest_of

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.camera import vertex_visibility
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.body.rasterize import Rasterizer, rasterize
from occlusion_toolkit.errors import BodyModelError, GroundTruthError, RenderingError, ResultError, UsageError
from occlusion_toolkit.meshes import pool as module
from occlusion_toolkit.meshes.carry import MapCarrier
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.maps import save_maps, values_of

BODIES = Bodies()


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    return make_survey(tmp_path_factory.mktemp("survey") / "run")


@pytest.fixture(scope="module")
def mesh(survey):
    return survey.mesh()


def unsealed(survey, shard_size=None, folder=None):
    """The same survey while it was under way, in another folder or cut otherwise."""
    size = shard_size or survey.manifest.shard_size
    return Survey(folder or survey.folder, manifest_of(survey.card, survey.num_images, size))


def stacked(survey, metric, rule):
    """Sequences (N,) and values of every image, joint and vertex, NaN where there are none, (N, J + 1, V)."""
    body = BODIES.load(survey.card.body)
    sequences, values = [], []
    for shard in survey.shards():
        maps = values_of(shard, metric).values
        estimates = (shard[f"clean_{name}"].values for name in ("rotmats", "betas", "camera"))
        people = BodyParameters(*map(torch.from_numpy, estimates))
        view = vertex_visibility(body(people).vertices, body.faces, people.camera)
        for number, sequence in enumerate(shard["sequence"].values):
            seen = np.flatnonzero(view.visible[number].numpy())
            taken = MapCarrier(survey.grid).carry(maps[number], view.pixel[number].numpy()[seen])[rule]
            image = np.full((len(maps[number]) + 1, body.num_vertices), np.nan)
            image[:-1, seen[taken.defined]] = taken.values.T
            image[-1] = image[:-1].mean(axis=0)
            sequences.append(sequence)
            values.append(image)
    return np.array(sequences), np.stack(values)


def assert_statistics(mesh, data, **names):
    """Statistics over the first axis, by two passes."""
    count = np.isfinite(data[:, 0]).sum(axis=0)
    where = {key: names[key] for key in ("over", "where")}
    np.testing.assert_array_equal(mesh.dataset["count"].sel(**where).values, count)
    found = {
        name: mesh.sel(statistic=name, **names).values for name in ("mean", "variance", "ci_low", "ci_high")
    }
    seen, twice = count > 0, count > 1
    np.testing.assert_allclose(found["mean"][:, seen], np.nanmean(data[..., seen], axis=0), rtol=1e-6)
    assert np.isnan(found["mean"][:, ~seen]).all()
    variance = np.nanvar(data[..., twice], axis=0, ddof=1)
    half_width = stats.t.ppf(0.975, count[twice] - 1) * np.sqrt(variance / count[twice])
    mean = np.nanmean(data[..., twice], axis=0)
    np.testing.assert_allclose(found["variance"][:, twice], variance, rtol=1e-5)
    np.testing.assert_allclose(found["ci_low"][:, twice], mean - half_width, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found["ci_high"][:, twice], mean + half_width, rtol=1e-5, atol=1e-5)
    for name in ("variance", "ci_low", "ci_high"):
        assert np.isnan(found[name][:, ~twice]).all()


@pytest.mark.parametrize(
    ("metric", "rule"), [("displacement", "cell"), ("error", "hidden"), ("increase", "elsewhere")]
)
def test_statistics_over_frames_and_over_sequences_are_those_of_two_passes(survey, mesh, metric, rule):
    sequences, data = stacked(survey, metric, rule)
    assert_statistics(mesh, data, metric=metric, where=rule, over="frames")
    parts = [data[sequences == name] for name in mesh.sequences]
    counts = np.stack([np.isfinite(part[:, 0]).sum(axis=0) for part in parts])
    with np.errstate(invalid="ignore"):
        means = np.stack([np.nansum(part, axis=0) for part in parts]) / counts[:, None]
    assert_statistics(mesh, means, metric=metric, where=rule, over="sequences")
    if rule == "cell":
        np.testing.assert_array_equal(mesh.dataset["sequence_counts"].values, counts)
        found = mesh.dataset["sequence_means"].sel(metric=metric).values
        np.testing.assert_allclose(found, means, rtol=1e-6)


def test_the_mean_mesh_is_the_mean_of_the_joint_meshes(mesh):
    of_joints = mesh.dataset["mean"].isel(joint=slice(0, -1)).mean("joint")
    np.testing.assert_allclose(mesh.dataset["mean"].sel(joint="mean").values, of_joints.values, atol=2e-5)


def test_every_metric_comes_under_every_rule(mesh):
    assert mesh.dataset["mean"].sizes == {"over": 2, "metric": 3, "where": 3, "joint": 15, "vertex": 6000}
    assert (mesh.metric, mesh.metrics) == ("error", ("displacement", "error", "increase"))
    assert (mesh.num_images, len(mesh.sequences), mesh.joints[-1]) == (12, 3, "mean")


def test_vertices_that_no_image_shows_stay_nan(mesh):
    unseen = mesh.count == 0
    assert 0 < unseen.mean() < 0.5
    assert np.isnan(mesh.dataset["mean"].values[..., unseen]).all()


def test_the_card_says_what_was_pooled_and_what_decided_what_is_seen(survey, mesh):
    told = {"analysis": "mesh", "metrics": ("mpjpe",), "rasterizer": "builtin"}
    assert mesh.card == survey.card.model_copy(update=told)
    assert not survey.card.differences(
        mesh.card.model_copy(update={"analysis": "survey", "rasterizer": None})
    )


def test_aligned_values_are_pooled_when_asked_for(survey):
    aligned = survey.mesh("pa_increase")
    assert (aligned.metric, aligned.card.metrics) == ("pa_increase", ("pa_mpjpe",))
    _, data = stacked(survey, "pa_error", "cell")
    assert_statistics(aligned, data, metric="pa_error", where="cell", over="frames")


def test_several_metrics_are_pooled_together_those_of_ones_own_under_their_names(tmp_path):
    survey = make_survey(tmp_path / "run", images=4, metrics=("mpjpe", "pa_mpjpe", "mine"))
    mesh = survey.mesh(("mine_error", "error"))
    assert mesh.metrics == tuple(
        f"{of}{q}" for of in ("mine_", "") for q in ("displacement", "error", "increase")
    )
    mine, error = (mesh.sel(metric=name).values for name in ("mine_error", "error"))
    np.testing.assert_allclose(mine, 2 * error, rtol=1e-6)


def test_without_ground_truth_there_is_displacement_alone(tmp_path):
    survey = make_survey(tmp_path / "run", images=3, truth=False)
    assert survey.mesh().metrics == ("displacement",)
    with pytest.raises(GroundTruthError, match="error needs ground truth"):
        survey.mesh("error")
    with pytest.raises(UsageError, match="no 'mine_displacement'"):
        survey.mesh("mine_displacement")


def assert_same_bits(one, other):
    xr.testing.assert_identical(one.dataset, other.dataset)


def test_shards_can_be_cut_anywhere_without_a_bit_changing(tmp_path, survey, mesh):
    """The same images in shards of 7 instead of 5."""
    other, maps = unsealed(survey, 7, tmp_path), survey.maps.load()
    (tmp_path / "shards").mkdir()
    for number in range(other.num_shards):
        positions = other.images_of(number)
        save_maps(other.shard_path(number), maps.sel(image=list(positions)))
    assert_same_bits(other.sealed().mesh(), mesh)


def test_the_number_of_bodies_drawn_together_matters_only_to_rounding(monkeypatch, survey, mesh):
    monkeypatch.setattr(module, "_BODIES_AT_ONCE", 5)
    other = survey.mesh()
    same = other.count == mesh.count
    assert same.mean() > 0.999
    np.testing.assert_allclose(other.sel().values[:, same], mesh.sel().values[:, same], rtol=1e-6)


def test_images_of_one_sequence_must_follow_each_other(tmp_path):
    survey = make_survey(tmp_path / "run", images=6, shard_size=6)
    shard = survey.shard(0)
    order = [0, 2, 4, 1, 3, 5]
    save_maps(survey.shard_path(0), shard.assign_coords(sequence=("image", shard["sequence"].values[order])))
    with pytest.raises(ResultError, match="'sequence_00' do not follow each other"):
        unsealed(survey).sealed().mesh()


def test_a_survey_under_way_is_refused(tmp_path):
    survey = make_survey(tmp_path / "run")
    survey.shard_path(1).unlink()
    with pytest.raises(ResultError, match="1 of 3 shards are missing"):
        unsealed(survey).mesh()


def test_a_body_that_is_not_there_is_an_error(tmp_path):
    survey = make_survey(tmp_path / "run", images=3)
    card = survey.card.model_copy(update={"body": "somebody-else"})
    other = Survey(survey.folder, survey.manifest.model_copy(update={"card": card}))
    with pytest.raises(BodyModelError, match="somebody-else"):
        other.mesh()


def test_progress_counts_images(survey):
    told = []
    survey.mesh(progress=lambda *counts: told.append(counts))
    assert told == sorted(told)
    assert told[-1] == (survey.num_images, survey.num_images)


def test_the_rasteriser_that_is_chosen_draws_and_is_named(monkeypatch, survey, mesh):
    sizes = []

    def spy(vertices_px, faces, height, width, *, cull_backfaces=False):
        sizes.append((height, width))
        return rasterize(vertices_px, faces, height, width, cull_backfaces=cull_backfaces)

    monkeypatch.setattr(module, "rasterizer_of", lambda name, device: Rasterizer(f"my {name}", spy))
    other = survey.mesh(rasterizer="builtin")
    assert other.card.rasterizer == "my builtin"
    np.testing.assert_array_equal(other.dataset["mean"].values, mesh.dataset["mean"].values)
    assert set(sizes) == {(224, 224)}


def test_a_rasteriser_that_is_not_there_is_an_error_before_anything_is_read(monkeypatch, survey):
    monkeypatch.setitem(sys.modules, "pytorch3d", None)
    monkeypatch.setattr(Survey, "shards", lambda survey: pytest.fail("it was read"))
    with pytest.raises(RenderingError, match="PyTorch3D cannot be loaded"):
        survey.mesh(rasterizer="pytorch3d")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    peaks = []
    for images in (10, 40):
        survey = make_survey(tmp_path / str(images), images=images, sequences=2, shard_size=5)
        tracemalloc.start()
        survey.mesh()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.02 * peaks[0]
