"""Surveys made by worker processes, on real local clusters, and what happens when a worker is killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from support.survey_fakes import (
    BrokenNetwork,
    DeadlyNetwork,
    SlowNetwork,
    fake_sweep,
    shard_bytes,
    some_people,
)

from occlusion_toolkit.errors import ImageError, RunError, UsageError
from occlusion_toolkit.surveys import clusters, workers
from occlusion_toolkit.surveys.run import survey
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.surveys.workers import Workers, usual_count

PEOPLE = some_people(16)
DEADLINE_S = 300


def run(folder, sweep=None, **settings):
    return survey(sweep or fake_sweep(), PEOPLE, out=folder, shard_size=2, **settings)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole"))


@pytest.fixture(params=["loky", "dask", "ray"])
def backend(request, monkeypatch):
    if request.param != "loky":
        pytest.importorskip({"dask": "distributed"}.get(request.param, request.param))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))  # Ray's workers load the fakes, too
    monkeypatch.setenv("RAY_worker_niceness", "0")  # 15 by default: on a busy machine such workers starve
    return request.param


class Killer(threading.Thread):
    """Kills one worker, once a shard is there and two workers have an engine."""

    def __init__(self, folder: Path, pids: Path) -> None:
        super().__init__(daemon=True)
        self.folder, self.pids, self.shards_before = folder, pids, 0

    def run(self) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            workers = [int(file.name) for file in self.pids.iterdir() if int(file.name) != os.getpid()]
            shards = len(list((self.folder / "shards").glob("shard-*.h5")))
            if len(workers) >= 2 and shards:
                os.kill(workers[0], signal.SIGKILL)
                self.shards_before = shards
                return
            time.sleep(0.02)


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(tmp_path, whole, backend):
    folder, pids = tmp_path / "survey", tmp_path / "pids"
    pids.mkdir()
    killer = Killer(folder, pids)
    killer.start()
    slow = fake_sweep(SlowNetwork(pause_s=0.3, pids=pids))
    swept = run(folder, slow, workers=2, backend=backend)
    killer.join()
    assert 0 < killer.shards_before < swept.num_shards
    assert swept.complete
    assert shard_bytes(swept) == shard_bytes(whole)


@pytest.mark.slow
def test_workers_that_always_die_end_the_run_and_it_can_be_resumed(tmp_path, whole, backend):
    with pytest.raises(RunError, match=f"a worker of the {backend} back end was lost.*--resume"):
        run(tmp_path, fake_sweep(DeadlyNetwork()), workers=2, backend=backend)
    assert not Survey.open(tmp_path).complete
    resumed = run(tmp_path, resume=True)
    assert shard_bytes(resumed) == shard_bytes(whole)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "ray"], indirect=True)
def test_an_error_of_a_worker_is_told_as_it_was_raised(tmp_path, backend):
    with pytest.raises(ImageError, match=r"^the image 'a.jpg' is damaged$"):
        run(tmp_path, fake_sweep(BrokenNetwork()), workers=2, backend=backend)


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_a_back_end_that_is_not_installed_says_how_to_install_it(tmp_path, monkeypatch, backend):
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(clusters, "import_module", missing)
    with pytest.raises(RunError, match=rf"{backend} back end is not installed.*occlusion-toolkit\[cluster\]"):
        run(tmp_path, workers=2, backend=backend)


@pytest.mark.parametrize("backend", ["dask", "ray"], indirect=True)
def test_a_cluster_that_is_not_there_is_named(tmp_path, backend):
    address = {"dask": "tcp://127.0.0.1:9", "ray": "127.0.0.1:9"}[backend]
    impatient = pytest.importorskip("dask").config.set({"distributed.comm.timeouts.connect": "1s"})
    with impatient, pytest.raises(RunError, match=f"{address}.*check --address"):
        run(tmp_path, workers=2, backend=backend, address=address)


def test_loky_has_no_address_and_nobody_is_no_worker():
    with pytest.raises(UsageError, match="choose dask or ray"):
        Workers("loky", "tcp://host:1")
    with pytest.raises(UsageError, match="0 workers"):
        Workers(count=0)


def test_without_a_word_each_core_gets_a_process_where_there_is_enough_to_do(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(4), raising=False)
    sweep = fake_sweep()
    assert [usual_count(sweep, shards) for shards in (0, 15, 16, 1000)] == [1, 1, 4, 4]
    gigabytes = {"SC_PHYS_PAGES": 5_000_000, "SC_PAGE_SIZE": 1000}
    monkeypatch.setattr("os.sysconf", gigabytes.__getitem__)
    assert usual_count(sweep, 1000) == 2  # half of five gigabytes hold two
    sweep.device = torch.device("cuda")
    assert usual_count(sweep, 1000) == 1


@pytest.mark.slow
def test_a_survey_without_a_word_about_workers_is_that_of_one_process(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(2), raising=False)
    pids = tmp_path / "pids"
    pids.mkdir()
    whole = run(tmp_path / "whole")
    shared = run(tmp_path / "shared", fake_sweep(SlowNetwork(pause_s=0.1, pids=pids)), workers=None)
    assert shard_bytes(shared) == shard_bytes(whole)
    assert len({file.name for file in pids.iterdir()} - {str(os.getpid())}) == 2


def test_workers_cannot_share_one_named_gpu(tmp_path):
    sweep = fake_sweep()
    sweep.device = torch.device("cuda:1")  # as on a machine that has it
    with pytest.raises(UsageError, match="2 workers cannot share cuda:1"):
        run(tmp_path, sweep, workers=2)


ORPHAN_MAKER = """
import sys
from pathlib import Path
from support.survey_fakes import SlowNetwork, fake_sweep, some_people
from occlusion_toolkit.surveys.run import survey
if __name__ == "__main__":
    folder = Path(sys.argv[1])
    slow = fake_sweep(SlowNetwork(pause_s=0.2, pids=folder))
    survey(slow, some_people(60), out=folder / "survey", shard_size=1, workers=2)
"""


@pytest.mark.slow
def test_workers_end_with_their_parent(tmp_path):
    path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHAN_MAKER, str(tmp_path)], env=os.environ | {"PYTHONPATH": path}
    )
    deadline = time.monotonic() + DEADLINE_S
    pids: list[int] = []
    while len(pids) < 2 and time.monotonic() < deadline and parent.poll() is None:
        found = {int(file.name) for file in tmp_path.iterdir() if file.name.isdecimal()}
        pids = sorted(found - {parent.pid})
        time.sleep(0.02)
    assert len(pids) >= 2
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while any(_is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_is_alive(pid) for pid in pids)
    assert len(list((tmp_path / "survey" / "shards").glob("*.h5"))) < 60


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@dataclass(frozen=True)
class Card:
    uuid: str


def test_every_worker_takes_a_gpu_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: Card(f"card-{index}"))
    taken = []
    for _ in range(2):  # locks do not ask which process holds them, so one can stand for two
        workers.own_gpu.cache_clear()
        taken.append(workers.own_gpu())
        assert workers.own_gpu() is taken[-1]
    assert [str(device) for device in taken] == ["cuda:0", "cuda:1"]
    workers.own_gpu.cache_clear()
    with pytest.raises(RunError, match=r"all 2 GPUs .* use fewer workers"):
        workers.own_gpu()
    workers._held_gpus.clear()
    workers.own_gpu.cache_clear()
