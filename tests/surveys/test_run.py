"""Runs of surveys in this process: what they write and refuse, and that interruptions change nothing."""

import json
import logging
import shutil

import numpy as np
import pytest
import torch
from support.fakes import TinyNetwork
from support.survey_fakes import fake_sweep, shard_bytes, some_people

from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.crops import normalise, sample_crop
from occlusion_toolkit.data.scene import read_scene
from occlusion_toolkit.errors import DatasetError, ResultError, RunError, TopologyError, UsageError
from occlusion_toolkit.surveys import plan
from occlusion_toolkit.surveys.folder import Part
from occlusion_toolkit.surveys.manifest import manifest_sha256
from occlusion_toolkit.surveys.run import survey
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.maps import WINDOW_DETAILS, save_maps, values_of, with_card
from occlusion_toolkit.sweep.measure import METRICS
from occlusion_toolkit.sweep.metrics import mpjpe

PEOPLE = some_people(7)


@pytest.fixture(autouse=True)
def _short_calibration(monkeypatch):
    monkeypatch.setattr(plan, "_CALIBRATION_SECONDS", 0.05)


def run(folder, sweep=None, people=PEOPLE, **settings):
    return survey(sweep or fake_sweep(), people, out=folder, **{"shard_size": 3} | settings)


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
    assert [shard.sizes["image"] for shard in shards] == [3, 3, 1]
    maps = whole.maps
    assert maps["image"].values.tolist() == list(range(7))
    for name in ("sequence", "frame", "person"):
        assert maps[name].values.tolist() == [getattr(sample, name) for sample in PEOPLE]
    assert [PEOPLE.root / file for file in maps["file"].values] == [sample.image_path for sample in PEOPLE]
    np.testing.assert_array_equal(maps["box_size_px"].values, [sample.box.size for sample in PEOPLE])
    assert not set(WINDOW_DETAILS) & set(maps)


def test_a_survey_holds_the_joints_under_every_window_and_what_the_crops_show(whole):
    maps, grid = whole.maps.load(), whole.grid
    moved = maps["joints_m"] - maps["clean_joints_m"]
    np.testing.assert_allclose(
        1000 * np.sqrt((moved**2).sum("xyz")).transpose("image", "joint", "row", "col"),
        maps["displacement"],
        atol=1e-2,
    )
    scene = read_scene(PEOPLE[4], whole.joint_names, grid.resolution)
    np.testing.assert_array_equal(maps["parts"].values[4], scene.parts)
    np.testing.assert_array_equal(maps["sight"].values[4], scene.sight)
    np.testing.assert_allclose(maps["true_joints_px"].values[4], scene.joints_px, rtol=1e-6)


def test_a_shard_holds_what_the_sweep_of_each_person_gives(whole):
    shard = whole.shard(1)
    sweep = fake_sweep().window_sweep
    for row, sample in enumerate(PEOPLE[3:6]):
        truth = BodyParameters(
            torch.from_numpy(sample.rotmats)[None], torch.from_numpy(sample.betas)[None], torch.zeros(1, 3)
        )
        alone = sweep.run(normalise(sample_crop(sample))[None], truth)
        for metric in whole.metrics:
            expected = values_of(alone, metric).values[0]
            np.testing.assert_allclose(values_of(shard, metric).values[row], expected, atol=1e-2)
        np.testing.assert_allclose(
            shard["clean_rotmats"].values[row], alone["clean_rotmats"].values[0], atol=1e-5
        )
    assert np.abs(shard["error"].values[0] - shard["error"].values[1]).max() > 1


def test_the_card_says_what_was_measured(whole):
    card = whole.card
    assert (card.dataset, card.split, card.model_card) == ("open", "test", "tiny-0")
    assert card.people_sha256 == PEOPLE.fingerprint
    assert (card.windows.size, card.windows.stride) == (56, 56)
    assert whole.metrics[:3] == ("displacement", "error", "increase")
    assert whole.joint_names[0] == "right_ankle"


