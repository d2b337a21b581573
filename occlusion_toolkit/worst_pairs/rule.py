"""How large the squares of a pair are, and in which order pairs are tried."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

BEAM = 8
"""With how many first squares every second one is tried, unless another number is asked for."""

Scan = Callable[[Iterable[int]], Mapping[int, Float64[np.ndarray, " windows"]]]
"""Values of all second windows (W,) beside each of some first ones, by the number of the first."""


def pair_size(size: int) -> int:
    """Side of two squares that together cover no more than one of a size: 28 for 40, 40 for 57."""
    return math.isqrt(size * size // 2)


@dataclass(frozen=True)
class BestPair:
    """What a search found.

    Attributes:
        first: number of the first window.
        second: number of the second window.
        value: of both together.
        scans: first windows beside which every second one was tried.
    """

    first: int
    second: int
    value: float
    scans: int


def worst_of(alone: Float64[np.ndarray, " windows"], beam: int, scan: Scan) -> BestPair:
    """The worst pair that a beam finds: no exchange of one of its squares for another makes it worse.

    Every second window is tried beside the `beam` windows that are worst alone. Then, as long as one of the
    worst pair was only ever the second, all windows are tried beside it.

    Args:
        alone: values of single windows, (W,).
        beam: how many first windows; W of them try all pairs.
        scan: tries all second windows beside some first ones.
    """
    firsts = np.argsort(-alone, kind="stable")[:beam].tolist()
    tried = dict(scan(firsts))
    while True:
        first = max(tried, key=lambda number: (tried[number].max(), -number))
        second = int(tried[first].argmax())
        if second in tried:
            return BestPair(first, second, float(tried[first][second]), len(tried))
        tried |= scan([second])
