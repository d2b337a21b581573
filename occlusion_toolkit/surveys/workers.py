"""Shards made by worker processes: on this machine (loky), or on a cluster of Dask or Ray.

Workers write their shards into the folder themselves, so a cluster needs a file system that all its
machines share. When a worker dies, the shards that are not finished are begun again with new workers, as long
as shards get finished in between. The numbers are the same whoever makes them.
"""

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import torch

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.joints import joint_set
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.errors import RunError, UsageError
from occlusion_toolkit.files.trust import TrustedFiles
from occlusion_toolkit.surveys.clusters import Backend, WorkersLostError, joined_cluster
from occlusion_toolkit.surveys.gpus import own_gpu
from occlusion_toolkit.surveys.measure import ShardMaker
from occlusion_toolkit.surveys.source import EngineSource
from occlusion_toolkit.surveys.stored import ImageKey, Manifest, write_shard


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
        return None if self.address else max(1, len(os.sched_getaffinity(0)) // self.count)


logger = logging.getLogger(__name__)

THIS_PROCESS = Workers()
"""No other process."""


@dataclass(frozen=True)
class Job:
    """What is the same for all shards; small, as it travels with every one of them.

    Attributes:
        source: makes the engine.
        smpl_dir: folder of SMPL's files.
        trusted: files that may be opened although they ask for foreign code.
        manifest: of the survey.
        gpus: whether every worker takes a GPU of its own; else they use the CPU.
        threads: of every worker; None leaves them as they are.
    """

    source: EngineSource
    smpl_dir: Path
    trusted: TrustedFiles
    manifest: Manifest
    gpus: bool
    threads: int | None


@dataclass(frozen=True)
class Shard:
    """One shard to make.

    Attributes:
        path: its file.
        first: position of its first image.
        keys: names of its images.
        frames: its people.
    """

    path: Path
    first: int
    keys: tuple[ImageKey, ...]
    frames: tuple[Sample, ...]


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
    with _one_at_a_time:  # a Dask worker may have several threads
        if job.threads is not None:
            torch.set_num_threads(job.threads)  # a setting of the thread that calls, not of the process
        maker = _maker_of(job)
        write_shard(shard.path, maker.make(shard.first, shard.keys, shard.frames))


_one_at_a_time = threading.Lock()
_makers: list[tuple[Job, ShardMaker]] = []  # at most one: the engine of the job that this process works on


def _maker_of(job: Job) -> ShardMaker:
    if not _makers or _makers[0][0] != job:
        _makers.clear()
        engine = job.source(own_gpu() if job.gpus else torch.device("cpu"))
        fixed = replace(engine, batch_size=job.manifest.batch_size)
        maker = ShardMaker(
            fixed, Bodies(job.smpl_dir, job.trusted), job.manifest.card, joint_set(job.manifest.joint_set)
        )
        _makers.append((job, maker))
    return _makers[0][1]
