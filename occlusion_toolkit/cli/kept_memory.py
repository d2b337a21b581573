"""Memory that networks free is kept for their next batch."""

import ctypes
import os
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_MAX: Final = -4
"""Numbers of settings in glibc's `malloc.h`."""

_SETTINGS: Final = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "-1"}
"""The same for processes to come: glibc reads them when one starts."""


def keep_freed_memory() -> None:
    """Let the C library of Linux (glibc) keep what is freed, in this process and in those that it starts.

    Blocks of more than 32 MiB, such as the large maps of a batch, it gives back to the system at once, which
    clears every page of the next one (docs/engines.md). A user's own `MALLOC_...` settings stay; with
    another C library nothing happens.
    """
    if os.name != "posix" or any(name.startswith("MALLOC_") for name in os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, -1)
        os.environ |= _SETTINGS
