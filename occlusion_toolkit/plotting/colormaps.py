"""Perceptually uniform colour scales for maps in millimetres (Crameri's, through cmcrameri)."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Real
from matplotlib.colors import Colormap
from numpy.typing import NDArray

from occlusion_toolkit.plotting.look import chosen_look
from occlusion_toolkit.plotting.metric_text import is_signed

ROBUST_RANGE = (0.01, 0.99)
"""The quantiles at which the colours of a robust scale end."""


@dataclass(frozen=True)
class ColourScale:
    """How values become colours.

    Attributes:
        colormap: the colours.
        low: least value that occurs, mm: where the colour bar begins.
        high: greatest value that occurs, mm: where the colour bar ends.
        signed: the middle of the colormap is zero and both directions have the same slope.
    """

    colormap: Colormap
    low: float
    high: float
    signed: bool = False

    def fraction(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Position in the colormap, 0 to 1; NaN stays NaN."""
        if self.signed:
            bound = max(abs(self.low), abs(self.high))
            low, high = -bound, bound
        else:
            low, high = self.low, self.high
        if high <= low:
            return np.where(np.isnan(values), np.nan, 0.5 if self.signed else 0.0)
        return ((values - low) / (high - low)).clip(0.0, 1.0).astype(np.float64)

    def colours(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """The sRGB colour of each value in [0, 1], shape (..., 3); NaN has the colour of the lowest."""
        return np.asarray(self.colormap(np.nan_to_num(self.fraction(values))), dtype=np.float64)[..., :3]


def own_scale(metric: str, values_mm: Float[np.ndarray, "..."]) -> ColourScale:
    """A scale from the least to the greatest finite value of a map; increase has zero in its middle.

    Args:
        metric: what the values are, such as `pa_error`.
        values_mm: any shape, NaN where there is none.
    """
    finite = values_mm[np.isfinite(values_mm)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    colormap = chosen_look().diverging if is_signed(metric) else chosen_look().sequential
    return ColourScale(colormap, low, high, signed=is_signed(metric))


def scale_for(metric: str, values_mm: Float[np.ndarray, "..."]) -> ColourScale:
    """The scale of one map, or of several that share it: as `own_scale`, but displacement starts at zero."""
    scale = own_scale(metric, values_mm)
    return replace(scale, low=0.0) if metric.endswith("displacement") else scale


def robust_scale(
    metric: str,
    values_mm: Float[np.ndarray, "maps places"],
    weights: Real[np.ndarray, " places"] | None = None,
) -> ColourScale:
    """As `scale_for`, from the 1st to the 99th percentile: values beyond have the colours of the ends.

    Args:
        metric: what the values are, such as `pa_error`.
        values_mm: maps that share the scale, NaN where there is no value.
        weights: how often each place counts, such as the images that showed it; None for once.
    """
    counts = np.ones(values_mm.shape[1:]) if weights is None else weights
    counts = np.broadcast_to(counts, values_mm.shape)
    used = np.isfinite(values_mm) & (counts > 0)
    if not used.any():
        return scale_for(metric, values_mm)
    limits = np.quantile(values_mm[used], ROBUST_RANGE, weights=counts[used], method="inverted_cdf")
    return scale_for(metric, limits)
