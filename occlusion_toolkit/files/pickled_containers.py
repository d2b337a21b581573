"""Stand-ins for what a pickle calls to build Python's own containers and text."""

from typing import Any, final

from occlusion_toolkit.errors import UnsafeFileError
from occlusion_toolkit.files.inert import AllowList, Assembly, Inert


@final
class PickledMapping(Inert):
    """Stands for an object that is a dictionary; attributes that it carries beside are left out.

    Attributes:
        items: by key.
    """

    __slots__ = ("_pairs", "items")

    def __init__(self, pairs: object = ()) -> None:
        self._pairs = _listed(pairs)
        self.items: dict[Any, Any] = {}

    def set_state(self, state: object) -> None:
        """Attributes, such as the versions of modules that PyTorch notes beside a network's tensors."""

    def resolve(self, assembly: Assembly) -> dict[Any, Any]:
        """A plain dictionary."""
        pairs = [_listed(pair) for pair in self._pairs]
        return {assembly.key(key): value for key, value in pairs} | self.items


@final
class PickledSet(Inert):
    """Stands for a set."""

    __slots__ = ("_items",)

    def __init__(self, items: object = ()) -> None:
        self._items = _listed(items)

    def resolve(self, assembly: Assembly) -> set[Any]:
        """The set."""
        return {assembly.key(item) for item in self._items}


@final
class PickledFrozenSet(Inert):
    """Stands for a frozen set."""

    __slots__ = ("_items",)

    def __init__(self, items: object = ()) -> None:
        self._items = _listed(items)

    def resolve(self, assembly: Assembly) -> frozenset[Any]:
        """The set."""
        return frozenset(assembly.key(item) for item in self._items)


def _listed(items: object) -> list[Any] | tuple[Any, ...]:
    if isinstance(items, dict):
        return list(items.items())
    if not isinstance(items, list | tuple):
        raise UnsafeFileError("a container is built from something other than a list")
    return items


def _plain_bytes(*arguments: object) -> bytes:
    match arguments:
        case ():
            return b""
        case (bytes() | bytearray() as data,):
            return bytes(data)
        case (str() as text, "latin1" | "latin-1" | "utf-8" as encoding):
            return text.encode(str(encoding))
        case _:  # in particular an integer, which would allocate that many bytes
            raise UnsafeFileError("bytes are built from something other than text")


def _plain_bytearray(*arguments: object) -> bytearray:
    return bytearray(_plain_bytes(*arguments))


def _plain_complex(real: object, imaginary: object) -> complex:
    if not isinstance(real, float) or not isinstance(imaginary, float):
        raise UnsafeFileError("a complex number is built from something other than numbers")
    return complex(real, imaginary)


def _containers() -> AllowList:
    allowed: dict[tuple[str, str], Any] = {
        ("_codecs", "encode"): _plain_bytes,
        ("collections", "OrderedDict"): PickledMapping,
    }
    for builtins in ("builtins", "__builtin__"):
        allowed[builtins, "bytes"] = _plain_bytes
        allowed[builtins, "bytearray"] = _plain_bytearray
        allowed[builtins, "complex"] = _plain_complex
        allowed[builtins, "set"] = PickledSet
        allowed[builtins, "frozenset"] = PickledFrozenSet
        allowed[builtins, "dict"] = PickledMapping
    return allowed


CONTAINERS: AllowList = _containers()
"""Python's own containers, text and numbers, under the names of Python 2 and 3."""
