"""Seconds for choosing between engines."""

import time

import torch


def seconds(device: torch.device) -> float:
    """A clock that neighbours do not slow down: the time of this process on a CPU.

    On a GPU it is that of the wall, once the GPU has done all that it was asked.
    """
    if device.type == "cpu":
        return time.process_time()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
