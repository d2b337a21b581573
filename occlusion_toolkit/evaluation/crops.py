"""Crops of a data set in batches, read ahead while the network is busy."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from jaxtyping import UInt8

from occlusion_toolkit.data.crops import read_crop
from occlusion_toolkit.data.people import People
from occlusion_toolkit.data.sample import Sample

_MOST_READERS = 16  # each holds one decoded image

CropBatch = tuple[list[Sample], UInt8[np.ndarray, "batch resolution resolution 3"]]
"""People and their crops."""


def crop_batches(people: People, first: int, size: int) -> Iterator[CropBatch]:
    """Reads people from a position on; at most two batches of crops are in memory.

    Args:
        people: the data set.
        first: position of the first person.
        size: people per batch; the last batch may have fewer.

    Raises:
        ImageError: an image is missing or damaged.
        CropError: a box does not show anybody.
    """
    readers = ThreadPoolExecutor(min(_MOST_READERS, os.cpu_count() or 1))
    try:
        frames: list[Sample] = []
        crops: list[Future[np.ndarray]] = []
        for start in range(first, len(people), size):
            coming = people[start : start + size]
            reading = [readers.submit(read_crop, frame) for frame in coming]
            if frames:
                yield frames, np.stack([crop.result() for crop in crops])
            frames, crops = coming, reading
        if frames:
            yield frames, np.stack([crop.result() for crop in crops])
    finally:
        readers.shutdown(cancel_futures=True)
