"""One run at a time for every shard of a folder, whichever machine it is on."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from occlusion_toolkit.errors import RunError
from occlusion_toolkit.surveys.part import Part

_GATE_SECONDS = 30.0  # held for milliseconds; longer waits mean a file system that does not lock


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
    own = FileLock(locks / f"{name}.lock")
    owner = locks / f"{name}.owner"
    try:
        locks.mkdir(exist_ok=True)
        with gate(folder):
            for other in sorted(locks.glob("*-of-*.lock")):
                shared = other.name.endswith(f"-of-{part.count}.lock") and other.stem != name
                if not shared and _is_held(other):
                    raise RunError(_refusal(folder, other.with_suffix(".owner")))
            own.acquire(blocking=False)
            owner.write_text(_this_run(part), encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RunError(f"{str(folder)!r} cannot be locked: {reason}; choose another folder") from error
    try:
        yield
    finally:
        own.release()


@contextmanager
def gate(folder: Path) -> Iterator[None]:
    """Lets one run at a time through: for short steps that the parts of a run must not do side by side.

    Raises:
        RunError: another run does not leave the gate.
    """
    lock = FileLock(folder / ".locks" / "gate.lock")
    try:
        lock.acquire(timeout=_GATE_SECONDS)
    except Timeout as error:
        raise RunError(
            f"{lock.lock_file!r} stays locked; check that the file system supports locks"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _is_held(lock_file: Path) -> bool:
    lock = FileLock(lock_file)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    lock.release()
    return False


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
