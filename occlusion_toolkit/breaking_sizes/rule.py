"""When a place counts as broken. Sizes are all tried: a larger square may hurt less than a smaller one.

The value of a square is the error, the increase or the displacement of one joint, or its mean over joints.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64

OVER_MM = 30.0
"""A value above this counts as broken unless another threshold is asked for: a quarter of the clean error of
the open networks."""

LESS_MM = 1.0
"""A larger square hurts less where its value is lower by more than this: no rounding, no change that nobody
would see."""

Values = Float64[np.ndarray, "images sizes rows cols"]
"""What squares of increasing sizes do, centred at the same places."""


def breaking_sizes(
    values: Values, sizes: tuple[int, ...], over_mm: float
) -> Float64[np.ndarray, "images rows cols"]:
    """The smallest square above the threshold at every place; NaN where none is."""
    over = values > over_mm
    first = np.array(sizes, dtype=np.float64)[over.argmax(axis=1)]
    return np.where(over.any(axis=1), first, np.nan)


def hurts_less(values: Values) -> Bool[np.ndarray, "images rows cols"]:
    """Whether some larger square hurts less at a place than some smaller one, by more than `LESS_MM`."""
    worst_so_far = np.maximum.accumulate(values, axis=1)
    return np.asarray((worst_so_far - values > LESS_MM).any(axis=1))


def recovers(values: Values, over_mm: float) -> Bool[np.ndarray, "images rows cols"]:
    """Whether a place that some square breaks is not broken by some larger one."""
    broken_before = np.logical_or.accumulate(values > over_mm, axis=1)
    return np.asarray((broken_before & (values <= over_mm)).any(axis=1))


def area_mm(
    curve: Float64[np.ndarray, "images sizes"],
    sizes: tuple[int, ...],
    clean: Float64[np.ndarray, " images"],
) -> Float64[np.ndarray, " images"]:
    """Area under the curve over the size by the trapezoid rule, from no square to the largest, as a mean.

    Args:
        curve: mean over places, (N, K).
        sizes: K of them, increasing.
        clean: the value without a square, (N,).
    """
    whole = np.concatenate([clean[:, None], curve], axis=1)
    return np.asarray(np.trapezoid(whole, [0, *sizes], axis=1) / sizes[-1])
