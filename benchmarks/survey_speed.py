"""Images and windows per second of a survey, the share of each stage, size on disk, and memory over time.

Surveys a few images of the open test set at each of three strides and carries the result to the 35,515 crops
of 3DPW's test split: extrapolated, not measured. See benchmarks/README.md.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest import mock

import torch

from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.people import EvenlySpaced, People
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
from occlusion_toolkit.models import build_network
from occlusion_toolkit.models.networks import PUBLISHED_NETWORKS
from occlusion_toolkit.surveys import shards
from occlusion_toolkit.surveys.run import survey
from occlusion_toolkit.sweep.engines.dense import DenseEstimator
from occlusion_toolkit.sweep.engines.incremental import IncrementalEstimator
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.network import NetworkRunner
from occlusion_toolkit.sweep.sweep import WindowSweep

CROPS_3DPW = 35_515
GRIDS = {8: Grid("centred", 40, 8), 16: Grid("centred", 40, 16), 40: Grid("script", 40, 40)}
"""By stride; 40 does not tile the crop, so its windows are those of the public PARE script."""

STAGES = ("read and crop", "paint windows", "network", "body and metrics", "write", "everything else")


class Again(People):
    """The same people over and over: a data set as long as one likes."""

    def __init__(self, people: People, count: int) -> None:
        self._people, self._count = people, count
        self.dataset, self.split, self.root = people.dataset, people.split, people.root
        self.topology, self.frame_filter = people.topology, people.frame_filter

    @property
    def left_out(self) -> dict[str, int]:
        """Nobody."""
        return {}

    def __len__(self) -> int:
        return self._count

    def sample_at(self, position: int) -> Sample:
        """The person at a position."""
        return self._people[position % len(self._people)]


@dataclass
class Row:
    """One stride, measured; seconds are wall-clock."""

    stride: int
    windows: int
    images: int
    seconds: float
    stages: dict[str, float]
    mb_per_1000_images: float

    @property
    def images_per_s(self) -> float:
        """End to end, without loading the network."""
        return self.images / self.seconds


@contextmanager
def stopwatch(device: torch.device) -> Iterator[Counter[str]]:
    """Times the stages of surveys in the block; a stage inside another counts for itself alone."""
    spent: Counter[str] = Counter()
    inside: list[float] = []

    def timed(stage: str, function: Callable[..., object]) -> Callable[..., object]:
        def wrapper(*words: object, **named: object) -> object:
            inside.append(0.0)
            started = time.perf_counter()
            try:
                return function(*words, **named)
            finally:
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
                seconds = time.perf_counter() - started
                spent[stage] += seconds - inside.pop()
                if inside:
                    inside[-1] += seconds

        return wrapper

    places = (
        (shards.ShardMaker, "subject", "read and crop"),
        (DenseEstimator, "__call__", "paint windows"),
        (NetworkRunner, "__call__", "network"),
        (IncrementalEstimator, "__call__", "network"),
        (WindowSweep, "_result", "body and metrics"),
        (shards, "save_maps", "write"),
    )
    with ExitStack() as patches:
        for owner, name, stage in places:
            patches.enter_context(mock.patch.object(owner, name, timed(stage, getattr(owner, name))))
        yield spent


def sweep_of(arguments: argparse.Namespace, grid: Grid) -> OcclusionSweep:
    """The sweep of the network that was asked for; random weights have its speed, not its numbers."""
    torch.manual_seed(0)
    return OcclusionSweep(
        build_network(arguments.random) if arguments.random else arguments.model,
        size=grid.size,
        stride=grid.stride,
        grid=grid.kind,
        batch_size=arguments.batch_size,
        device=arguments.device,
    )


def measured(arguments: argparse.Namespace, stride: int, images: int, people: People) -> Row:
    """Surveys some images at one stride."""
    grid, device = GRIDS[stride], torch.device(arguments.device)
    marks: list[float] = []
    with tempfile.TemporaryDirectory() as folder, stopwatch(device) as spent:

        def announced(plan: object) -> None:
            spent.clear()  # of the calibration, which also warms up
            marks.append(time.perf_counter())

        swept = survey(
            sweep_of(arguments, grid), EvenlySpaced(people, images), out=folder, announce=announced
        )
        seconds = time.perf_counter() - marks[0]
        size = sum(swept.shard_path(shard).stat().st_size for shard in range(swept.num_shards))
    stages = {stage: spent[stage] for stage in STAGES}
    stages["everything else"] = seconds - sum(spent.values())
    return Row(stride, len(grid), images, seconds, stages, size / images / 1e6 * 1000)


def memory(arguments: argparse.Namespace, people: People) -> list[tuple[int, float]]:
    """Resident memory in MiB after so many images of one long survey."""
    samples: list[tuple[int, float]] = []
    every = max(1, arguments.memory_images // 20)

    def progress(done: int, total: int) -> None:
        if done % every == 0:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            samples.append((done, pages * os.sysconf("SC_PAGE_SIZE") / 2**20))

    with tempfile.TemporaryDirectory() as folder:
        sweep = sweep_of(arguments, Grid("centred", 56, 56))
        survey(sweep, Again(people, arguments.memory_images), out=folder, progress=progress)
    return samples


def show(rows: list[Row], samples: list[tuple[int, float]]) -> None:
    """Prints what was measured, then what follows from it."""
    for row in rows:
        rate, what = row.images_per_s, f"{row.images} images x ({row.windows} windows + 1)"
        print(
            f"\nstride {row.stride}: {what} in {row.seconds:.1f} s: "
            f"{rate:.2f} images/s, {rate * row.windows:.0f} windows/s, "
            f"{row.mb_per_1000_images:.0f} MB per 1,000 images"
        )
        for stage, seconds in row.stages.items():
            print(f"  {stage:<20}{seconds:8.2f} s {seconds / row.seconds:7.1%}")
    print(f"\nextrapolated, not measured: all {CROPS_3DPW:,} crops of 3DPW's test split on this machine")
    for row in rows:
        hours = CROPS_3DPW / row.images_per_s / 3600
        gigabytes = CROPS_3DPW * row.mb_per_1000_images / 1e6
        print(f"  stride {row.stride:>2}: {hours:7.1f} h, {gigabytes:6.2f} GB")
    if samples:
        print("\nmemory of one survey of 16 windows per image (resident MiB after so many images)")
        print("  " + ", ".join(f"{images}: {mib:.0f}" for images, mib in samples))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="pare-open", help="card of the network")
    square = sorted(name for name in PUBLISHED_NETWORKS if name not in ("hmr2", "camerahmr"))
    parser.add_argument("--random", choices=square, help="a published network instead")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--threads", type=int, help="PyTorch threads; all cores by default")
    parser.add_argument("--windows", type=int, default=6000, help="about so many windows at each stride")
    parser.add_argument("--memory-images", type=int, default=480, help="images of the memory run; 0: none")
    parser.add_argument("--json", type=Path, help="also write everything here")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    people = open_dataset("open")
    chosen = arguments.random or arguments.model
    print(f"{chosen} on {arguments.device}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    rows = [
        measured(arguments, stride, min(len(people), max(2, arguments.windows // len(grid))), people)
        for stride, grid in GRIDS.items()
    ]
    samples = memory(arguments, people) if arguments.memory_images else []
    show(rows, samples)
    if arguments.json:
        content = {"network": chosen, "device": arguments.device, "memory_mib": samples}
        content |= {"rows": [asdict(row) for row in rows], "load_1min": os.getloadavg()[0]}
        arguments.json.write_text(json.dumps(content, indent=1))


if __name__ == "__main__":
    main()
