"""The run of a survey: locked, planned, made shard by shard, sealed."""

import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.joints import LSP14, JointSet
from occlusion_toolkit.data.people import People
from occlusion_toolkit.errors import DatasetError, RunError, UsageError
from occlusion_toolkit.surveys.folder import batch_size_of, begin, make_folder, remove_leftovers
from occlusion_toolkit.surveys.locks import gate, locked
from occlusion_toolkit.surveys.measure import ShardMaker, image_key, survey_card
from occlusion_toolkit.surveys.part import WHOLE, Part
from occlusion_toolkit.surveys.plan import SurveyPlan, calibrate, plan_survey
from occlusion_toolkit.surveys.source import EngineSource
from occlusion_toolkit.surveys.stored import Manifest, Survey, write_shard
from occlusion_toolkit.surveys.workers import THIS_PROCESS, Job, Shard, Workers, make_shards

logger = logging.getLogger(__name__)

SHARD_SIZE = 8
"""Images per shard: what a kill can cost at most, a few seconds to minutes of work."""

Progress = Callable[[int, int], None]
"""Told how many images are done, and how many there are."""

_LOOK_SECONDS = 1.0

_RESULT_BYTES = (
    150_000_000  # what `mesh` makes of a survey: 45 to 80 MB on the open set, more with more sequences
)


def run_survey(
    source: EngineSource,
    people: People,
    bodies: Bodies,
    folder: Path | str,
    *,
    device: torch.device | str = "cpu",
    joint_set: JointSet = LSP14,
    shard_size: int = SHARD_SIZE,
    part: Part = WHOLE,
    resume: bool = False,
    workers: Workers = THIS_PROCESS,
    announce: Callable[[SurveyPlan], None] | None = None,
    progress: Progress | None = None,
) -> Survey:
    """Sweeps a whole data set, or a part of it, into a folder.

    A shard is on disk whole or not at all, whenever the process ends. Numbers depend neither on the
    interruptions nor on the workers (on CPUs of one kind).

    Args:
        source: makes the engine; for worker processes it must be picklable.
        people: the data set.
        bodies: where the bodies of its ground truth come from.
        folder: made where it does not exist.
        device: where the networks run; with several workers, "cuda" stands for a GPU each.
        joint_set: the joints to measure.
        shard_size: images per shard.
        part: which shards to make; all by default.
        resume: keep the shards that an earlier run left in the folder.
        workers: who makes them; this process by default.
        announce: told what there is to do before it is done; costs a calibration of about two seconds.
        progress: called with images done and images in all, now and then.

    Returns:
        The survey, sealed if no shard is missing.

    Raises:
        RunError: another run is writing into the folder; it holds another run; the disk is too small;
            workers were lost.
        DatasetError: there is nobody in the data set.
        TopologyError: the truth belongs to another body than the regressor's.
        ResultError: a shard cannot be written, or was damaged since.
    """
    folder, device = Path(folder), torch.device(device)
    if workers.count > 1 and device.index is not None:
        raise UsageError(f"{workers.count} workers cannot share {device}; give cuda, and each takes its own")
    if len(people) == 0:
        raise DatasetError(f"{people.dataset} has nobody in its split {people.split!r}; choose another split")
    engine = source(device)
    card = survey_card(engine, people, joint_set, bodies.trusted)
    make_folder(folder)
    with locked(folder, part):
        if engine.batch_size is None:
            engine = replace(engine, batch_size=batch_size_of(folder))
        maker = ShardMaker(engine, bodies, card, joint_set)
        manifest = Manifest(
            card=card,
            joint_set=joint_set.name,
            images=len(people),
            shard_size=shard_size,
            batch_size=maker.sweep.batch_size,
        )
        with gate(folder):
            survey = begin(folder, manifest, part, resume)
        shards = part.of(survey.num_shards)
        if part.count == 1:
            remove_leftovers(survey)

        def missing() -> list[int]:
            return [shard for shard in shards if not survey.shard_path(shard).is_file()]

        left = missing()
        if left and announce is not None:
            pace = calibrate(maker, people[survey.images_of(left[0]).start])
            plan = plan_survey(
                survey, shards, len(engine.grid), len(joint_set.joint_names), pace, workers.count
            )
            announce(plan)
            _check_disk(folder, plan)

        def shard_to_make(shard: int) -> Shard:
            return _shard(survey, people, shard)

        report = progress or _silent
        if workers.in_process:
            _make_here(maker, map(shard_to_make, left), report, *_counts(survey, shards))
        elif left:
            job = Job(
                source, bodies.smpl_dir, bodies.trusted, manifest, device.type == "cuda", workers.threads
            )
            del maker  # its memory, and its GPU's
            with _watched(survey, shards, report):
                make_shards(workers, job, missing, shard_to_make)
        return survey if survey.complete or survey.missing() else survey.sealed()


def _shard(survey: Survey, people: People, shard: int) -> Shard:
    positions = survey.images_of(shard)
    frames = tuple(people[positions.start : positions.stop])
    keys = tuple(image_key(frame, people.root) for frame in frames)
    return Shard(survey.shard_path(shard).absolute(), positions.start, keys, frames)


def _make_here(maker: ShardMaker, todo: Iterator[Shard], progress: Progress, done: int, total: int) -> None:
    def on_image() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    for shard in todo:
        write_shard(shard.path, maker.make(shard.first, shard.keys, shard.frames, on_image))


@contextmanager
def _watched(survey: Survey, shards: range, progress: Progress) -> Iterator[None]:
    """Reports progress from the files that appear: the same for every back end, whatever it tells."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK_SECONDS):
            progress(*_counts(survey, shards))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
    progress(*_counts(survey, shards))


def _counts(survey: Survey, shards: range) -> tuple[int, int]:
    """Images that have their shard, and images in all."""
    images = [len(survey.images_of(shard)) for shard in shards]
    there = [survey.shard_path(shard).is_file() for shard in shards]
    return sum(count for count, is_there in zip(images, there, strict=True) if is_there), sum(images)


def _check_disk(folder: Path, plan: SurveyPlan) -> None:
    free = shutil.disk_usage(folder).free
    needed = plan.disk_bytes + _RESULT_BYTES
    if free < needed:
        raise RunError(
            f"the maps and what is made of them take up to {needed / 1e9:.2f} GB, but only "
            f"{free / 1e9:.2f} GB are left in {str(folder)!r}; choose another folder, or a larger stride"
        )


def _silent(done: int, total: int) -> None:
    """Reports no progress."""
