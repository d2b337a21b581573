"""The run of a survey: locked, planned, made shard by shard, sealed."""

import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.crops import normalise, sample_crop
from occlusion_toolkit.data.people import People
from occlusion_toolkit.errors import DatasetError, RunError, UsageError
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
from occlusion_toolkit.models.registry import AnyRegressor
from occlusion_toolkit.models.views import read_view
from occlusion_toolkit.surveys.clusters import Backend
from occlusion_toolkit.surveys.folder import (
    WHOLE,
    Begun,
    Part,
    batch_size_of,
    begin,
    begun_with,
    gate,
    locked,
    make_folder,
    remove_leftovers,
    set_damaged_aside,
)
from occlusion_toolkit.surveys.manifest import Manifest
from occlusion_toolkit.surveys.plan import SurveyPlan, calibrate, plan_survey
from occlusion_toolkit.surveys.shards import Shard, ShardMaker, survey_card
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.surveys.workers import Job, Workers, make_shards, usual_count
from occlusion_toolkit.sweep.engines.incremental import SHARES

SHARD_SIZE = 8
"""Images per shard: what a kill can cost at most, a few seconds to minutes of work."""

Progress = Callable[[int, int], None]
"""Told how many images are done, and how many there are."""

_LOOK_SECONDS = 1.0

_RESULT_BYTES = 100_000_000  # what `mesh` makes of a survey, more with more sequences


def survey(
    sweep: OcclusionSweep | AnyRegressor,
    people: People | str,
    *,
    out: Path | str,
    resume: bool = False,
    workers: int | None = 1,
    backend: Backend = "loky",
    address: str | None = None,
    part: Part = WHOLE,
    shard_size: int = SHARD_SIZE,
    announce: Callable[[SurveyPlan], None] | None = None,
    progress: Progress | None = None,
) -> Survey:
    """Sweeps a whole data set, or a part of it, into a folder.

    A shard is on disk whole or not at all, whenever the process ends. Numbers depend neither on the
    interruptions nor on the workers (on CPUs of one kind).

    Args:
        sweep: what is done to every image; a regressor stands for a sweep with the usual settings.
        people: the data set, or its name; of 3DPW by name the frames of the model's paper are taken.
        out: folder of the survey; made where it does not exist.
        resume: keep the shards that an earlier run left in the folder, and make again those that are damaged.
        workers: processes that share the work; on a GPU one each. A network of your own, or a metric,
            travels to them. None takes as many as are usually fastest (`usual_count`).
        backend: "loky" for processes of this machine, "dask" or "ray" for a cluster.
        address: of a running cluster's scheduler; None starts one on this machine.
        part: which shards to make; all by default.
        shard_size: images per shard.
        announce: told what there is to do before it is done; costs a calibration of about two seconds.
        progress: called with images done and images in all, now and then.

    Returns:
        The survey, sealed if no shard is missing.

    Raises:
        RunError: another run is writing into the folder; it holds another run; the disk is too small;
            workers were lost.
        DatasetError: there is nobody in the data set.
        TopologyError: the truth belongs to another body than the regressor's.
        ResultError: a shard cannot be written, or belongs to another survey.

    Example:
        >>> import tempfile
        >>> import occlusion_toolkit as ot
        >>> people = ot.open_dataset("open", limit=2)
        >>> sweep = ot.OcclusionSweep("pare-open", size=112, stride=112)
        >>> survey = ot.survey(sweep, people, out=tempfile.mkdtemp())
        >>> dict(survey.maps["error"].sizes)
        {'image': 2, 'joint': 14, 'row': 2, 'col': 2}
    """
    folder, crew = Path(out), Workers(backend, address, 1 if workers is None else workers)
    sweep = sweep if isinstance(sweep, OcclusionSweep) else OcclusionSweep(sweep)
    if isinstance(people, str):
        papers = sweep.protocol.frame_filter if people == "3dpw" else None
        people = open_dataset(people, frame_filter=papers)
    if len(people) == 0:
        raise DatasetError(f"{people.dataset} has nobody in its split {people.split!r}; choose another split")
    if crew.count > 1 and sweep.device.index is not None:
        raise UsageError(
            f"{crew.count} workers cannot share {sweep.device}; give cuda, and each takes its own"
        )
    if not crew.in_process:
        sweep = sweep.changed()  # what is loaded to look at the settings can then go again
    if sweep.batch_size is None and (stored := batch_size_of(folder)) is not None:
        sweep = sweep.changed(batch_size=stored)
    sweep, deviation_mm = _settled(sweep, people, part, begun_with(folder))
    card = survey_card(sweep, people)
    make_folder(folder)
    with locked(folder, part):
        maker = ShardMaker(sweep, card)
        manifest = Manifest(
            card=card,
            joint_names=sweep.joint_set.joint_names,
            images=len(people),
            shard_size=shard_size,
            batch_size=sweep.window_sweep.batch_size,
            engine=sweep.engine,
            deviation_mm=deviation_mm,
        )
        with gate(folder):
            begun = begin(folder, manifest, sweep.bodies, part, resume)
        begun = set_damaged_aside(begun, part)
        if part.count == 1:
            remove_leftovers(begun)
        shards = part.of(begun.num_shards)

        def missing() -> list[int]:
            return [shard for shard in shards if not begun.shard_path(shard).is_file()]

        def shard_to_make(number: int) -> Shard:
            path = begun.shard_path(number).absolute()
            return Shard.of(path, people, begun.images_of(number))

        left = missing()
        if workers is None and crew.in_process:
            crew = Workers(count=usual_count(sweep, len(left)))
        if left and announce is not None:
            first = people[begun.images_of(left[0]).start]
            pace = calibrate(maker, first, None if crew.in_process else crew.threads)
            plan = plan_survey(begun, shards, pace, crew.count)
            announce(plan)
            _check_disk(folder, plan)
        report = progress or _silent
        if crew.in_process:
            _make_here(maker, map(shard_to_make, left), report, *_counts(begun, shards))
        elif left:
            job = Job(
                name=uuid.uuid4().hex,
                sweep=sweep.changed(batch_size=manifest.batch_size),
                card=card,
                gpus=sweep.device.type == "cuda",
                threads=crew.threads,
                parent=os.getpid() if backend == "loky" else None,
            )
            sweep = job.sweep
            del maker  # its memory, and its GPU's
            with _watched(begun, shards, report):
                make_shards(crew, job, missing, shard_to_make)
        return begun if begun.complete or begun.missing() else begun.sealed()


