"""Pooling a survey: statistics over frames and sequences, whatever the survey looks like."""

import dataclasses
import tracemalloc

import numpy as np
import pytest
import torch
from occlusion_toolkit.meshes.mesh_result import RULES
from occlusion_toolkit.meshes.pooling import pool as module
from occlusion_toolkit.meshes.pooling.carry import MapCarrier
from occlusion_toolkit.meshes.pooling.pool import pool
from occlusion_toolkit.surveys.stored import Survey, write_shard
from scipy import stats
from support.survey_fixtures import make_survey

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.camera import vertex_visibility
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.body.rasterize import Rasterizer, rasterize
from occlusion_toolkit.errors import BodyModelError, ResultError
from occlusion_toolkit.sweep.grid import Grid

BODIES = Bodies()
STATISTICS = ("count", "mean", "variance", "interval_low", "interval_high")


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    return make_survey(tmp_path_factory.mktemp("survey") / "run")


@pytest.fixture(scope="module")
def mesh(survey):
    return pool(survey, BODIES)


def stacked(survey, read_out, rule, aligned=False):
    """Sequences (N,) and values of every image, joint and vertex, NaN where there are none, (N, J + 1, V)."""
    body = BODIES.load(survey.card.body)
    grid = Grid(survey.grid.kind, survey.grid.size, survey.grid.stride, survey.grid.resolution)
    sequences, values = [], []
    for shard in survey.shards():
        maps = shard.values(read_out, aligned)
        people = BodyParameters(
            *(torch.from_numpy(a) for a in (shard.clean_rotmats, shard.clean_betas, shard.clean_camera))
        )
        view = vertex_visibility(body(people).vertices, body.faces, people.camera)
        for number, key in enumerate(shard.images):
            seen = np.flatnonzero(view.visible[number].numpy())
            taken = MapCarrier(grid).carry(maps[number], view.pixel[number].numpy()[seen])[rule]
            image = np.full((len(maps[number]) + 1, body.num_vertices), np.nan)
            image[:-1, seen[taken.defined]] = taken.values.T
            image[-1] = image[:-1].mean(axis=0)
            sequences.append(key.sequence)
            values.append(image)
    return np.array(sequences), np.stack(values)


