"""Processes that prepare and load samples."""

import os
import signal
from collections.abc import Callable

import torch

Progress = Callable[[int, int], None]
"""Takes how much is done and how much there is."""

MOST = 16
"""Loader processes that are started unasked; each keeps batches in shared memory."""


def processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_workers(devices: int) -> int:
    """Loader processes per device: the processors that a GPU has to itself; 2 where the CPU trains too."""
    return min(MOST, max(1, processors() // devices)) if torch.cuda.is_available() else 2


def quiet_worker(_worker: int) -> None:
    """One thread each; Ctrl-C is for the process that started the workers alone, which ends them."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
