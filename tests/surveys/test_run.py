"""Runs of surveys in this process: what they write and refuse, and that interruptions change nothing."""

import shutil

import numpy as np
import pytest
import torch
from occlusion_toolkit.surveys.measure import image_key
from occlusion_toolkit.surveys.part import Part
from occlusion_toolkit.surveys.stored import Survey
from support.survey_fakes import FakeSource, no_files, shard_bytes, some_people

from occlusion_toolkit.body.joints import LSP14, SMPL24
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.crops import normalise, read_crop
from occlusion_toolkit.errors import DatasetError, RunError, TopologyError, UsageError
from occlusion_toolkit.surveys.run import run_survey
from occlusion_toolkit.sweep.grid import Grid

PEOPLE = some_people(7)


def run(folder, source=None, people=PEOPLE, **settings):
    return run_survey(source or FakeSource(), people, no_files(), folder, shard_size=3, **settings)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole"))


def interrupted(folder, images: int, **settings) -> None:
    """A run that Ctrl-C ends after some images."""

    def progress(done, total):
        if done == images:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(folder, progress=progress, **settings)


def test_a_survey_holds_the_sweeps_of_all_people_in_order(whole):
    shards = list(whole.shards())
    assert [len(shard.images) for shard in shards] == [3, 3, 1]
    keys = [key for shard in shards for key in shard.images]
    assert keys == [image_key(frame, PEOPLE.root) for frame in PEOPLE]
    assert all((PEOPLE.root / key.image).is_file() for key in keys)
    sizes = np.concatenate([shard.box_size_px for shard in shards])
    np.testing.assert_array_equal(sizes, [frame.box.size for frame in PEOPLE])


def test_a_shard_holds_what_the_sweep_of_each_person_gives(whole):
    shard = whole.shard(1)
    sweep = FakeSource()(torch.device("cpu")).sweep()
    for row, frame in enumerate(PEOPLE[3:6]):
        truth = BodyParameters(
            torch.from_numpy(frame.rotmats)[None], torch.from_numpy(frame.betas)[None], torch.zeros(1, 3)
        )
        (alone,) = sweep.run(normalise(read_crop(frame))[None], truth)
        for read_out in ("error", "increase", "displacement"):
            for aligned in (False, True):
                expected = alone.map(read_out, LSP14, aligned)
                np.testing.assert_allclose(shard.values(read_out, aligned)[row], expected, atol=1e-2)
        np.testing.assert_allclose(shard.clean_rotmats[row], alone.clean_rotmats, atol=1e-5)
    assert np.abs(shard.error_mm[0] - shard.error_mm[1]).max() > 1


def test_the_card_says_what_was_measured(whole):
    card = whole.card
    assert (card.dataset, card.split, card.model_card) == ("open", "test", "tiny-0")
    assert card.people_sha256 == PEOPLE.fingerprint
    assert card.grid is not None
    assert (card.grid.size, card.grid.stride) == (56, 56)
    assert card.read_outs == ("displacement", "error", "increase")


@pytest.mark.parametrize("images", [1, 3, 5, 6])
def test_an_interrupted_run_goes_on_and_ends_with_the_very_same_bytes(tmp_path, whole, images):
    interrupted(tmp_path, images)
    assert len(Survey.open(tmp_path).missing()) == 3 - images // 3 + (images % 3 == 0)
    resumed = run(tmp_path, resume=True)
    assert resumed.complete
    assert shard_bytes(resumed) == shard_bytes(whole)
    assert resumed.manifest == whole.manifest


def test_parts_together_are_the_whole(tmp_path, whole):
    surveys = [run(tmp_path, part=Part(index, 2)) for index in (1, 0)]
    assert [survey.complete for survey in surveys] == [False, True]
    assert shard_bytes(surveys[1]) == shard_bytes(whole)


@pytest.mark.parametrize(("count", "shards"), [(1, 5), (2, 5), (3, 10), (7, 3)])
def test_parts_are_disjoint_and_leave_nothing_out(count, shards):
    parts = [list(Part(index, count).of(shards)) for index in range(count)]
    assert [shard for part in parts for shard in part] == list(range(shards))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(("index", "count"), [(2, 2), (-1, 2), (0, 0)])
def test_a_part_that_is_none_is_an_error(index, count):
    with pytest.raises(UsageError, match="no part"):
        Part(index, count)


