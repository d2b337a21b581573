"""What is made of shards is kept, used again, and made again where anything differs."""

import pytest
from support.survey_fixtures import make_survey

from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.surveys.partial import by_shard


@pytest.fixture
def survey(tmp_path):
    return make_survey(tmp_path / "survey", images=6, sequences=2, shard_size=2)


def made_by(survey, folder, settings="a"):
    """The shards that were made, and what came out."""
    made = []

    def make(maps):
        made.append(int(maps["image"].values[0]))
        return maps[["clean_error"]] * 2

    return made, list(by_shard(survey, make, "test", 1, settings=settings, keep=folder))


def test_every_shard_is_made_once(tmp_path, survey):
    made, first = made_by(survey, tmp_path / "keep")
    again, second = made_by(survey, tmp_path / "keep")
    assert (made, again) == ([0, 2, 4], [])
    for one, two in zip(first, second, strict=True):
        assert one.identical(two)


def test_nothing_is_kept_unless_asked(tmp_path, survey):
    before = sorted(tmp_path.rglob("*"))
    assert made_by(survey, None)[0] == [0, 2, 4]
    assert sorted(tmp_path.rglob("*")) == before


def test_other_settings_and_damaged_files_are_made_again(tmp_path, survey):
    made_by(survey, tmp_path / "keep")
    (tmp_path / "keep" / "test-00001.h5").write_bytes(b"damaged")
    assert made_by(survey, tmp_path / "keep")[0] == [2]
    assert made_by(survey, tmp_path / "keep", settings="b")[0] == [0, 2, 4]


def test_progress_counts_images(tmp_path, survey):
    told = []
    list(
        by_shard(
            survey, lambda maps: maps[["error"]], "test", 1, progress=lambda *counts: told.append(counts)
        )
    )
    assert told == [(2, 6), (4, 6), (6, 6)]


def test_a_survey_that_is_not_complete_is_refused(survey):
    survey.shard_path(1).unlink()
    with pytest.raises(ResultError, match="not complete"):
        list(by_shard(survey.reopened(), lambda maps: maps, "test", 1))
