"""The folder of a survey: which shards a run makes, one run at a time for each, and what is there already."""

import logging
import os
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.errors import ResultError, RunError, UsageError
from occlusion_toolkit.files.atomic import remove_leftovers as remove_temporary
from occlusion_toolkit.files.locks import LockTaken, held
from occlusion_toolkit.surveys.manifest import MANIFEST_NAME, Manifest, manifest_is_damaged
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.maps import card_of, open_maps
from occlusion_toolkit.sweep.network import Precision

logger = logging.getLogger(__name__)

_GATE_SECONDS = 30.0  # held for milliseconds; longer waits mean a file system that does not lock


@dataclass(frozen=True)
class Part:
    """One of several runs that fill one folder together, each with its own neighbouring shards.

    Attributes:
        index: which run, from 0.
        count: how many runs; 1 for a run that makes everything.

    Raises:
        UsageError: there is no such part.
    """

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise UsageError(
                f"there is no part {self.index} of {self.count}; choose one from 0 to {self.count - 1}"
            )

    def of(self, shards: int) -> range:
        """The shards of this part, of as many in all."""
        return range(self.index * shards // self.count, (self.index + 1) * shards // self.count)


WHOLE = Part()
"""Everything."""


@contextmanager
def locked(folder: Path, part: Part) -> Iterator[None]:
    """Holds the shards of a part while the block runs; they are free again when the process dies.

    A run that makes everything shares the folder with nobody. Parts share it with other parts of the same
    division.

    Args:
        folder: of the survey; must exist.
        part: which shards.

    Raises:
        RunError: another run holds some of these shards, or the folder cannot be locked.
    """
    locks = folder / ".locks"
    name = f"{part.index}-of-{part.count}"
    owner = locks / f"{name}.owner"
    with ExitStack() as stack:
        try:
            locks.mkdir(exist_ok=True)
            with gate(folder):
                for other in sorted(locks.glob("*-of-*.lock")):
                    shared = other.name.endswith(f"-of-{part.count}.lock") and other.stem != name
                    if not shared and _is_held(other):
                        raise RunError(_refusal(folder, other.with_suffix(".owner")))
                stack.enter_context(held(locks / f"{name}.lock", _refusal(folder, owner)))
                owner.write_text(_this_run(part), encoding="utf-8")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise RunError(f"{str(folder)!r} cannot be locked: {reason}; choose another folder") from error
        yield


def gate(folder: Path) -> AbstractContextManager[None]:
    """Lets one run at a time through: for short steps that the parts of a run must not do side by side.

    Raises:
        RunError: another run does not leave the gate.
    """
    lock = folder / ".locks" / "gate.lock"
    stays = f"{str(lock)!r} stays locked; check that the file system supports locks"
    return held(lock, stays, _GATE_SECONDS)


def _is_held(lock: Path) -> bool:
    try:
        with held(lock, ""):
            return False
    except LockTaken:
        return True


def _this_run(part: Part) -> str:
    began = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    share = "" if part.count == 1 else f"part {part.index} of {part.count}, "
    return f"{share}process {os.getpid()} on {platform.node()}, since {began}"


def _refusal(folder: Path, owner: Path) -> str:
    try:
        other = owner.read_text(encoding="utf-8")
    except OSError:
        other = "it left no name"
    return (
        f"another run is writing into {str(folder)!r} ({other}); wait until it ends, or choose another folder"
    )


def make_folder(folder: Path) -> None:
    """Makes the folder of a survey where it does not exist.

    Raises:
        RunError: it cannot be made.
    """
    try:
        (folder / "shards").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RunError(f"{str(folder)!r} cannot be made: {reason}; choose another folder") from error


def begin(folder: Path, manifest: Manifest, bodies: Bodies, part: Part, resume: bool) -> Survey:
    """A new survey in the folder, or the one in it, to be continued.

    Args:
        folder: exists, and its shards are held by this run.
        manifest: what the run would make.
        bodies: for the survey.
        part: which shards the run makes.
        resume: whether shards that are there are meant to be kept.

    Raises:
        RunError: the folder holds shards of an earlier run and `resume` is not set, or they were made by
            another protocol; the message has a line for each difference.
        ResultError: the manifest is of another kind or version.
    """
    survey = _stored(folder, bodies, resume)
    if survey is None or (part.count == 1 and _came_to_nothing(survey)):
        survey = Survey(folder, manifest, bodies)
        survey.save()
    done = [shard for shard in part.of(survey.num_shards) if survey.shard_path(shard).is_file()]
    if not resume and done:
        state = "a finished" if survey.complete else "an unfinished"
        raise RunError(
            f"{str(folder)!r} holds {state} run ({survey.num_shards - len(survey.missing())} of "
            f"{survey.num_shards} shards); use --resume to go on with it, or choose another folder"
        )
    lines = differences(survey.manifest, manifest)
    if lines:
        raise RunError(
            f"the run in {str(folder)!r} was begun with other settings and cannot be continued:\n  "
            + "\n  ".join(lines)
            + "\nuse the options it was begun with, or choose another folder"
        )
    return survey


def set_damaged_aside(survey: Survey, part: Part) -> Survey:
    """The survey of a folder once shards that are not intact are gone from it, so that they are made again.

    Every shard of the part is read, one at a time.

    Raises:
        ResultError: a shard is of another survey.
    """
    for shard, reason in survey.damaged(part.of(survey.num_shards)).items():
        path = survey.shard_path(shard)
        path.replace(path.with_suffix(".damaged"))
        logger.warning("shard %d is set aside and made again: %s", shard, reason)
    if survey.complete and survey.missing():
        with gate(survey.folder):
            survey = survey.reopened()
            survey.save()
    return survey


def batch_size_of(folder: Path) -> int | None:
    """The batch size that the run in a folder was begun with; None where there is none."""
    return None if manifest_is_damaged(folder / MANIFEST_NAME) else Survey.open(folder).manifest.batch_size


@dataclass(frozen=True)
class Begun:
    """What the run in a folder was begun with, and later runs must not decide anew.

    Attributes:
        engine: which engine answers the windows.
        precision: the arithmetic.
        deviation_mm: mean and largest deviation of the low precision that was asked for; None without one.
    """

    engine: str
    precision: Precision
    deviation_mm: tuple[float, float] | None


def begun_with(folder: Path) -> Begun | None:
    """What the run in a folder was begun with; None where there is none.

    Where the manifest is damaged, a shard says it.
    """
    if not manifest_is_damaged(folder / MANIFEST_NAME):
        manifest = Survey.open(folder).manifest
        return Begun(manifest.engine, manifest.card.precision, manifest.deviation_mm)
    for path in sorted((folder / "shards").glob("shard-*.h5")):
        with suppress(ResultError):
            card = card_of(open_maps(path))
            return Begun(card.engine or "dense", card.precision, None)
    return None


def differences(stored: Manifest, wanted: Manifest) -> list[str]:
    """Lines "field: stored value, now another", for everything that would change a number."""
    before, now = (
        _flat(manifest.model_dump(exclude={"checksums", "sha256"})) for manifest in (stored, wanted)
    )
    return [
        f"{name}: {before.get(name)}, now {now.get(name)}"
        for name in {**before, **now}
        if before.get(name) != now.get(name)
    ]


def remove_leftovers(survey: Survey) -> None:
    """Removes what killed runs left half written; only for a run that holds the whole folder."""
    for folder in (survey.folder, survey.folder / "shards"):
        remove_temporary(folder)


def _stored(folder: Path, bodies: Bodies, resume: bool) -> Survey | None:
    """The survey in a folder; None where there is none, or none whose manifest can be read."""
    path = folder / MANIFEST_NAME
    if not manifest_is_damaged(path):
        return Survey.open(folder, bodies)
    if path.exists():
        if not resume:
            raise RunError(f"{str(path)!r} is damaged; --resume writes it again and keeps the shards")
        logger.warning("%s is damaged and written again", path)
    return None


def _came_to_nothing(survey: Survey) -> bool:
    """Whether a run ended before its first shard, so that nothing of it is worth keeping."""
    return not survey.complete and len(survey.missing()) == survey.num_shards


def _flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in content.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return {name.removeprefix("card."): value for name, value in flat.items()}
