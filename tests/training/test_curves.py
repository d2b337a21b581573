from pathlib import Path

import pytest
from support.training_fixtures import tiny_recipe, write_fake_log

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.training.curves import METRICS, log_files, read_log, training_curves_figure
from occlusion_toolkit.training.data import RunData
from occlusion_toolkit.training.run import RunOptions, fit


def test_numbers_come_with_their_steps(tmp_path: Path) -> None:
    write_fake_log(tmp_path)
    log = read_log(tmp_path)
    error = log["validation/pa_mpjpe_mm"]
    assert (error.steps.tolist(), error.values.tolist()) == ([999, 1999], [90.5, 80.25])
    assert len(log["loss/pose"].steps) == 40


def test_a_step_that_was_done_again_after_a_stop_counts_once(tmp_path: Path) -> None:
    path = tmp_path / METRICS
    path.parent.mkdir(parents=True)
    path.write_text("loss/pose,step\n3,49\n2,99\n")
    again = tmp_path / "logs" / "csv-002" / "metrics.csv"
    again.parent.mkdir()
    again.write_text("loss/pose,validation/part_iou,step\n1,,99\n0.5,0.1,149\n")
    assert read_log(tmp_path)["loss/pose"].values.tolist() == [3.0, 1.0, 0.5]


def test_a_run_that_was_stopped_keeps_the_log_of_every_start(data: RunData, tmp_path: Path) -> None:
    for _ in range(3):
        fit(tiny_recipe(steps=3, validate_every=3), data, RunOptions(tmp_path / "run", end=0.0))
    assert len(log_files(tmp_path / "run")) == 3
    assert read_log(tmp_path / "run")["loss/total"].steps.tolist() == [0, 1, 2]


def test_curves_of_two_steps_are_seen_and_missing_numbers_are_said(tmp_path: Path) -> None:
    path = tmp_path / METRICS
    path.parent.mkdir(parents=True)
    path.write_text("loss/joints_3d,loss/pose,loss/parts,step\n0.2,3,0,0\n0.1,2,0,1\n")
    error, joints, pose, parts = training_curves_figure({"short": read_log(tmp_path)}).axes
    for axes in (joints, pose):
        assert [line.get_marker() for line in axes.lines] == ["o"]
    for axes in (error, parts):
        assert [text.get_text() for text in axes.texts] == ["not in this log"]


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "loss/pose,step\nmuch,1\n", "loss/pose,step\n1\n"])
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / METRICS
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(TrainingError, match="not the log"):
        read_log(tmp_path)


def test_a_folder_without_a_log_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"metrics\.csv"):
        read_log(tmp_path)
