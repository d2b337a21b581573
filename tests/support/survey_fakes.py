"""An engine that workers can load and that takes its time, so that runs can be interrupted."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from occlusion_toolkit.surveys.stored import Survey
from occlusion_toolkit.sweep.engine import Engine
from torch import Tensor

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY, load_open_body
from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.people import EvenlySpaced
from occlusion_toolkit.models.base import RegressorOutput
from occlusion_toolkit.models.cards import RegressorCard
from occlusion_toolkit.models.registry import LoadedRegressor
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.occluders import parse_occluder
from support.fakes import TinyNetwork

GRID = Grid("centred", size=56, stride=56)


class SlowNetwork(TinyNetwork):
    """A tiny network that sleeps before it answers."""

    def __init__(self, seed: int = 0, pause_s: float = 0.0) -> None:
        super().__init__(seed)
        self.pause_s = pause_s

    def forward(self, crops: Tensor) -> RegressorOutput:
        time.sleep(self.pause_s)
        return super().forward(crops)


@dataclass(frozen=True)
class FakeSource:
    """Makes the engine of a tiny network.

    Attributes:
        seed: of its weights; stands for another model.
        grid: the windows.
        pause_s: that every batch takes, seconds.
        batch_size: passes per batch.
        pids: folder in which every process that loads it leaves an empty file with its number.
    """

    seed: int = 0
    grid: Grid = GRID
    pause_s: float = 0.0
    batch_size: int | None = None
    pids: Path | None = None

    def __call__(self, device: torch.device, /) -> Engine:
        if self.pids is not None:
            (self.pids / str(os.getpid())).touch()
        card = RegressorCard(name=f"tiny-{self.seed}", title="t", description="d", body=OPEN_BODY_TOPOLOGY)
        network = SlowNetwork(self.seed, self.pause_s).to(device).eval()
        regressor = LoadedRegressor(network, card, f"{self.seed:064x}", device)
        occluder = parse_occluder("grey", self.grid.size)
        return Engine(regressor, load_open_body(), self.grid, occluder, self.batch_size)


def some_people(count: int) -> EvenlySpaced:
    """People of the open test set."""
    return EvenlySpaced(open_dataset("open"), count)


def no_files() -> Bodies:
    """Bodies that are never read: the open body is its own ground truth."""
    return Bodies(Path("nowhere"))


def shard_bytes(survey: Survey) -> list[bytes]:
    """The content of all shard files: equal arrays give equal bytes."""
    return [survey.shard_path(shard).read_bytes() for shard in range(survey.num_shards)]
