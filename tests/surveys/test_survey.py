import dataclasses

import numpy as np
import pytest
from occlusion_toolkit.surveys.stored import Survey, read_shard, write_shard
from support.survey_fixtures import make_survey, survey_card

from occlusion_toolkit.errors import ResultError


def test_a_survey_is_read_back_in_the_order_of_the_data_set(tmp_path):
    survey = make_survey(tmp_path / "s", images=12, shard_size=5)
    opened = Survey.open(tmp_path / "s")
    assert (opened.num_images, opened.num_shards, opened.complete) == (12, 3, True)
    assert [shard.first for shard in opened.shards()] == [0, 5, 10]
    frames = [key.frame for shard in opened.shards() for key in shard.images]
    assert frames == list(range(12))
    assert opened.card == survey.card
    assert opened.grid.stride == 56


def test_a_shard_keeps_every_array(tmp_path):
    survey = make_survey(tmp_path / "s")
    shard = survey.shard(1)
    write_shard(tmp_path / "copy.h5", shard)
    again = read_shard(tmp_path / "copy.h5")
    for field in dataclasses.fields(shard):
        before, after = getattr(shard, field.name), getattr(again, field.name)
        np.testing.assert_array_equal(after, before)
    assert (tmp_path / "copy.h5").read_bytes() == survey.shard_path(1).read_bytes()


def test_increase_is_error_minus_clean_error(tmp_path):
    shard = make_survey(tmp_path / "s").shard(0)
    for aligned, error, clean in (
        (False, shard.error_mm, shard.clean_error_mm),
        (True, shard.pa_error_mm, shard.clean_pa_error_mm),
    ):
        np.testing.assert_array_equal(shard.values("error", aligned), error)
        np.testing.assert_array_equal(shard.values("increase", aligned), error - clean[:, :, None, None])
    np.testing.assert_array_equal(shard.values("displacement", True), shard.pa_displacement_mm)


def test_without_truth_there_is_displacement_only(tmp_path):
    shard = make_survey(tmp_path / "s", truth=False).shard(0)
    assert shard.values("displacement").shape == (5, 14, 4, 4)
    with pytest.raises(ResultError, match="without ground truth"):
        shard.values("increase")


def test_a_changed_shard_is_refused(tmp_path):
    survey = make_survey(tmp_path / "s")
    other = survey.shard(0)
    write_shard(survey.shard_path(0), dataclasses.replace(other, clean_betas=other.clean_betas + 1))
    with pytest.raises(ResultError, match=r"shard-00000\.h5' was changed"):
        list(survey.shards())


def test_an_incomplete_survey_is_refused_unless_asked_for(tmp_path):
    survey = make_survey(tmp_path / "s")
    survey.shard_path(1).unlink()
    unsealed = Survey(survey.folder, survey.manifest.model_copy(update={"checksums": None}))
    unsealed.save()
    opened = Survey.open(tmp_path / "s")
    assert not opened.complete
    assert opened.missing() == [1]
    with pytest.raises(ResultError, match="1 of 3 shards are missing"):
        opened.shards()
    assert [shard.first for shard in opened.shards(allow_partial=True)] == [0, 10]
    with pytest.raises(ResultError, match="shard-00001"):
        opened.sealed()


def test_a_shard_of_another_survey_is_refused(tmp_path):
    survey = make_survey(tmp_path / "s")
    unsealed = Survey(survey.folder, survey.manifest.model_copy(update={"checksums": None}))
    shard = survey.shard(1)
    write_shard(survey.shard_path(1), dataclasses.replace(shard, card=survey_card(model_card="other")))
    with pytest.raises(ResultError, match="another survey"):
        unsealed.sealed()
    write_shard(survey.shard_path(1), survey.shard(2))
    with pytest.raises(ResultError, match="other images"):
        unsealed.sealed()


@pytest.mark.parametrize("text", ["", "[]", '{"kind": "survey"}', '{"kind": "heatmap", "version": 1}'])
def test_a_malformed_manifest_is_named(tmp_path, text):
    make_survey(tmp_path / "s")
    (tmp_path / "s" / "survey.json").write_text(text)
    with pytest.raises(ResultError, match=r"survey\.json' is malformed"):
        Survey.open(tmp_path / "s")


def test_a_folder_without_a_survey_is_named(tmp_path):
    with pytest.raises(ResultError, match="holds no survey"):
        Survey.open(tmp_path)


@pytest.mark.parametrize("cut", [0.2, 0.6, 0.95])
def test_a_truncated_shard_is_damaged(tmp_path, cut):
    path = make_survey(tmp_path / "s").shard_path(0)
    data = path.read_bytes()
    path.write_bytes(data[: int(cut * len(data))])
    with pytest.raises(ResultError, match="damaged"):
        read_shard(path)
