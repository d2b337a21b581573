"""What a survey will take: passes, disk and time, known before it starts."""

import math
import time
from contextlib import suppress
from dataclasses import dataclass

from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.surveys.measure import ShardMaker
from occlusion_toolkit.surveys.stored import Survey

_CALIBRATION_SECONDS = 1.5

_PLANES = 4  # maps per joint: displacement and error, each plain and aligned
_SHARD_BYTES = 70_000  # of a shard without its maps, most of it HDF5's own


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


def calibrate(maker: ShardMaker, frame: Sample) -> Pace:
    """Measures for about two seconds how fast this process is, on one person; keeps no number of it."""
    started = time.perf_counter()
    subject = maker.subject(frame)
    seconds_per_image = time.perf_counter() - started
    marks: list[tuple[int, float]] = []

    def progress(done: int) -> None:
        marks.append((done, time.perf_counter()))
        if len(marks) > 2 and marks[-1][1] - marks[0][1] > _CALIBRATION_SECONDS:
            raise _EnoughSeenError

    started = time.perf_counter()
    with suppress(_EnoughSeenError):
        next(maker.sweep.stream([subject], progress))
    # The first batch is slower than the rest: it is left out where there are others.
    (first, began), (last, ended) = (marks[0] if len(marks) > 1 else (0, started)), marks[-1]
    return Pace(seconds_per_image, (ended - began) / (last - first))


def plan_survey(
    survey: Survey, shards: range, windows: int, joints: int, pace: Pace, workers: int
) -> SurveyPlan:
    """What a run has to do.

    Args:
        survey: the survey, begun.
        shards: those of this run.
        windows: windows per image.
        joints: how many are measured.
        pace: of one process.
        workers: how many processes share the work.
    """
    left = [shard for shard in shards if not survey.shard_path(shard).is_file()]
    images_left = sum(len(survey.images_of(shard)) for shard in left)
    passes = images_left * (windows + 1)
    longest = math.ceil(len(left) / workers) / max(1, len(left))  # share of the busiest worker
    return SurveyPlan(
        images=sum(len(survey.images_of(shard)) for shard in shards),
        images_left=images_left,
        shards=len(shards),
        windows=windows,
        passes=passes,
        disk_bytes=len(left) * _SHARD_BYTES + images_left * _PLANES * joints * windows * 4,
        seconds=longest * (images_left * pace.seconds_per_image + passes * pace.seconds_per_pass),
        workers=workers,
    )
