"""A run that is stopped, killed, repeated or fails: nothing finished is lost and no number changes."""

import os
import shutil

import numpy as np
import pytest
import torch
import xarray as xr
from filelock import FileLock
from support.evaluate_fixtures import evaluator_of, loaded, some_people
from support.fakes import TinyNetwork

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.data.protocol import SPIN
from occlusion_toolkit.errors import ResultError, RunError, TopologyError
from occlusion_toolkit.evaluation import evaluator as evaluator_module
from occlusion_toolkit.evaluation import log as log_module
from occlusion_toolkit.evaluation.evaluator import Evaluator
from occlusion_toolkit.evaluation.log import open_errors
from occlusion_toolkit.evaluation.run import run_evaluation

PEOPLE = 13
FILE = "fake.h5"
BATCH = 4


@pytest.fixture(scope="module")
def evaluator() -> Evaluator:
    return evaluator_of(TinyNetwork(), some_people(PEOPLE))


@pytest.fixture(scope="module")
def whole(evaluator: Evaluator, tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """The evaluation done in one go."""
    return run_evaluation(evaluator, tmp_path_factory.mktemp("whole") / FILE, BATCH)


def assert_same(one: xr.Dataset, other: xr.Dataset) -> None:
    xr.testing.assert_equal(one, other)
    assert one.attrs["protocol_hash"] == other.attrs["protocol_hash"]


class StopAt:
    """Interrupts like Ctrl-C once so many people are done."""

    def __init__(self, done: int) -> None:
        self.done = done

    def __call__(self, done: int) -> None:
        if done >= self.done:
            raise KeyboardInterrupt


def test_rows_are_the_people_in_their_order(whole: xr.Dataset):
    frames = some_people(PEOPLE)[:]
    for name in ("sequence", "frame", "person"):
        assert whole[name].values.tolist() == [getattr(frame, name) for frame in frames]
    assert whole["image"].values.tolist() == list(range(PEOPLE))


@pytest.mark.parametrize("stops", [(BATCH,), (2 * BATCH, 3 * BATCH)])
def test_a_run_stopped_anywhere_ends_with_the_same_bits(evaluator, whole, stops, tmp_path):
    path = tmp_path / FILE
    for stop in stops:
        with pytest.raises(KeyboardInterrupt):
            run_evaluation(evaluator, tmp_path / FILE, BATCH, StopAt(stop))
        partial = open_errors(path)
        assert partial.sizes["image"] == stop < partial.attrs["planned"]
    assert_same(run_evaluation(evaluator, tmp_path / FILE), whole)  # takes up the batch size too
    assert_same(open_errors(path), whole)


def test_a_killed_process_leaves_whole_batches_to_go_on_from(evaluator, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(log_module, "SAVE_EVERY_S", 0.0)
    path = tmp_path / "run" / FILE
    left_behind = tmp_path / "killed"

    def kill(done: int) -> None:
        if done == 2 * BATCH:
            shutil.copytree(path.parent, left_behind)

    run_evaluation(evaluator, path, BATCH, kill)
    assert 0 < open_errors(left_behind / path.name).sizes["image"] <= 2 * BATCH
    assert_same(run_evaluation(evaluator, left_behind / FILE, BATCH), whole)


def test_a_finished_evaluation_is_read_and_not_repeated(evaluator, whole, tmp_path):
    run_evaluation(evaluator, tmp_path / FILE, BATCH)
    before = (tmp_path / FILE).stat().st_mtime_ns
    assert_same(run_evaluation(evaluator, tmp_path / FILE, BATCH, StopAt(0)), whole)
    assert (tmp_path / FILE).stat().st_mtime_ns == before


def test_a_failing_network_loses_nothing_that_was_finished(evaluator, whole, tmp_path, monkeypatch):
    calls = []

    def fails_at_last(crops: torch.Tensor) -> object:
        calls.append(len(crops))
        if len(calls) == 3:
            raise RuntimeError("CUDA error: device lost")
        return network(crops)

    network = evaluator._network
    with monkeypatch.context() as patched:
        patched.setattr(evaluator, "_network", fails_at_last)
        with pytest.raises(RuntimeError, match="device lost"):
            run_evaluation(evaluator, tmp_path / FILE, BATCH)
    assert open_errors(tmp_path / FILE).sizes["image"] == 2 * BATCH
    assert_same(run_evaluation(evaluator, tmp_path / FILE, BATCH), whole)


def test_errors_do_not_depend_on_the_batch_size_beyond_rounding(evaluator, whole, tmp_path):
    alone = run_evaluation(evaluator, tmp_path / FILE, 1)
    for name in ("clean_error", "clean_pa_error", "clean_pve"):
        np.testing.assert_allclose(alone[name], whole[name], atol=2e-3)


def test_another_batch_size_is_refused_when_a_run_is_taken_up(evaluator, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run_evaluation(evaluator, tmp_path / FILE, BATCH, StopAt(BATCH))
    with pytest.raises(RunError, match="--batch-size 4"):
        run_evaluation(evaluator, tmp_path / FILE, 2 * BATCH)


def test_two_processes_cannot_write_one_result(evaluator, tmp_path):
    path = tmp_path / FILE
    with FileLock(tmp_path / f".{path.stem}.lock"), pytest.raises(RunError, match="another process"):
        run_evaluation(evaluator, tmp_path / FILE)


@pytest.mark.parametrize("keep", [0, 100, 4000])
def test_a_damaged_result_is_set_aside_and_made_again(evaluator, tmp_path, keep):
    run_evaluation(evaluator, tmp_path / FILE)
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[:keep])
    run_evaluation(evaluator, tmp_path / FILE)
    assert (tmp_path / FILE).read_bytes() == whole
    assert (tmp_path / FILE).with_suffix(".damaged").read_bytes() == whole[:keep]


def test_an_output_folder_that_is_a_file_is_said_to_be_one(evaluator, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ResultError, match="file"):
        run_evaluation(evaluator, tmp_path / "file" / FILE)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_found_before_the_network_runs(evaluator, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ResultError, match="could not be written"):
        run_evaluation(evaluator, tmp_path / FILE, progress=StopAt(0))


def test_a_network_that_gives_nan_is_named_with_the_person(tmp_path):
    broken = TinyNetwork()
    broken.decoder.bias.data[150] = float("nan")
    people = some_people(3)
    with pytest.raises(RunError, match=f"'fake' gave NaN .* of {people[0].sequence}"):
        run_evaluation(evaluator_of(broken, people), tmp_path / FILE)


def test_a_batch_that_does_not_fit_asks_for_a_smaller_one(evaluator, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(evaluator_module, "measure", full)
    with pytest.raises(RunError, match="smaller --batch-size"):
        run_evaluation(evaluator, tmp_path / FILE)


def test_another_body_than_the_ground_truth_is_refused():
    people = some_people(3)
    people.topology = "smpl"
    with pytest.raises(TopologyError, match="ground truth"):
        Evaluator(loaded(TinyNetwork()), Bodies(), people, SPIN)