def test_a_metric_of_ones_own_is_measured_stored_and_pooled_under_its_name(tmp_path):
    metrics = METRICS | {"mine": lambda one, other: 3 * mpjpe(one, other)}
    mine = run(tmp_path, fake_sweep(metrics=metrics), people=some_people(2))
    np.testing.assert_allclose(mine.maps["mine_error"], 3 * mine.maps["error"], rtol=1e-5)
    assert mine.mesh("mine_increase").metric == "mine_increase"
    with pytest.raises(UsageError, match="no metric 'mine'"):
        mine.sweep()
    assert mine.sweep(metrics=metrics).metrics == metrics


@pytest.mark.parametrize("occluder", ["noise:7", "mean", "black"])
def test_a_survey_gives_back_the_sweep_it_was_made_with(tmp_path, occluder):
    made = fake_sweep(occluder=occluder, size=40, grid="inside", joints="smpl24", engine="dense")
    again = run(tmp_path, made, people=some_people(1)).sweep(made.model, device="cpu")
    assert again.card("survey", crop_rule="box") == made.card("survey", crop_rule="box")


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


@pytest.mark.parametrize(
    ("engine", "settled"), [("auto", "dense"), ("fused", "fused"), ("incremental", "incremental@0.4")]
)
def test_parts_that_begin_apart_have_one_engine(tmp_path, engine, settled):
    part = run(tmp_path, fake_sweep(engine=engine), part=Part(0, 2))
    assert part.manifest.engine == settled


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
    interrupted(tmp_path, 2, sweep=fake_sweep(1))
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
        ({"sweep": fake_sweep(1)}, "model_card: tiny-0, now tiny-1"),
        ({"sweep": fake_sweep(size=40)}, "grid.size: 56, now 40"),
        ({"sweep": fake_sweep(grid="inside")}, "grid.kind: centred, now inside"),
        ({"sweep": fake_sweep(occluder="black")}, "occluder.name: grey, now black"),
        ({"sweep": fake_sweep(batch_size=5)}, "batch_size: 16, now 5"),
        ({"people": some_people(6)}, "images: 7, now 6"),
        ({"sweep": fake_sweep(joints="smpl24")}, "joint_set: lsp14, now smpl24"),
        ({"sweep": fake_sweep(precision="bf16")}, "precision: fp32, now bf16"),
    ],
)
def test_another_protocol_is_refused_and_the_difference_named(tmp_path, settings, line):
    interrupted(tmp_path, 4)
    with pytest.raises(RunError, match=line):
        run(tmp_path, resume=True, **settings)


def test_resuming_keeps_the_batch_size_of_the_run(tmp_path):
    interrupted(tmp_path, 4, sweep=fake_sweep(batch_size=5))
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
        announce=lambda told: plans.append((told, len(seen))),
        progress=lambda *c: seen.append(c),
    )
    ((told, before),) = plans
    assert (told.images, told.images_left, told.windows, told.passes) == (7, 7, 16, 7 * 17)
    assert before == 0
    assert seen == [(done, 7) for done in range(1, 8)]
    written = sum(path.stat().st_size for path in (tmp_path / "a" / "shards").iterdir())
    assert 0.3 * told.disk_bytes < written < told.disk_bytes
    assert told.seconds > 0


def test_the_plan_of_a_resumed_run_is_what_is_left(tmp_path):
    interrupted(tmp_path, 4)
    plans = []
    run(tmp_path, resume=True, announce=plans.append)
    assert (plans[0].images, plans[0].images_left) == (7, 4)


CLOCK = [0.0]


class TickingNetwork(TinyNetwork):
    """Takes a second for every batch, however full, by a clock of its own."""

    def forward(self, crops):
        CLOCK[0] += 1
        return super().forward(crops)


