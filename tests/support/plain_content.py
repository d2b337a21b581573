"""What readers may return: Python's own types and true arrays; no stand-in, no class, no function."""

from collections.abc import Iterable

import numpy as np

_PLAIN = (
    list, dict, tuple, set, frozenset, str, bytes, bytearray, int, float, complex, bool, type(None),
    np.ndarray,
)  # fmt: skip


def assert_plain(content: object, also: tuple[type, ...] = ()) -> None:
    """Fails where anything in the content is of another type."""
    seen: set[int] = set()
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        assert type(value) in _PLAIN or isinstance(value, (np.generic, np.dtype, *also)), type(value)
        waiting.extend(_parts(value))


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, np.ndarray):
        return value.ravel().tolist() if value.dtype.hasobject else []
    return value if isinstance(value, list | tuple | set | frozenset) else []
