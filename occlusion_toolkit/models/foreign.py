"""Networks of others: what they raise is said to be theirs, and none of them ends the process."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from occlusion_toolkit.errors import ModelCardError, OcclusionToolkitError

# What PyTorch's CPU allocators say, on Linux and on Windows; they raise a plain RuntimeError.
_CPU_ALLOCATOR_MESSAGES = ("can't allocate memory", "not enough memory", "cannot allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that an allocation failed, on a GPU or on the host."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    message = str(error).lower()
    return isinstance(error, RuntimeError) and any(text in message for text in _CPU_ALLOCATOR_MESSAGES)


@contextmanager
def blamed_on(regressor: str, check: str) -> Iterator[None]:
    """A block that runs the code of somebody's network; a lack of memory passes through.

    Args:
        regressor: its name.
        check: what to do, the end of a sentence.

    Raises:
        ModelCardError: the network raised something, or called `sys.exit`.
    """
    try:
        yield
    except OcclusionToolkitError:
        raise
    except (Exception, SystemExit) as error:
        if is_out_of_memory(error):
            raise
        lines = str(error).strip().splitlines()
        reason = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
        raise ModelCardError(
            f"The regressor {regressor!r} failed in its own code ({reason}){check}."
        ) from error