@pytest.mark.parametrize("size", [56, 112])
def test_the_plan_does_not_take_the_end_of_a_batch_for_the_pace(tmp_path, monkeypatch, size):
    """The last batch of one image is nearly empty; in a run the next image fills it."""
    monkeypatch.setattr(plan.time, "perf_counter", lambda: CLOCK[0])
    plans = []
    sweep = fake_sweep(TickingNetwork(), size=size, stride=size, batch_size=4)
    run(tmp_path, sweep, people=some_people(3), announce=plans.append)
    assert plans[0].passes == 3 * ((224 // size) ** 2 + 1)
    assert plans[0].seconds == pytest.approx(plans[0].passes / 4)


def test_a_disk_that_is_too_small_is_found_before_the_run(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=90_000_000)  # for the maps, but not for the meshes
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(RunError, match=r"up to 0.10 GB, but only 0.09 GB are left"):
        run(tmp_path, announce=lambda plan: None)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="file/survey' cannot be made"):
        run(tmp_path / "file" / "survey")


def test_a_data_set_of_another_body_is_refused(tmp_path):
    people = some_people(2)
    people.topology = "smpl"
    with pytest.raises(TopologyError, match="ground truth of open belongs to body 'smpl'"):
        run(tmp_path, people=people)


def test_nobody_is_an_error(tmp_path):
    with pytest.raises(DatasetError, match="nobody"):
        run(tmp_path, people=some_people(0))


def spoil(path, how):
    data = path.read_bytes()
    path.write_bytes({"cut": data[:9000], "flipped": data[:-2000] + b"x" * 2000, "empty": b""}[how])


@pytest.mark.parametrize("how", ["cut", "flipped", "empty"])
@pytest.mark.parametrize("finished", [True, False])
def test_a_damaged_shard_is_found_at_the_start_named_and_made_again(tmp_path, whole, caplog, how, finished):
    if finished:
        run(tmp_path)
    else:
        interrupted(tmp_path, 7)
    spoil(tmp_path / "shards" / "shard-00000.h5", how)
    caplog.set_level(logging.WARNING)
    plans = []
    resumed = run(tmp_path, resume=True, announce=plans.append)
    assert "shard 0 is set aside and made again" in caplog.text
    assert plans[0].images_left == (3 if finished else 4)
    assert shard_bytes(resumed) == shard_bytes(whole)
    assert resumed.manifest == whole.manifest
    assert (tmp_path / "shards" / "shard-00000.damaged").exists()


@pytest.mark.parametrize("left", [b"", b'{"kind": "sur'])
def test_a_damaged_manifest_is_written_again_and_shards_are_kept(tmp_path, whole, left):
    interrupted(tmp_path, 4)
    (tmp_path / "survey.json").write_bytes(left)
    with pytest.raises(RunError, match=r"survey\.json' is damaged; --resume writes it again"):
        run(tmp_path)
    plans = []
    resumed = run(tmp_path, resume=True, announce=plans.append)
    assert plans[0].images_left == 4
    assert shard_bytes(resumed) == shard_bytes(whole)
    assert resumed.manifest == whole.manifest


def test_the_manifest_of_another_toolkit_is_no_damage(tmp_path, whole):
    content = json.loads((whole.folder / "survey.json").read_text()) | {"version": 2}
    content["sha256"] = manifest_sha256(content)
    (tmp_path / "survey.json").write_text(json.dumps(content, indent=1))
    with pytest.raises(ResultError, match="of another version of the toolkit"):
        run(tmp_path, resume=True)
    assert '"version": 2' in (tmp_path / "survey.json").read_text()


def test_a_sound_shard_of_another_survey_is_refused_at_the_start_and_left_alone(tmp_path, whole):
    interrupted(tmp_path, 4)
    path = tmp_path / "shards" / "shard-00000.h5"
    other = whole.card.model_copy(update={"model_card": "other"})
    save_maps(path, with_card(whole.shard(0), other))
    with pytest.raises(ResultError, match="belongs to another survey"):
        run(tmp_path, resume=True, progress=lambda *counts: pytest.fail("it began"))
    assert path.exists()
