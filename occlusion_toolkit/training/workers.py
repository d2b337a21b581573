"""Processes that prepare and load samples."""

import os
import signal

import torch


def processors() -> int:
    """Processors of this machine."""
    return os.cpu_count() or 1


def default_workers(devices: int) -> int:
    """Loader processes per device: the processors that a GPU has to itself; 2 where the CPU trains too."""
    return max(1, processors() // devices) if torch.cuda.is_available() else 2


def quiet_worker(_worker: int) -> None:
    """One thread each; Ctrl-C is for the process that started the workers alone, which ends them."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
