"""How many passes fit on a device: a first guess, and halving when the guess was wrong."""

import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

from occlusion_toolkit.errors import SweepError
from occlusion_toolkit.models.foreign import is_out_of_memory
from occlusion_toolkit.sweep.batching import WindowBatch

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

CPU_BATCH_SIZE = 16
"""On a CPU larger batches only push the activations out of the cache (best of 8, 16, 32 and 64 measured)."""

LARGEST_GPU_BATCH_SIZE = 512
_GPU_BYTES_PER_PASS = 256 * 2**20  # a generous HRNet-W32 pass of 224 x 224 pixels in float32


def starting_batch_size(device: torch.device) -> int:
    """Passes to try first on a device: a fixed number on a CPU, by free memory on a GPU."""
    if device.type != "cuda":
        return CPU_BATCH_SIZE
    free, _ = torch.cuda.mem_get_info(device)
    fitting = max(1, min(LARGEST_GPU_BATCH_SIZE, free // _GPU_BYTES_PER_PASS))
    return 1 << (fitting.bit_length() - 1)


def in_fitting_parts(
    batch: WindowBatch, answer: Callable[[WindowBatch], Answer], on_shrink: Callable[[int], None]
) -> Iterator[tuple[WindowBatch, Answer]]:
    """Answers a batch whole, or in halves of halves where it does not fit into memory.

    Args:
        batch: the passes.
        answer: what to do with them; may run out of memory.
        on_shrink: told the new largest size whenever a batch is cut.

    Yields:
        The parts of the batch in order, each with its answer.

    Raises:
        SweepError: not even a single pass fits.
    """
    waiting = [batch]
    while waiting:
        part = waiting.pop(0)
        given = _unless_out_of_memory(part, answer)
        if given is not None:
            yield part, given[0]
            continue
        if len(part) == 1:
            raise SweepError(
                f"not even one crop at a time fits into the memory of {part.crops.device}; "
                "free memory, use another device or a smaller network"
            )
        waiting[:0] = part.halves()
        logger.warning("a batch of %d did not fit into memory; going on with %d", len(part), len(waiting[0]))
        on_shrink(len(waiting[0]))


def _unless_out_of_memory(part: WindowBatch, answer: Callable[[WindowBatch], Answer]) -> tuple[Answer] | None:
    try:
        return (answer(part),)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    # Here, outside the handler, the traceback is gone and with it the activations that its frames held.
    if part.crops.device.type == "cuda":
        torch.cuda.empty_cache()
    return None