def test_a_finished_folder_is_refused_without_resume_and_left_alone_with_it(tmp_path, whole):
    run(tmp_path)
    with pytest.raises(RunError, match=r"holds a finished run \(3 of 3 shards\); use --resume"):
        run(tmp_path)
    seen = []
    assert run(tmp_path, resume=True, progress=lambda *counts: seen.append(counts)).complete
    assert seen == []


def test_an_unfinished_folder_is_refused_without_resume(tmp_path):
    interrupted(tmp_path, 4)
    with pytest.raises(RunError, match=r"an unfinished run \(1 of 3 shards\)"):
        run(tmp_path)


def test_a_folder_in_which_no_shard_was_finished_can_be_begun_otherwise(tmp_path, whole):
    interrupted(tmp_path, 2, source=FakeSource(seed=1))
    assert shard_bytes(run(tmp_path)) == shard_bytes(whole)


def test_a_part_whose_shards_are_there_needs_resume(tmp_path):
    run(tmp_path, part=Part(0, 2))
    with pytest.raises(RunError, match="use --resume"):
        run(tmp_path, part=Part(0, 2))
    assert not run(tmp_path, part=Part(0, 2), resume=True).complete
    assert run(tmp_path, part=Part(1, 2)).complete


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"source": FakeSource(seed=1)}, "model_card: tiny-0, now tiny-1"),
        ({"source": FakeSource(grid=Grid("centred", 40, 56))}, "grid.size: 56, now 40"),
        ({"source": FakeSource(grid=Grid("inside", 56, 56))}, "grid.kind: centred, now inside"),
        ({"source": FakeSource(batch_size=5)}, "batch_size: 16, now 5"),
        ({"people": some_people(6)}, "images: 7, now 6"),
        ({"joint_set": SMPL24}, "joint_set: lsp14, now smpl24"),
    ],
)
def test_another_protocol_is_refused_and_the_difference_named(tmp_path, settings, line):
    interrupted(tmp_path, 4)
    with pytest.raises(RunError, match=line):
        run(tmp_path, resume=True, **settings)


def test_resuming_keeps_the_batch_size_of_the_run(tmp_path):
    interrupted(tmp_path, 4, source=FakeSource(batch_size=5))
    assert run(tmp_path, resume=True).manifest.batch_size == 5


def test_what_a_killed_run_left_half_written_is_removed(tmp_path):
    interrupted(tmp_path, 4)
    leftover = tmp_path / "shards" / ".0123456789abcdef.tmp.h5"
    leftover.write_bytes(b"half a shard")
    run(tmp_path, resume=True)
    assert not leftover.exists()


def test_resume_starts_a_run_where_none_is(tmp_path):
    assert run(tmp_path / "new", resume=True).complete


def test_the_plan_is_told_before_the_run(tmp_path):
    plans, seen = [], []
    run(
        tmp_path / "a",
        announce=lambda plan: plans.append((plan, len(seen))),
        progress=lambda *c: seen.append(c),
    )
    ((plan, before),) = plans
    assert (plan.images, plan.images_left, plan.windows, plan.passes) == (7, 7, 16, 7 * 17)
    assert before == 0
    assert seen == [(done, 7) for done in range(1, 8)]
    written = sum(path.stat().st_size for path in (tmp_path / "a" / "shards").iterdir())
    assert 0.5 * plan.disk_bytes < written < plan.disk_bytes
    assert 0 < plan.seconds < 60


def test_the_plan_of_a_resumed_run_is_what_is_left(tmp_path):
    interrupted(tmp_path, 4)
    plans = []
    run(tmp_path, resume=True, announce=plans.append)
    assert (plans[0].images, plans[0].images_left) == (7, 4)


def test_a_disk_that_is_too_small_is_found_before_the_run(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=100_000_000)  # for the maps, but not for the meshes
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(RunError, match=r"up to 0.15 GB, but only 0.10 GB are left"):
        run(tmp_path, announce=lambda plan: None)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="file/survey' cannot be made"):
        run(tmp_path / "file" / "survey")


def test_a_data_set_of_another_body_is_refused(tmp_path):
    people = some_people(2)
    people.topology = "smpl"
    with pytest.raises(TopologyError, match="ground truth of body 'smpl'"):
        run(tmp_path, people=people)


def test_nobody_is_an_error(tmp_path):
    with pytest.raises(DatasetError, match="nobody"):
        run(tmp_path, people=some_people(0))
