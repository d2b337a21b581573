"""Comparisons in tests resample less often: a p-value in steps of 0.005 says enough."""

from support.few_resamples import few_resamples

__all__ = ["few_resamples"]
