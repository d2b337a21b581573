"""Entries of a sequence pickle, by key and person: the forms that files have them in, brought to one."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float64

from occlusion_toolkit.body.arrays import Gender
from occlusion_toolkit.data.problems import Problems
from occlusion_toolkit.data.sample import GENDER_CODES
from occlusion_toolkit.files.inert import quoted


def entry(content: Mapping[str, Any], key: str, person: int) -> Any:
    """A person's entry of a list or of an array with one row per person; None where there is none."""
    values: Any = content.get(key)
    by_person = isinstance(values, list | tuple) or (
        isinstance(values, np.ndarray) and (values.ndim > 1 or (values.ndim == 1 and values.dtype == object))
    )
    return values[person] if by_person and person < len(values) else None


def array(
    value: Any, label: str, shape: tuple[int, ...], problems: Problems
) -> Float64[np.ndarray, "..."] | None:
    """`Problems.array` without lists: a pickle can hold one list many times, and NumPy would unfold it."""
    if isinstance(value, list | tuple | dict):
        problems.add(f"{label} is a {type(value).__name__}, not an array")
        return None
    return problems.array(value, label, shape)


def vector(value: Any, label: str, count: int, problems: Problems) -> Float64[np.ndarray, " values"] | None:
    """Numbers in a row, in whatever form: an array (N,), (N, 1) or (1, N), or a list of numbers.

    Args:
        value: the entry.
        label: of the entry, for messages.
        count: how many there must be; -1 for any number.
        problems: where it is noted if it is something else.
    """
    if isinstance(value, list | tuple) and all(
        isinstance(item, int | float) or (isinstance(item, np.ndarray | np.generic) and item.ndim == 0)
        for item in value
    ):
        value = np.array(value, np.float64)
    if isinstance(value, np.ndarray) and value.ndim > 1 and value.size == max(value.shape):
        value = value.reshape(-1)
    return array(value, label, (count,), problems)


def gender(value: Any, person: int, problems: Problems) -> Gender | None:
    """A gender by its code; None with a problem noted where it is no code."""
    value = value.item() if isinstance(value, np.ndarray | np.generic) and value.size == 1 else value
    value = value.decode("latin-1") if isinstance(value, bytes) else value  # Python 2 wrote bytes
    found = GENDER_CODES.get(value) if isinstance(value, str) else None
    if found is None:
        codes = ", ".join(GENDER_CODES)
        problems.add(f"the gender of person {person} is {quoted(value)}, not one of {codes}")
    return found
