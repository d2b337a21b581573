"""GPUs shared out, one per worker process, by whichever back end the processes were started."""

import os
import tempfile
from functools import cache
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from occlusion_toolkit.errors import RunError

_held: list[FileLock] = []  # a GPU is this process's own until it ends


@cache
def own_gpu() -> torch.device:
    """A GPU that no other worker of this user on this machine has; the same one whenever it is asked.

    Raises:
        RunError: there are more workers on the machine than GPUs.
    """
    count = torch.cuda.device_count()
    for index in range(count):
        # By the card's own number: what is cuda:0 here may be another card for the next process.
        card = torch.cuda.get_device_properties(index).uuid
        lock = FileLock(Path(tempfile.gettempdir()) / f"occlusion-toolkit-{os.getuid()}-gpu-{card}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        _held.append(lock)
        return torch.device("cuda", index)
    raise RunError(f"all {count} GPUs of this machine are taken by other workers; use fewer workers")
