"""Surveys made by worker processes, on real local clusters, and what happens when a worker is killed."""

import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from occlusion_toolkit.surveys.stored import Survey
from occlusion_toolkit.sweep.engine import Engine
from support.survey_fakes import FakeSource, no_files, shard_bytes, some_people

from occlusion_toolkit.errors import ImageError, RunError, UsageError
from occlusion_toolkit.surveys import clusters, gpus
from occlusion_toolkit.surveys.run import run_survey
from occlusion_toolkit.surveys.workers import Workers

PEOPLE = some_people(16)
DEADLINE_S = 300


def run(folder, source, **settings):
    return run_survey(source, PEOPLE, no_files(), folder, shard_size=2, **settings)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole"), FakeSource())


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
    survey = run(folder, FakeSource(pause_s=0.3, pids=pids), workers=Workers(backend, None, 2))
    killer.join()
    assert 0 < killer.shards_before < survey.num_shards
    assert survey.complete
    if backend == "dask":  # a worker begun anew can round a last bit otherwise (docs/survey.md)
        for found, expected in zip(survey.shards(), whole.shards(), strict=True):
            assert found.images == expected.images
            np.testing.assert_allclose(found.error_mm, expected.error_mm, atol=0.01)
            np.testing.assert_allclose(found.pa_displacement_mm, expected.pa_displacement_mm, atol=0.01)
    else:
        assert shard_bytes(survey) == shard_bytes(whole)


@dataclass(frozen=True)
class DeadlySource(FakeSource):
    """Kills every process that loads it but one."""

    survivor: int = 0

    def __call__(self, device: torch.device, /) -> Engine:
        if os.getpid() != self.survivor:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(device)


@pytest.mark.slow
def test_workers_that_always_die_end_the_run_and_it_can_be_resumed(tmp_path, whole, backend):
    with pytest.raises(RunError, match=f"a worker of the {backend} back end was lost.*--resume"):
        run(tmp_path, DeadlySource(survivor=os.getpid()), workers=Workers(backend, None, 2))
    assert not Survey.open(tmp_path).complete
    resumed = run(tmp_path, FakeSource(), resume=True)
    assert shard_bytes(resumed) == shard_bytes(whole)


@dataclass(frozen=True)
class BrokenSource(FakeSource):
    """Raises in every process but one."""

    survivor: int = 0

    def __call__(self, device: torch.device, /) -> Engine:
        if os.getpid() != self.survivor:
            raise ImageError("the image 'a.jpg' is damaged")
        return super().__call__(device)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "ray"], indirect=True)
def test_an_error_of_a_worker_is_told_as_it_was_raised(tmp_path, backend):
    with pytest.raises(ImageError, match=r"^the image 'a.jpg' is damaged$"):
        run(tmp_path, BrokenSource(survivor=os.getpid()), workers=Workers(backend, None, 2))


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_a_back_end_that_is_not_installed_says_how_to_install_it(tmp_path, monkeypatch, backend):
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(clusters, "import_module", missing)
    with pytest.raises(RunError, match=rf"{backend} back end is not installed.*occlusion-toolkit\[cluster\]"):
        run(tmp_path, FakeSource(), workers=Workers(backend, None, 2))


@pytest.mark.parametrize("backend", ["dask", "ray"], indirect=True)
def test_a_cluster_that_is_not_there_is_named(tmp_path, backend):
    address = {"dask": "tcp://127.0.0.1:9", "ray": "127.0.0.1:9"}[backend]
    impatient = pytest.importorskip("dask").config.set({"distributed.comm.timeouts.connect": "1s"})
    with impatient, pytest.raises(RunError, match=f"{address}.*check --address"):
        run(tmp_path, FakeSource(), workers=Workers(backend, address, 2))


def test_loky_has_no_address_and_nobody_is_no_worker():
    with pytest.raises(UsageError, match="choose dask or ray"):
        Workers("loky", "tcp://host:1")
    with pytest.raises(UsageError, match="0 workers"):
        Workers(count=0)


def test_workers_cannot_share_one_named_gpu(tmp_path):
    with pytest.raises(UsageError, match="2 workers cannot share cuda:1"):
        run(tmp_path, FakeSource(), device="cuda:1", workers=Workers(count=2))


@dataclass(frozen=True)
class Card:
    uuid: str


def test_every_worker_takes_a_gpu_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: Card(f"card-{index}"))
    taken = []
    for _ in range(2):  # locks do not ask which process holds them, so one can stand for two
        gpus.own_gpu.cache_clear()
        taken.append(gpus.own_gpu())
        assert gpus.own_gpu() is taken[-1]
    assert [str(device) for device in taken] == ["cuda:0", "cuda:1"]
    gpus.own_gpu.cache_clear()
    with pytest.raises(RunError, match=r"all 2 GPUs .* use fewer workers"):
        gpus.own_gpu()
    gpus._held.clear()
    gpus.own_gpu.cache_clear()
