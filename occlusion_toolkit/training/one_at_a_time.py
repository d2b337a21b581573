"""What several processes need and one makes: the ranks of a run, or runs that share a cache."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from occlusion_toolkit.files.atomic import make_folder

logger = logging.getLogger(__name__)


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one process at a time work in a folder; the others wait, and find the work done.

    A process that dies gives its place up. The folder must be on a disk that has locks.

    Args:
        folder: it is made if it is not there.
    """
    lock = FileLock(make_folder(folder) / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info("waiting for another process that fills %s", folder)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
