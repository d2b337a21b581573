"""Inert stand-ins for what a pickle calls to build Python's containers and NumPy's arrays.

NumPy's own hooks are not used while a pickle is read: `dtype.__setstate__` and `ndarray.__setstate__` trust
their arguments more than a stranger's file deserves (flags of an object array, for one, decide whether raw
bytes are followed as pointers). The stand-ins below keep the same arguments, check them, and are turned
into ordinary arrays once the pickle has been read.
"""

import math
import re
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, Literal, NamedTuple, Never, final

import numpy as np

from occlusion_toolkit.errors import UnsafeFileError
from occlusion_toolkit.files.arrays import is_text
from occlusion_toolkit.files.inert import AllowList, Assembly, Constructor, Inert, quoted


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
    """Stands for a set or a frozen set."""

    __slots__ = ("_items", "_kind")

    def __init__(self, kind: Callable[[list[Any]], Collection[Any]], items: object = ()) -> None:
        self._kind, self._items = kind, _listed(items)

    def resolve(self, assembly: Assembly) -> Collection[Any]:
        """The set."""
        return self._kind([assembly.key(item) for item in self._items])


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
        allowed[builtins, "set"] = partial(PickledSet, set)
        allowed[builtins, "frozenset"] = partial(PickledSet, frozenset)
        allowed[builtins, "dict"] = PickledMapping
    return allowed


CONTAINERS: AllowList = _containers()
"""Python's own containers, text and numbers, under the names of Python 2 and 3."""


_PLAIN_DTYPE = re.compile(r"[<>=|]?(b1|\?|[iu][1248]|f[248]|f16|c8|c16|c32|S\d+|a\d+|U\d+|O8?|O4)")
_BYTE_ORDERS = ("<", ">", "=", "|")
_MAX_DIMENSIONS = 32


@final
class PickledDtype(Inert):
    """Stands for `numpy.dtype`: a plain numeric, string, bytes or object type.

    Attributes:
        dtype: the type; its byte order arrives with the state.
    """

    __slots__ = ("dtype",)

    def __init__(self, code: object, _align: object = False, _copy: object = True) -> None:
        if not isinstance(code, str) or not _PLAIN_DTYPE.fullmatch(code):
            raise UnsafeFileError(f"array type {quoted(code)} is not one of the plain types that are read")
        self.dtype = np.dtype("O" if "O" in code else code)

    def set_state(self, state: object) -> None:
        """Takes the byte order from NumPy's dtype state; records and sub-arrays are refused."""
        if not isinstance(state, tuple) or len(state) < 5:
            raise UnsafeFileError("an array type has a malformed state")
        _version, order, subtype, names, fields = state[:5]
        if order not in _BYTE_ORDERS or subtype is not None or names is not None or fields is not None:
            raise UnsafeFileError("arrays of records are not read")
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)

    def resolve(self, assembly: Assembly) -> np.dtype[Any]:
        """The NumPy type."""
        return self.dtype


@final
class PickledArray(Inert):
    """Stands for an array: the raw parts of it, as NumPy writes them, until it is asked for.

    Nothing is copied while the pickle is read, so that a file cannot multiply its size by using the same
    bytes for many arrays.
    """

    __slots__ = ("_array", "_parts")

    def __init__(self, parts: "_Parts | None" = None) -> None:
        self._parts = parts
        self._array: np.ndarray | None = None

    def set_state(self, state: object) -> None:
        """Takes (version, shape, dtype, is_fortran, data) or, from old NumPy, the same without version."""
        if self._parts is not None or not isinstance(state, tuple) or len(state) not in (4, 5):
            raise UnsafeFileError("an array has a malformed state")
        shape, dtype, is_fortran, data = state[-4:]
        self._parts = _checked(data, dtype, shape, "F" if is_fortran else "C")

    def resolve(self, assembly: Assembly) -> np.ndarray:
        """The array; the elements of an object array may themselves be stand-ins."""
        if self._parts is None:
            raise UnsafeFileError("an array is announced but never filled")
        if self._array is None:
            assembly.spend(self._parts.size)
            self._array = self._parts.array()
        return self._array


def _array_class(*_arguments: object) -> Never:
    """Stands for `numpy.ndarray`, which pickles only name, as an argument."""
    raise UnsafeFileError("an array is built by its class")


