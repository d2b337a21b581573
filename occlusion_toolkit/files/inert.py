"""Inert stand-ins: what a pickle may name instead of real classes, and how they become plain values.

While a pickle is read nothing is computed: stand-ins only keep what they are given. Once it has been read an
`Assembly` turns them into values and counts what that costs, so that a small file can never ask for much.
"""

import io
from collections.abc import Callable, Mapping
from typing import Any, Final, final

import numpy as np

from occlusion_toolkit.errors import UnsafeFileError

MAX_DEPTH: Final = 100
"""Deepest nesting of containers and stand-ins."""

MAX_TUPLE_KEYS: Final = 1000
"""Most tuples that a file may use as keys: tuples can be made to collide, and time grows with the square."""

_LONGEST_TEXT: Final = 100
"""Characters of a file that a message quotes."""

_BYTES_PER_ITEM: Final = 64
"""About what an element of a container takes."""


def quoted(value: object) -> str:
    """Something out of a file as messages show it: short, and nothing in it that a terminal would obey.

    Containers are only named: a file can make a few of them into text without end.
    """
    if isinstance(value, str):
        return repr(value if len(value) <= _LONGEST_TEXT else value[:_LONGEST_TEXT] + "...")
    return str(value) if value is None or isinstance(value, int | float) else f"a {type(value).__name__}"


class Budget:
    """What reading one file may still cost; text and arrays that a file uses repeatedly count each time."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._tuple_keys = MAX_TUPLE_KEYS

    def spend(self, size: int) -> None:
        """Counts an allocation, in bytes, before it is made.

        Raises:
            UnsafeFileError: the budget is used up.
        """
        self._size -= size
        if self._size < 0:
            raise UnsafeFileError("its content would take far more memory than the file has bytes")

    def key(self, value: object) -> Any:
        """Something as the key of a dictionary or the element of a set; a class becomes its name.

        Raises:
            UnsafeFileError: it is none that plain data uses.
        """
        match value:
            case Constructor():
                return value.name
            case tuple() if len(value) <= 8 and not any(isinstance(item, tuple) for item in value):
                self._tuple_keys -= 1
                if self._tuple_keys < 0:
                    raise UnsafeFileError(f"it has more than {MAX_TUPLE_KEYS} tuples as keys")
                return tuple(self.key(item) for item in value)
            case int() if -(2**63) <= value < 2**64:
                return value
            case None | str() | bytes() | float() | np.integer():
                return value
            case _:
                raise UnsafeFileError(f"a {type(value).__name__} is a key, which plain data never has")


class Inert:
    """Base of all stand-ins: an object that a pickle can name and pass on but never change."""

    __slots__ = ()

    def set_state(self, state: object) -> None:
        """Takes what the BUILD instruction passes; stand-ins that carry state override this."""
        raise UnsafeFileError(f"a {type(self).__name__} is given a state, which it never has")

    def resolve(self, assembly: "Assembly") -> object:
        """What stands in the place of this object once the whole pickle has been read."""
        raise UnsafeFileError(f"a {type(self).__name__} stands where a value belongs")


class Trailed(Inert):
    """Base of stand-ins whose raw bytes follow their state in the file, outside of the pickle (joblib)."""

    __slots__ = ()

    def take_bytes(self, stream: io.BytesIO) -> None:
        """Reads them; the stream stands at the first and afterwards behind the last one."""
        raise NotImplementedError


class Stateful(Inert):
    """Base of stand-ins for objects whose attributes arrive as a dictionary.

    Attributes:
        attributes: of the object, as the pickle gives them; empty until then.
    """

    __slots__ = ("attributes",)

    def __init__(self) -> None:
        self.attributes: dict[Any, Any] = {}

    def set_state(self, state: object) -> None:
        """Takes the attributes, once."""
        if self.attributes or not isinstance(state, dict):
            raise UnsafeFileError(f"a {type(self).__name__} has a malformed state")
        self.attributes = state


@final
class Constructor(Inert):
    """A class or function that a pickle may call under a global name."""

    __slots__ = ("_build", "name")

    def __init__(self, name: str, build: Callable[..., object]) -> None:
        self.name = name
        self._build = build

    def call(self, arguments: tuple[object, ...], budget: Budget) -> object:
        """Calls the function, paid for by the size of its arguments; wrong ones are its own error."""
        budget.spend(sum(_size(argument) for argument in arguments))
        return self._build(*arguments)

    def resolve(self, assembly: "Assembly") -> object:
        """Refuses: a class is named to be used, not to be kept."""
        raise UnsafeFileError(f"the class or function {self.name} stands where a value belongs")


AllowList = Mapping[tuple[str, str], Callable[..., object]]
"""(module, name) as a pickle writes them, and what is called instead of importing them.

A reader of other files passes `PLAIN_DATA | {("package.module", "Class"): StandIn}`.
"""


class Assembly:
    """Turns what an unpickler built into plain values; shared objects stay shared, loops end."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._depth = 0
        # Visited objects by id, kept alive so that the id stays their own, with their values.
        self._done: dict[int, tuple[object, Any]] = {}

    def spend(self, size: int) -> None:
        """Counts bytes that a stand-in is about to allocate."""
        self._budget.spend(size)

    def key(self, value: object) -> Any:
        """A key that a stand-in is about to use."""
        return self._budget.key(value)

    def value(self, part: object) -> Any:
        """The plain value of a part, in place inside lists, dictionaries and object arrays.

        Raises:
            UnsafeFileError: it holds a class, a function or a malformed stand-in, nests too deep or takes
                too much memory.
        """
        if id(part) in self._done:
            return self._done[id(part)][1]
        if self._depth > MAX_DEPTH:
            raise UnsafeFileError(f"it nests containers more than {MAX_DEPTH} deep")
        self._depth += 1
        value = self._assembled(part)
        self._depth -= 1
        if value is not part:
            self._done[id(part)] = (part, value)
        return value

    def _assembled(self, part: object) -> object:
        match part:
            case Inert():
                return self.value(part.resolve(self))
            case tuple():
                return tuple(self.value(item) for item in part)
            case list():
                self._done[id(part)] = (part, part)
                part[:] = [self.value(item) for item in part]
            case dict():
                self._done[id(part)] = (part, part)
                for key in part:
                    part[key] = self.value(part[key])
            case np.ndarray() if part.dtype.hasobject:
                self._done[id(part)] = (part, part)
                flat = part.ravel(order="K")  # a view: arrays are built contiguous
                for index in range(flat.size):
                    flat[index] = self.value(flat[index])
        return part


def _size(argument: object) -> int:
    match argument:
        case str() | bytes() | bytearray():
            return len(argument)
        case list() | tuple() | dict() | set() | frozenset():
            return _BYTES_PER_ITEM * len(argument)
        case _:
            return 0
