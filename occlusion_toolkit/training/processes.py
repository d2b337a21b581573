"""Processes that prepare and load samples, and the lock of a folder that several of them fill."""

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch

from occlusion_toolkit.errors import RunError
from occlusion_toolkit.files.atomic import make_folder
from occlusion_toolkit.files.locks import held
from occlusion_toolkit.files.machine import processors

Progress = Callable[[int, int], None]
"""Takes how much is done and how much there is."""

MOST = 16
"""Loader processes that are started unasked; each keeps batches in shared memory."""


def default_workers(devices: int, *, gpu: bool) -> int:
    """Loader processes per device: the processors that a GPU has to itself; 2 where the CPU trains too."""
    return min(MOST, max(1, processors() // devices)) if gpu else 2


def quiet_worker(_worker: int) -> None:
    """One thread each; Ctrl-C is for the process that started the workers alone, which ends them."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


logger = logging.getLogger(__name__)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one process at a time work in a folder; the others wait, and find the work done.

    A process that dies gives its place up. The folder must be on a disk that has locks.

    Args:
        folder: it is made if it is not there.
    """
    lock, waiting = make_folder(folder) / "lock", f"waiting for another process that fills {folder}"
    with ExitStack() as stack:
        try:
            stack.enter_context(held(lock, waiting))
        except RunError:
            logger.info(waiting)
            stack.enter_context(held(lock, waiting, wait_s=-1.0))
        yield
