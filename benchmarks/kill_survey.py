"""A survey killed with SIGKILL at many random instants and gone on with: what is lost, what differs.

Every trial starts a survey in a process of its own, kills it, looks at the folder, goes on, and compares all
files with those of an uninterrupted run, byte by byte. See benchmarks/README.md.
"""

import argparse
import multiprocessing
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import torch

from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.people import EvenlySpaced
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
from occlusion_toolkit.surveys.manifest import MANIFEST_NAME
from occlusion_toolkit.surveys.run import survey
from occlusion_toolkit.surveys.survey import Survey

SHARD_SIZE = 2


@dataclass(frozen=True)
class Trial:
    """What one kill did.

    Attributes:
        instant_s: after the start of the process.
        reached: how far the run had come.
        swept: images whose sweep was done.
        kept: images in finished shards.
        leftovers: half-written files that the kill left.
        identical: whether all files equal those of the uninterrupted run once it was gone on with.
    """

    instant_s: float
    reached: str
    swept: int
    kept: int
    leftovers: int
    identical: bool


def swept_survey(folder: str, swept: Any, images: int, resume: bool) -> None:
    """What the killed process does."""
    torch.set_num_threads(1)

    def progress(done: int, total: int) -> None:
        swept.value = done

    sweep = OcclusionSweep("pare-open", size=56, stride=56, batch_size=16, device="cpu")
    people = EvenlySpaced(open_dataset("open"), images)
    survey(sweep, people, out=folder, shard_size=SHARD_SIZE, resume=resume, progress=progress)


def files_of(found: Survey) -> list[bytes]:
    """The manifest and all shards."""
    shards = [found.shard_path(shard).read_bytes() for shard in range(found.num_shards)]
    return [(found.folder / MANIFEST_NAME).read_bytes(), *shards]


def main() -> None:
    """Kills and prints the table; fails if anything was lost that should not be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["occlusion_toolkit.surveys.run"])

    def start(folder: Path, resume: bool = False) -> tuple[ForkServerProcess, Any]:
        swept = context.Value("i", 0)
        process = context.Process(target=swept_survey, args=(str(folder), swept, arguments.images, resume))
        process.start()
        return process, swept

    with tempfile.TemporaryDirectory() as temporary:
        root, durations = Path(temporary), []
        for name in ("warm", "whole"):
            began = time.perf_counter()
            process, _ = start(root / name)
            process.join()
            durations.append(time.perf_counter() - began)
        whole = files_of(Survey.open(root / "whole"))
        print(f"uninterrupted: {durations[-1]:.2f} s, {arguments.images} images in shards of {SHARD_SIZE}")
        instants = random.Random(arguments.seed)
        trials = []
        for number in range(arguments.kills):
            folder, instant = root / str(number), instants.uniform(0, durations[-1])
            process, swept = start(folder)
            time.sleep(instant)
            process.kill()
            process.join()
            trials.append(_after(folder, instant, process.exitcode == 0, swept.value, start, whole))
            print(_line(number, trials[-1]), flush=True)
    worst = max(trial.swept - trial.kept for trial in trials)
    identical = sum(trial.identical for trial in trials)
    print(f"{identical} of {len(trials)} identical after --resume; at most {worst} swept images lost")
    sys.exit(0 if identical == len(trials) and worst <= SHARD_SIZE else 1)


def _after(folder: Path, instant: float, ended: bool, swept: int, start: Any, whole: list[bytes]) -> Trial:
    kept = leftovers = 0
    reached = "ended before" if ended else "loading" if not (folder / MANIFEST_NAME).exists() else "sweeping"
    if reached != "loading":
        found = Survey.open(folder)
        missing = set(found.missing())
        kept = sum(len(found.images_of(shard)) for shard in range(found.num_shards) if shard not in missing)
        leftovers = len(list((folder / "shards").glob(".*")))
    process, _ = start(folder, resume=True)
    process.join()
    identical = process.exitcode == 0 and files_of(Survey.open(folder)) == whole
    return Trial(instant, reached, swept, kept, leftovers, identical)


def _line(number: int, trial: Trial) -> str:
    if number == 0:
        print("kill   at s reached       swept  kept  lost  half  result")
    lost = trial.swept - trial.kept
    return (
        f"{number + 1:>4} {trial.instant_s:>6.2f} {trial.reached:<13} {trial.swept:>5} {trial.kept:>5} "
        f"{lost:>5} {trial.leftovers:>5}  {'identical' if trial.identical else 'DIFFERENT'}"
    )


if __name__ == "__main__":
    main()
