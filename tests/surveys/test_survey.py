"""A survey in its folder: read shard by shard or as one, and refused where it is not what it says."""

import pytest
import xarray as xr
from support.survey_fixtures import make_survey, survey_card

from occlusion_toolkit.errors import GroundTruthError, ResultError
from occlusion_toolkit.surveys import survey as module
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.maps import save_maps, values_of, with_card


def test_a_survey_is_read_back_in_the_order_of_the_data_set(tmp_path):
    survey = make_survey(tmp_path / "s", images=12, shard_size=5)
    opened = Survey.open(tmp_path / "s")
    assert (opened.num_images, opened.num_shards, opened.complete) == (12, 3, True)
    assert [shard["image"].values[0] for shard in opened.shards()] == [0, 5, 10]
    assert [frame for shard in opened.shards() for frame in shard["frame"].values] == list(range(12))
    assert (opened.card, opened.joint_names) == (survey.card, survey.joint_names)
    assert opened.grid.stride == 56


def test_all_shards_are_one_data_set_that_is_read_when_it_is_used(tmp_path):
    survey = make_survey(tmp_path / "s")
    maps, joined = survey.maps, xr.concat(list(survey.shards()), "image")
    assert maps["error"].chunksizes["image"] == (5, 5, 2)
    xr.testing.assert_equal(maps.load(), joined)
    assert maps["error"].groupby("sequence").mean().sizes["sequence"] == 3


def test_a_shard_opens_in_plain_xarray(tmp_path):
    survey = make_survey(tmp_path / "s")
    with xr.open_dataset(survey.shard_path(1)) as opened:
        xr.testing.assert_equal(opened.load(), survey.shard(1))


def test_without_truth_there_is_displacement_only(tmp_path):
    shard = make_survey(tmp_path / "s", truth=False).shard(0)
    assert values_of(shard, "displacement").shape == (5, 14, 4, 4)
    with pytest.raises(GroundTruthError, match="needs ground truth"):
        values_of(shard, "increase")


def test_every_checksum_is_compared_once(tmp_path, monkeypatch):
    make_survey(tmp_path / "s")
    read, sha256_file = [], module.sha256_file
    monkeypatch.setattr(module, "sha256_file", lambda path: read.append(path.name) or sha256_file(path))
    survey = Survey.open(tmp_path / "s")
    for _ in range(2):
        list(survey.shards())
    assert survey.maps.sizes["image"] == 12
    assert read == [f"shard-0000{number}.h5" for number in range(3)]


def test_a_changed_shard_is_refused(tmp_path):
    survey = make_survey(tmp_path / "s")
    other = survey.shard(0)
    save_maps(survey.shard_path(0), other.assign(clean_betas=other["clean_betas"] + 1))
    for read in (lambda opened: list(opened.shards()), lambda opened: opened.maps):
        with pytest.raises(ResultError, match=r"shard-00000\.h5' was changed after the run"):
            read(Survey.open(tmp_path / "s"))


def test_an_incomplete_survey_is_refused(tmp_path):
    survey = make_survey(tmp_path / "s")
    survey.shard_path(1).unlink()
    survey.reopened().save()
    opened = Survey.open(tmp_path / "s")
    assert not opened.complete
    assert opened.missing() == [1]
    with pytest.raises(ResultError, match="1 of 3 shards are missing"):
        opened.shards()
    with pytest.raises(ResultError, match="1 of 3 shards are missing"):
        _ = opened.maps
    with pytest.raises(ResultError, match="shard-00001"):
        opened.sealed()


def test_a_shard_of_another_survey_is_refused(tmp_path):
    survey = make_survey(tmp_path / "s")
    survey.reopened().save()
    shard = survey.shard(1)
    save_maps(survey.shard_path(1), with_card(shard, survey_card(model_card="other")))
    with pytest.raises(ResultError, match="another survey"):
        Survey.open(tmp_path / "s").sealed()
    save_maps(survey.shard_path(1), survey.shard(2))
    with pytest.raises(ResultError, match="other images"):
        Survey.open(tmp_path / "s").sealed()


@pytest.mark.parametrize("text", ["", "[]", '{"kind": "survey"}', '{"kind": "heatmap", "version": 2}'])
def test_a_malformed_manifest_is_named(tmp_path, text):
    make_survey(tmp_path / "s", images=2)
    (tmp_path / "s" / "survey.json").write_text(text)
    with pytest.raises(ResultError, match=r"survey\.json' is malformed"):
        Survey.open(tmp_path / "s")


def test_a_folder_without_a_survey_is_named(tmp_path):
    with pytest.raises(ResultError, match="holds no survey"):
        Survey.open(tmp_path)


@pytest.mark.parametrize("cut", [0.2, 0.6, 0.95])
def test_damaged_shards_are_found_with_the_reason(tmp_path, cut):
    survey = make_survey(tmp_path / "s").reopened()
    path = survey.shard_path(1)
    data = path.read_bytes()
    path.write_bytes(data[: int(cut * len(data))])
    survey = Survey(survey.folder, survey.manifest)
    assert list(survey.damaged(range(3))) == [1]
    assert "shard-00001.h5' is damaged" in survey.damaged([1])[1]


def test_in_a_notebook_a_survey_says_what_it_is(tmp_path):
    shown = make_survey(tmp_path / "<s>")._repr_html_()
    assert "open test, 12 images" in shown
    assert "&lt;s&gt;" in shown
