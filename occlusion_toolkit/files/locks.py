"""One process at a time: a lock that is free again when its process dies."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from occlusion_toolkit.errors import RunError


class LockTaken(RunError):
    """Another process holds the lock."""


@contextmanager
def held(path: Path, taken: str, wait_s: float = 0.0) -> Iterator[None]:
    """Holds a lock while the block runs.

    Args:
        path: of the lock's file, on a disk that has locks; its folder must exist.
        taken: what to say where another process holds it.
        wait_s: how long to wait for that process; negative waits for as long as it takes.

    Raises:
        LockTaken: another process holds it.
        RunError: the folder cannot be locked.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=wait_s)
    except Timeout as error:
        raise LockTaken(taken) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RunError(f"{str(path.parent)!r} cannot be locked: {reason}; choose another folder") from error
    try:
        yield
    finally:
        lock.release()
