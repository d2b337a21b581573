"""Shards made by worker processes: on this machine (loky), or on a cluster of Dask or Ray.

Workers write their shards into the folder themselves, so a cluster needs a file system that all its
machines share. When a worker dies, the shards that are not finished are begun again with new workers, as long
as shards get finished in between. The numbers are the same whoever makes them.
"""

import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import joblib
import torch
from filelock import FileLock, Timeout
from torch import nn

from occlusion_toolkit.errors import RunError, UsageError
from occlusion_toolkit.files.machine import memory_bytes, processors
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
from occlusion_toolkit.surveys.clusters import Backend, WorkersLostError, joined_cluster
from occlusion_toolkit.surveys.shards import Shard, ShardMaker
from occlusion_toolkit.sweep.protocol import ProtocolCard

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_SHARDS_EACH = 4  # with fewer, starting and the last shards cost what processes gain
_PROCESS_BYTES = 1_000_000_000  # of libraries, clean activations and a batch


@dataclass(frozen=True)
class Workers:
    """Who makes the shards.

    Attributes:
        backend: "loky" for processes of this machine, "dask" or "ray" for a cluster.
        address: of a running cluster's scheduler; None starts one on this machine.
        count: processes on this machine, or of a Ray cluster; of a running Dask cluster all are used.

    Raises:
        UsageError: there is no worker, or loky was given an address.
    """

    backend: Backend = "loky"
    address: str | None = None
    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UsageError(f"{self.count} workers can do nothing; choose 1 or more")
        if self.backend == "loky" and self.address is not None:
            raise UsageError("loky runs on this machine only; choose dask or ray to use a cluster's address")

    @property
    def in_process(self) -> bool:
        """Whether this very process does the work."""
        return self.backend == "loky" and self.count == 1

    @property
    def threads(self) -> int | None:
        """Threads of a worker so that all together use this machine; None on a cluster: as it was set up."""
        return None if self.address else max(1, processors() // self.count)


def usual_count(sweep: OcclusionSweep, shards: int) -> int:
    """How many processes of this machine share a survey best, where nobody says.

    On processors one of one thread for each core: faster than threads, which wait for each other, and not
    brought down by a busy neighbour (docs/engines.md). One where there is little to do, or on a GPU.

    Args:
        sweep: what they do; two copies of its weights must fit into half of the memory, for each.
        shards: that are left.
    """
    cores = processors()
    if sweep.device.type != "cpu" or shards < _SHARDS_EACH * cores:
        return 1
    network = sweep.regressor.network
    weights = sum(p.nbytes for p in network.parameters()) if isinstance(network, nn.Module) else 0
    return max(1, min(cores, memory_bytes() // 2 // (_PROCESS_BYTES + 2 * weights)))


@dataclass(frozen=True)
class Job:
    """What is the same for all shards; it travels with every one of them.

    Attributes:
        name: of this job and no other: what a worker has loaded is used for one job only.
        sweep: the settings, with the batch size of the survey.
        card: what the numbers mean.
        gpus: whether every worker takes a GPU of its own; else they use the CPU.
        threads: of every worker; None leaves them as they are.
        parent: process that the workers end with; None where they are not its children.
    """

    name: str
    sweep: OcclusionSweep
    card: ProtocolCard
    gpus: bool
    threads: int | None
    parent: int | None


def make_shards(
    workers: Workers, job: Job, shards: Callable[[], list[int]], shard: Callable[[int], Shard]
) -> None:
    """Makes shards with workers; returns when all are written.

    Args:
        workers: who.
        job: what is the same for all shards.
        shards: numbers of those that are not there yet; asked again after a worker was lost.
        shard: one of them; called when a worker gets free.

    Raises:
        RunError: workers are lost again and again, or the cluster is not there.
        OcclusionToolkitError: what a worker raised.
    """
    left = shards()
    while left:
        try:
            with joined_cluster(workers.backend, workers.address, workers.count, workers.threads, job.gpus):
                joblib.Parallel(n_jobs=workers.count, batch_size=1)(
                    joblib.delayed(make_shard)(job, shard(number)) for number in left
                )
        except WorkersLostError as error:
            before, left = left, shards()
            if len(left) == len(before):
                raise RunError(
                    f"a worker of the {workers.backend} back end was lost, and nothing finished since the "
                    f"last loss ({error}); finished shards are kept, the same command with --resume goes on"
                ) from error
            logger.warning("a worker was lost (%s); %d shards are begun again", error, len(left))
        else:
            return


def make_shard(job: Job, shard: Shard) -> None:
    """Makes one shard and writes it; what a worker process does."""
    if job.parent is not None:
        _end_with(job.parent)
    with _one_at_a_time:  # a Dask worker may have several threads
        if job.threads is not None:
            torch.set_num_threads(job.threads)  # a setting of the thread that calls, not of the process
        _maker_of(job).make(shard)


@cache
def own_gpu() -> torch.device:
    """A GPU that no other worker of this user on this machine has; the same one whenever it is asked.

    Raises:
        RunError: there are more workers on the machine than GPUs.
    """
    count = torch.cuda.device_count()
    for index in range(count):
        # By the card's own number: what is cuda:0 here may be another card for the next process.
        card = torch.cuda.get_device_properties(index).uuid
        lock = FileLock(Path(tempfile.gettempdir()) / f"occlusion-toolkit-{os.getuid()}-gpu-{card}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        _held_gpus.append(lock)
        return torch.device("cuda", index)
    raise RunError(f"all {count} GPUs of this machine are taken by other workers; use fewer workers")


_held_gpus: list[FileLock] = []  # a GPU is this process's own until it ends
_one_at_a_time = threading.Lock()
_makers: list[tuple[str, ShardMaker]] = []  # at most one: of the job that this process works on


def _maker_of(job: Job) -> ShardMaker:
    if not _makers or _makers[0][0] != job.name:
        _makers.clear()
        sweep = job.sweep.changed(device=own_gpu() if job.gpus else torch.device("cpu"))
        _makers.append((job.name, ShardMaker(sweep, job.card)))
    return _makers[0][1]


@cache
def _end_with(parent: int) -> None:
    """Ends this process soon after its parent is gone: nobody would wait for what it makes."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
