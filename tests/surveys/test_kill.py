"""kill -9 at random instants: at most the shard in flight is lost, and going on gives the very same bytes."""

import multiprocessing
import random
import time
from pathlib import Path

import pytest
from support.survey_fakes import SlowNetwork, fake_sweep, shard_bytes, some_people

from occlusion_toolkit.surveys.manifest import MANIFEST_NAME
from occlusion_toolkit.surveys.run import survey
from occlusion_toolkit.surveys.survey import Survey

SHARD_SIZE = 2
IMAGES = 12
PAUSE_S = 0.02


def run(folder: Path, images_done, resume: bool) -> None:
    """What the process does that is killed."""

    def progress(done: int, total: int) -> None:
        images_done.value = done

    sweep = fake_sweep(SlowNetwork(pause_s=PAUSE_S))
    people = some_people(IMAGES)
    survey(sweep, people, out=folder, shard_size=SHARD_SIZE, resume=resume, progress=progress)


@pytest.mark.slow
def test_a_kill_at_any_instant_loses_at_most_the_shard_in_flight(tmp_path):
    context = multiprocessing.get_context("forkserver")  # processes without the threads of this one
    context.set_forkserver_preload(["support.survey_fakes", "occlusion_toolkit.surveys.run"])

    def start(folder: Path, resume: bool):
        images_done = context.Value("i", 0)
        process = context.Process(target=run, args=(folder, images_done, resume))
        process.start()
        return process, images_done

    process, _ = start(tmp_path / "whole", False)
    process.join()
    whole = Survey.open(tmp_path / "whole")
    assert whole.complete
    random_instants, killed = random.Random(0), 0
    for number in range(6):
        folder = tmp_path / f"killed-{number}"
        process, images_done = start(folder, False)
        # By what is done and not by the clock: how fast that goes depends on what else the machine does.
        enough = random_instants.randint(0, IMAGES - 2 * SHARD_SIZE)
        while images_done.value < enough and process.is_alive():
            time.sleep(0.002)
        time.sleep(random_instants.uniform(0.0, 1.5) * PAUSE_S)
        process.kill()
        process.join()
        killed += process.exitcode == -9
        if (folder / MANIFEST_NAME).exists():
            found = Survey.open(folder)
            kept = [shard for shard in range(found.num_shards) if shard not in found.missing()]
            assert images_done.value - SHARD_SIZE * len(kept) <= SHARD_SIZE
            assert all(whole.shard_path(k).read_bytes() == found.shard_path(k).read_bytes() for k in kept)
        process, _ = start(folder, True)
        process.join()
        assert process.exitcode == 0
        resumed = Survey.open(folder)
        assert shard_bytes(resumed) == shard_bytes(whole)
        assert resumed.manifest == whole.manifest
        assert not list((folder / "shards").glob(".*"))
    assert killed >= 3
