"""Results compared field by field."""

import dataclasses

import numpy as np


def assert_equal(first: object, second: object) -> None:
    """Field by field, arrays bit by bit."""
    assert type(first) is type(second)
    if isinstance(first, np.ndarray):
        assert first.dtype == second.dtype
        np.testing.assert_array_equal(first, second)
    elif isinstance(first, tuple):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_equal(one, other)
    elif dataclasses.is_dataclass(first):
        for field in dataclasses.fields(first):
            assert_equal(getattr(first, field.name), getattr(second, field.name))
    else:
        assert first == second