def _settled(
    sweep: OcclusionSweep, people: People, part: Part, begun: Begun | None
) -> tuple[OcclusionSweep, tuple[float, float] | None]:
    """The sweep with one engine and one arithmetic for every worker, and for the runs that go on.

    Both are found on the first image. Parts that begin at once on several machines could time different
    things, so their engine is fixed.

    Returns:
        The sweep, and the mean and largest deviation of a low precision, if one was asked for, in mm.
    """
    low = sweep.precision != "fp32"
    if begun is not None:
        settled: dict[str, Any] = {} if sweep.engine == "dense" else {"engine": begun.engine}
        if low and begun.deviation_mm is not None:
            settled |= {"precision": begun.precision, "tolerance_mm": None}
            return sweep.changed(**settled), begun.deviation_mm
        return sweep.changed(**settled) if settled else sweep, None
    if part.count > 1 and sweep.engine in ("auto", "incremental"):
        at_once = "dense" if sweep.engine == "auto" else f"incremental@{SHARES[1]:g}"
        sweep = sweep.changed(engine=at_once)
    if not low and sweep.engine not in ("auto", "fused", "incremental"):
        return sweep, None
    crop = normalise(sample_crop(people[0], sweep.grid.resolution, sweep.protocol.crop_rule))
    regressor = sweep.regressor
    view = read_view(regressor.card.preprocessing, people[0]) if regressor.has_own_crops else None
    ready = sweep.window_sweep
    engine = ready.settle(crop, len(people) * ready.passes_per_crop, view)
    deviation = ready.deviation if low else None
    sweep = sweep.changed(engine=engine, precision=ready.precision, tolerance_mm=None)
    return sweep, None if deviation is None else (deviation.mean_mm, deviation.largest_mm)


def _make_here(maker: ShardMaker, todo: Iterator[Shard], progress: Progress, done: int, total: int) -> None:
    def on_image() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    for shard in todo:
        maker.make(shard, on_image)


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