def _reconstruct(array_class: object, _shape: object, _code: object) -> PickledArray:
    """Stands for `numpy._core.multiarray._reconstruct`: an array without content; subclasses are refused."""
    if not isinstance(array_class, Constructor) or array_class.name != "numpy.ndarray":
        raise UnsafeFileError("an array of a class other than numpy.ndarray is not read")
    return PickledArray()


def array_from_buffer(data: object, dtype: object, shape: object, order: object) -> PickledArray:
    """An array of raw bytes; stands for `numpy._core.numeric._frombuffer`, which protocol 5 uses."""
    return PickledArray(_checked(data, dtype, shape, "F" if order == "F" else "C"))


def _scalar(dtype: object, data: object = b"") -> object:
    """Stands for `numpy._core.multiarray.scalar`: one number or string as NumPy's own scalar."""
    if isinstance(dtype, PickledDtype) and dtype.dtype.hasobject:
        raise UnsafeFileError("a NumPy scalar that holds an object is not read")
    return _checked(data, dtype, (), "C").array()[()]


class _Parts(NamedTuple):
    """Raw parts that belong together."""

    data: bytes | bytearray | str | list[Any]
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    order: Literal["C", "F"]

    @property
    def size(self) -> int:
        """Bytes of the array."""
        return len(self.data) * (8 if isinstance(self.data, list) else 1)

    def array(self) -> np.ndarray:
        """A new array with its own memory."""
        if isinstance(self.data, list):
            elements = np.empty(len(self.data), object)
            for index, element in enumerate(self.data):  # one by one: NumPy would unpack nested sequences
                elements[index] = element
            return elements.reshape(self.shape)  # NumPy lists elements in C order, whatever the array's order
        if self.dtype.itemsize == 0:
            return np.zeros(self.shape, self.dtype)
        # Python 2 wrote text where bytes are meant; a bytearray makes the one copy writeable.
        data = bytearray(self.data, "latin-1") if isinstance(self.data, str) else bytearray(self.data)
        values = np.frombuffer(data, self.dtype).reshape(self.shape, order=self.order)
        if not is_text(values):  # rather than later, in some caller
            _malformed("it holds characters that do not exist")
        return values


def _checked(data: object, dtype: object, shape: object, order: Literal["C", "F"]) -> _Parts:
    """Checks the raw parts of an array in a pickle.

    Args:
        data: bytes in the given order (text in latin-1 where Python 2 wrote them), or the elements of an
            object array as a list in C order.
        dtype: a `PickledDtype`.
        shape: tuple of non-negative integers.
        order: of the bytes.

    Raises:
        UnsafeFileError: the parts do not belong together.
    """
    if not isinstance(dtype, PickledDtype):
        _malformed("its type is not a plain array type")
    if not isinstance(shape, tuple) or len(shape) > _MAX_DIMENSIONS:
        _malformed("its shape is not a short tuple")
    if not all(type(n) is int and 0 <= n < 2**63 for n in shape):
        _malformed("its shape is not made of sizes")
    count = math.prod(shape)
    if dtype.dtype.hasobject:
        if not isinstance(data, list) or len(data) != count:
            _malformed("its elements do not fill its shape")
    elif not isinstance(data, bytes | bytearray | str) or len(data) != count * dtype.dtype.itemsize:
        _malformed("its bytes do not fill its shape")
    elif dtype.dtype.itemsize == 0 and count != 1:  # empty strings: no bytes bound the number of elements
        _malformed("it repeats an empty string")
    return _Parts(data, dtype.dtype, shape, order)


def _malformed(reason: str) -> Never:
    raise UnsafeFileError(f"an array is malformed: {reason}")


def _numpy() -> AllowList:
    allowed: dict[tuple[str, str], Callable[..., object]] = {
        ("numpy", "ndarray"): _array_class,
        ("numpy", "dtype"): PickledDtype,
    }
    for core in ("numpy.core", "numpy._core"):
        allowed[f"{core}.multiarray", "_reconstruct"] = _reconstruct
        allowed[f"{core}.multiarray", "scalar"] = _scalar
        allowed[f"{core}.numeric", "_frombuffer"] = array_from_buffer
    return allowed


NUMPY: AllowList = _numpy()
"""NumPy's arrays, types and scalars, under the names of old and new NumPy."""

PLAIN_DATA: AllowList = {**CONTAINERS, **NUMPY}
"""NumPy arrays, types and scalars, and Python's containers; nothing else."""