def assert_statistics(statistics, data):
    """Statistics over the first axis, by two passes."""
    count = np.isfinite(data[:, 0]).sum(axis=0)
    np.testing.assert_array_equal(statistics.count, count)
    seen, twice = count > 0, count > 1
    np.testing.assert_allclose(statistics.mean[:, seen], np.nanmean(data[..., seen], axis=0), rtol=1e-6)
    assert np.isnan(statistics.mean[:, ~seen]).all()
    variance = np.nanvar(data[..., twice], axis=0, ddof=1)
    half_width = stats.t.ppf(0.975, count[twice] - 1) * np.sqrt(variance / count[twice])
    mean = np.nanmean(data[..., twice], axis=0)
    np.testing.assert_allclose(statistics.variance[:, twice], variance, rtol=1e-5)
    np.testing.assert_allclose(statistics.interval_low[:, twice], mean - half_width, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(statistics.interval_high[:, twice], mean + half_width, rtol=1e-5, atol=1e-5)
    for name in ("variance", "interval_low", "interval_high"):
        assert np.isnan(getattr(statistics, name)[:, ~twice]).all()


@pytest.mark.parametrize(
    ("read_out", "rule"), [("displacement", "cell"), ("error", "hidden"), ("increase", "elsewhere")]
)
def test_statistics_over_frames_and_over_sequences_are_those_of_two_passes(survey, mesh, read_out, rule):
    sequences, data = stacked(survey, read_out, rule)
    pooled = mesh.of(read_out, rule)
    assert_statistics(pooled.frames, data)
    parts = [data[sequences == name] for name in mesh.sequence_names]
    counts = np.stack([np.isfinite(part[:, 0]).sum(axis=0) for part in parts])
    with np.errstate(invalid="ignore"):
        means = np.stack([np.nansum(part, axis=0) for part in parts]) / counts[:, None]
    assert_statistics(pooled.sequences, means)
    if rule == "cell":
        np.testing.assert_array_equal(mesh.sequence_counts, counts)
        np.testing.assert_allclose(pooled.sequence_means, means, rtol=1e-6)


def test_the_mean_mesh_is_the_mean_of_the_joint_meshes(mesh):
    for maps in mesh.pooled:
        seen = maps.frames.count > 0
        np.testing.assert_allclose(
            maps.frames.mean[-1, seen], maps.frames.mean[:-1, seen].mean(axis=0), rtol=1e-6, atol=1e-9
        )


def test_every_read_out_comes_under_every_rule(mesh):
    held = [(maps.read_out, maps.rule) for maps in mesh.pooled]
    assert held == [(read_out, rule) for read_out in mesh.card.read_outs for rule in RULES]
    assert (mesh.num_images, mesh.num_sequences) == (12, 3)
    assert mesh.row_names[-1] == "mean"


def test_vertices_that_no_image_shows_stay_nan(mesh):
    unseen = mesh.of("error").frames.count == 0
    assert 0 < unseen.mean() < 0.5
    for maps in mesh.pooled:
        assert np.isnan(maps.frames.mean[:, unseen]).all()
        assert np.isnan(maps.sequences.mean[:, unseen]).all()


def test_the_card_says_what_was_pooled(survey, mesh):
    assert mesh.card.analysis == "mesh"
    assert mesh.card.alignments == ("root",)
    assert (
        mesh.card.model_copy(update={"analysis": "survey", "alignments": ("root", "procrustes")})
        == survey.card
    )


def test_aligned_values_are_pooled_when_asked_for(survey):
    aligned = pool(survey, BODIES, aligned=True)
    assert (aligned.aligned, aligned.card.alignments) == (True, ("procrustes",))
    _, data = stacked(survey, "error", "cell", aligned=True)
    assert_statistics(aligned.of("error").frames, data)


def test_without_ground_truth_there_is_displacement_alone(tmp_path, mesh):
    pooled = pool(make_survey(tmp_path / "run", truth=False), BODIES)
    assert [maps.read_out for maps in pooled.pooled] == ["displacement"] * 3
    with pytest.raises(ResultError, match="no 'error'"):
        pooled.of("error")


def assert_same_bits(one, other):
    for mine, theirs in zip(one.pooled, other.pooled, strict=True):
        for level in ("frames", "sequences"):
            for name in STATISTICS:
                values = [getattr(getattr(maps, level), name) for maps in (mine, theirs)]
                assert values[0].tobytes() == values[1].tobytes()


def test_shards_can_be_cut_anywhere_without_a_bit_changing(tmp_path, survey, mesh):
    """The same images in shards of 7 instead of 5."""
    shards = list(survey.shards())
    arrays = [
        field.name
        for field in dataclasses.fields(shards[0])
        if isinstance(getattr(shards[0], field.name), np.ndarray)
    ]
    joined = {name: np.concatenate([getattr(shard, name) for shard in shards]) for name in arrays}
    images = sum((shard.images for shard in shards), ())
    other = Survey(tmp_path, survey.manifest.model_copy(update={"shard_size": 7, "checksums": None}))
    (tmp_path / "shards").mkdir()
    for number in range(other.num_shards):
        span = slice(other.images_of(number).start, other.images_of(number).stop)
        parts = {name: values[span] for name, values in joined.items()}
        content = dataclasses.replace(shards[0], first=span.start, images=images[span], **parts)
        write_shard(other.shard_path(number), content)
    assert_same_bits(pool(other.sealed(), BODIES), mesh)


def test_the_number_of_bodies_drawn_together_matters_only_to_rounding(monkeypatch, survey, mesh):
    monkeypatch.setattr(module, "_BODIES_AT_ONCE", 5)
    other = pool(survey, BODIES).of("error").frames
    same = other.count == mesh.of("error").frames.count
    assert same.mean() > 0.999
    np.testing.assert_allclose(other.mean[:, same], mesh.of("error").frames.mean[:, same], rtol=1e-6)


def test_images_of_one_sequence_must_follow_each_other(tmp_path):
    survey = make_survey(tmp_path / "run", images=6, shard_size=6)
    shard = survey.shard(0)
    shuffled = dataclasses.replace(shard, images=shard.images[::2] + shard.images[1::2])
    write_shard(survey.shard_path(0), shuffled)
    unsealed = Survey(survey.folder, survey.manifest.model_copy(update={"checksums": None}))
    with pytest.raises(ResultError, match="'sequence_00' do not follow each other"):
        pool(unsealed.sealed(), BODIES)


def test_a_survey_under_way_is_refused(tmp_path):
    survey = make_survey(tmp_path / "run")
    under_way = Survey(survey.folder, survey.manifest.model_copy(update={"checksums": None}))
    survey.shard_path(1).unlink()
    with pytest.raises(ResultError, match="1 of 3 shards are missing"):
        pool(under_way, BODIES)


def test_a_body_that_is_not_there_is_an_error(tmp_path):
    survey = make_survey(tmp_path / "run", images=3)
    card = survey.card.model_copy(update={"body": "somebody-else"})
    other = Survey(survey.folder, survey.manifest.model_copy(update={"card": card}))
    with pytest.raises(BodyModelError, match="somebody-else"):
        pool(other, BODIES)


def test_progress_counts_images(survey):
    told = []
    pool(survey, BODIES, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == survey.num_images


def test_any_rasteriser_can_decide_what_is_visible(survey, mesh):
    sizes = []

    def spy(vertices_px, faces, height, width, *, cull_backfaces=False):
        sizes.append((height, width))
        return rasterize(vertices_px, faces, height, width, cull_backfaces=cull_backfaces)

    assert_same_bits(pool(survey, BODIES, rasterizer=Rasterizer("spy", spy)), mesh)
    assert set(sizes) == {(224, 224)}


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    peaks = []
    for images in (20, 80):
        survey = make_survey(tmp_path / str(images), images=images, sequences=2, shard_size=10)
        tracemalloc.start()
        pool(survey, BODIES)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.02 * peaks[0]
