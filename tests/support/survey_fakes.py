"""Sweeps of tiny networks that workers can load and that take their time, so that runs can be interrupted."""

import os
import signal
import time
from pathlib import Path

import torch
from torch import Tensor

from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.people import EvenlySpaced
from occlusion_toolkit.errors import ImageError
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
from occlusion_toolkit.models.base import RegressorOutput
from occlusion_toolkit.models.cards import RegressorCard
from occlusion_toolkit.models.registry import LoadedRegressor
from occlusion_toolkit.surveys.survey import Survey
from support.fakes import TinyNetwork


class SlowNetwork(TinyNetwork):
    """A tiny network that sleeps before it answers, and leaves an empty file named by its process."""

    def __init__(self, seed: int = 0, pause_s: float = 0.0, pids: Path | None = None) -> None:
        super().__init__(seed)
        self.pause_s, self.pids = pause_s, pids

    def forward(self, crops: Tensor) -> RegressorOutput:
        if self.pids is not None:
            (self.pids / str(os.getpid())).touch()
        time.sleep(self.pause_s)
        return super().forward(crops)


class DeadlyNetwork(TinyNetwork):
    """Kills every process that runs it but the one that made it."""

    def __init__(self) -> None:
        super().__init__()
        self.survivor = os.getpid()

    def forward(self, crops: Tensor) -> RegressorOutput:
        if os.getpid() != self.survivor:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(crops)


class BrokenNetwork(DeadlyNetwork):
    """Raises in every process but the one that made it."""

    def forward(self, crops: Tensor) -> RegressorOutput:
        if os.getpid() != self.survivor:
            raise ImageError("the image 'a.jpg' is damaged")
        return super().forward(crops)


def fake_sweep(network: TinyNetwork | int = 0, **settings: object) -> OcclusionSweep:
    """A sweep of a tiny network with few windows.

    Args:
        network: the network, or the seed of one: another seed stands for another model.
        settings: of the sweep.
    """
    seed = network if isinstance(network, int) else 0
    network = TinyNetwork(seed) if isinstance(network, int) else network
    card = RegressorCard(name=f"tiny-{seed}", title="t", description="d", body=OPEN_BODY_TOPOLOGY)
    model = LoadedRegressor(network.eval(), card, f"{seed:064x}", torch.device("cpu"))
    # Dense: what a tiny network does besides answering (sleep, die) is not in its traced graph.
    return OcclusionSweep(model, **{"size": 56, "stride": 56, "device": "cpu", "engine": "dense"} | settings)


def some_people(count: int) -> EvenlySpaced:
    """People of the open test set."""
    return EvenlySpaced(open_dataset("open"), count)


def shard_bytes(survey: Survey) -> list[bytes]:
    """The content of all shard files: equal arrays give equal bytes."""
    return [survey.shard_path(shard).read_bytes() for shard in range(survey.num_shards)]
