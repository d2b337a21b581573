"""What a survey will take: passes, disk and time, known before it starts."""

import itertools
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import torch

from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.surveys.shards import ShardMaker
from occlusion_toolkit.surveys.survey import Survey

_CALIBRATION_SECONDS = 1.5

_SHARD_BYTES = 75_000  # of a shard without its maps, most of it HDF5's own
_SCENE_BYTES = 20_000  # of an image: what its crop truly shows


@dataclass(frozen=True)
class SurveyPlan:
    """What there is to do.

    Attributes:
        images: samples of this run or part of it.
        images_left: those that have no shard yet.
        shards: shards of this run or part of it.
        windows: windows per image.
        passes: forward passes that are left, with one clean pass per image.
        disk_bytes: the most that is left to be written of the maps.
        seconds: estimated time that is left, from a short calibration on the first image.
        workers: processes that share the work.
    """

    images: int
    images_left: int
    shards: int
    windows: int
    passes: int
    disk_bytes: int
    seconds: float
    workers: int

    def __str__(self) -> str:
        done = self.images - self.images_left
        kept = f" ({done} of {self.images} are done)" if done else ""
        shared = "" if self.workers == 1 else f" with {self.workers} workers"
        return (
            f"{self.images_left} images{kept} x ({self.windows} windows + 1) = {self.passes} passes, "
            f"up to {_bytes(self.disk_bytes)} of maps, about {duration(self.seconds)}{shared}"
        )


@dataclass(frozen=True)
class Pace:
    """How fast one process is.

    Attributes:
        seconds_per_image: reading and cropping one image.
        seconds_per_pass: one forward pass, painting of the window included.
    """

    seconds_per_image: float
    seconds_per_pass: float


class _EnoughSeenError(Exception):
    """Ends a calibration."""


def calibrate(maker: ShardMaker, sample: Sample, threads: int | None = None) -> Pace:
    """Measures for about two seconds how fast a process is, on one person; keeps no number of it.

    Args:
        maker: of this process.
        sample: the person, swept again and again, so that batches are as full as in the run.
        threads: those that a worker will have; None for as many as this process has.
    """
    with _threads(threads):
        started = time.perf_counter()
        subject = maker.subject(sample)
        seconds_per_image = time.perf_counter() - started
        marks: list[tuple[int, float]] = []

        def progress(done: int) -> None:
            marks.append((done, time.perf_counter()))
            if len(marks) > 2 and marks[-1][1] - marks[0][1] > _CALIBRATION_SECONDS:
                raise _EnoughSeenError

        with suppress(_EnoughSeenError):
            for _ in maker.sweep.window_sweep.stream(itertools.repeat(subject), progress):
                pass
    (first, began), (last, ended) = marks[0], marks[-1]  # without the first batch: it is slower than the rest
    return Pace(seconds_per_image, (ended - began) / (last - first))


def plan_survey(survey: Survey, shards: range, pace: Pace, workers: int) -> SurveyPlan:
    """What a run has to do.

    Args:
        survey: the survey, begun.
        shards: those of this run.
        pace: of one process.
        workers: how many processes share the work.
    """
    left = [shard for shard in shards if not survey.shard_path(shard).is_file()]
    images_left = sum(len(survey.images_of(shard)) for shard in left)
    windows = len(survey.grid)
    passes = images_left * (windows + 1)
    maps = sum(not name.endswith("increase") for name in survey.metrics) * len(survey.joint_names)
    maps += 5 * len(survey.joint_names)  # x, y and z of the joints themselves, and two confidences
    longest = math.ceil(len(left) / workers) / max(1, len(left))  # share of the busiest worker
    return SurveyPlan(
        images=sum(len(survey.images_of(shard)) for shard in shards),
        images_left=images_left,
        shards=len(shards),
        windows=windows,
        passes=passes,
        disk_bytes=len(left) * _SHARD_BYTES + images_left * (maps * windows * 4 + _SCENE_BYTES),
        seconds=longest * (images_left * pace.seconds_per_image + passes * pace.seconds_per_pass),
        workers=workers,
    )


def duration(seconds: float) -> str:
    """A time as people say it: "12 s", "48 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _bytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """A block in which PyTorch has so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
