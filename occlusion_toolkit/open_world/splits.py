"""The rule that keeps splits apart: shapes, poses and hues fall into bins, and each bin has one split.

Coordinates are quantised and the bin's index is hashed; the hash alone decides which split the bin belongs
to. A draw that falls into another split's bin is thrown away. So no bin is ever shared, whatever the seeds.
"""

import hashlib
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
SHAPE_BETAS = 4
SHAPE_WIDTH = 0.5
"""The first four betas are quantised to half a standard deviation."""

POSE_JOINTS = (1, 2, 4, 5, 16, 17, 18, 19)
POSE_WIDTH = 0.5
"""Axis-angle vectors of hips, knees, shoulders and elbows are quantised to half a radian."""

HUE_BINS = 24
_TENTHS_OF_SPLIT: dict[Split, range] = {"test": range(0, 1), "validation": range(1, 2), "train": range(2, 10)}


def split_of_bin(kind: str, index: tuple[int, ...]) -> Split:
    """Return the split that owns a bin; a tenth of the bins is test, a tenth validation."""
    text = f"{kind}:{','.join(map(str, index))}".encode()
    tenth = int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "big") % 10
    return next(split for split, tenths in _TENTHS_OF_SPLIT.items() if tenth in tenths)


def shape_bin(betas: NDArray[np.float64]) -> tuple[int, ...]:
    """Return the bin of shape coefficients (10,)."""
    return tuple(int(value) for value in np.floor(betas[:SHAPE_BETAS] / SHAPE_WIDTH))


def pose_bin(pose: NDArray[np.float64]) -> tuple[int, ...]:
    """Return the bin of a pose given as axis-angle vectors (24, 3); the root's heading plays no part."""
    return tuple(int(value) for value in np.floor(pose[list(POSE_JOINTS)] / POSE_WIDTH).ravel())


def hue_bin_belongs(index: int, split: Split) -> bool:
    """Return whether one of the 24 hue bins is used for cloth and walls of a split: test has every third."""
    owner: Split = "test" if index % 3 == 0 else "validation" if index % 12 == 5 else "train"
    return owner == split
