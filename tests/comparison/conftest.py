"""Comparisons in tests resample less often: a p-value in steps of 0.005 says enough."""

import functools

import pytest

from occlusion_toolkit.comparison import run


@pytest.fixture(scope="session", autouse=True)
def _few_resamples():
    with pytest.MonkeyPatch.context() as patched:
        for name in ("mean_interval", "paired_difference"):
            patched.setattr(run, name, functools.partial(getattr(run, name), resamples=199))
        yield
