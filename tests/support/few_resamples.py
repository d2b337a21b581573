"""A fixture for rooms whose tests compare."""

import functools

import pytest

from occlusion_toolkit.comparison import run


@pytest.fixture(scope="session", autouse=True)
def few_resamples():
    """199 resamples: a p-value in steps of 0.005 says enough."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("mean_interval", "paired_difference"):
            patched.setattr(run, name, functools.partial(getattr(run, name), resamples=199))
        yield
