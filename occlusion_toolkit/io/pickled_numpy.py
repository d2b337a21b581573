"""Inert stand-ins for what a pickle calls to build NumPy arrays.

NumPy's own hooks are not used while a pickle is read: `dtype.__setstate__` and `ndarray.__setstate__` trust
their arguments more than a stranger's file deserves (flags of an object array, for one, decide whether raw
bytes are followed as pointers). The stand-ins below keep the same arguments, check them, and are turned
into ordinary arrays once the pickle has been read.
"""

import re
from collections.abc import Callable
from typing import Any, Never, final

import numpy as np

from occlusion_toolkit.errors import UnsafeFileError

_PLAIN_DTYPE = re.compile(r"[<>=|]?(b1|\?|[iu][1248]|f[248]|f16|c8|c16|c32|S\d+|a\d+|U\d+|O8?|O4)")
_BYTE_ORDERS = ("<", ">", "=", "|")


class Inert:
    """Base of all stand-ins: an object that a pickle can name and pass on but never change."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # so that none can be a key, where it could not be replaced

    def __setstate__(self, state: object) -> None:
        """Refuses the BUILD instruction; stand-ins that carry state override this."""
        raise UnsafeFileError(f"a {type(self).__name__} is given a state, which it never has")

    def resolve(self) -> object:
        """What stands in the place of this object once the whole pickle has been read."""
        raise UnsafeFileError(f"a {type(self).__name__} stands where a value belongs")


@final
class Constructor(Inert):
    """A function that a pickle may call under a global name; it cannot be altered by the pickle."""

    __slots__ = ("_build",)

    def __init__(self, build: Callable[..., object]) -> None:
        self._build = build

    def __call__(self, *arguments: object) -> object:
        """Calls the function with what the pickle passes; wrong arguments are an error of the function."""
        return self._build(*arguments)


@final
class ArrayClass(Inert):
    """Stands for `numpy.ndarray` itself, which array pickles pass to `_reconstruct`."""

    __slots__ = ()


@final
class PickledDtype(Inert):
    """Stands for `numpy.dtype`: a plain numeric, string, bytes or object type.

    Attributes:
        dtype: the type; its byte order arrives with the state.
    """

    __slots__ = ("dtype",)

    def __init__(self, code: object, _align: object = False, _copy: object = True) -> None:
        if not isinstance(code, str) or not _PLAIN_DTYPE.fullmatch(code):
            raise UnsafeFileError(f"array type {code!r} is not one of the plain types that are read")
        self.dtype = np.dtype("O" if "O" in code else code)

    def __setstate__(self, state: object) -> None:
        """Takes the byte order from NumPy's dtype state; records and sub-arrays are refused."""
        if not isinstance(state, tuple) or len(state) < 5:
            raise UnsafeFileError("an array type has a malformed state")
        _version, order, subtype, names, fields = state[:5]
        if order not in _BYTE_ORDERS or subtype is not None or names is not None or fields is not None:
            raise UnsafeFileError("arrays of records are not read")
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)

    def resolve(self) -> np.dtype[Any]:
        """The NumPy type."""
        return self.dtype


@final
class PickledArray(Inert):
    """Stands for an array whose content arrives with the state, as NumPy writes it.

    Attributes:
        content: the array; None until the state has arrived. The elements of an object array may
            themselves be stand-ins.
    """

    __slots__ = ("content",)

    def __init__(self) -> None:
        self.content: np.ndarray | None = None

    def __setstate__(self, state: object) -> None:
        """Takes (version, shape, dtype, is_fortran, data) or, from old NumPy, the same without version."""
        if self.content is not None or not isinstance(state, tuple) or len(state) not in (4, 5):
            raise UnsafeFileError("an array has a malformed state")
        shape, dtype, is_fortran, data = state[-4:]
        self.content = array_from(data, dtype, shape, "F" if is_fortran else "C")

    def resolve(self) -> np.ndarray:
        """The array."""
        if self.content is None:
            raise UnsafeFileError("an array is announced but never filled")
        return self.content


def reconstruct(array_class: object, _shape: object, _code: object) -> PickledArray:
    """Stands for `numpy._core.multiarray._reconstruct`: an array without content; subclasses are refused."""
    if not isinstance(array_class, ArrayClass):
        raise UnsafeFileError("an array of a class other than numpy.ndarray is not read")
    return PickledArray()


def from_buffer(data: object, dtype: object, shape: object, order: object) -> PickledArray:
    """Stands for `numpy._core.numeric._frombuffer`, which protocol 5 uses."""
    array = PickledArray()
    array.content = array_from(data, dtype, shape, "F" if order == "F" else "C")
    return array


def scalar(dtype: object, data: object = b"") -> object:
    """Stands for `numpy._core.multiarray.scalar`: one number or string as NumPy's own scalar."""
    if isinstance(dtype, PickledDtype) and dtype.dtype.hasobject:
        raise UnsafeFileError("a NumPy scalar that holds an object is not read")
    return array_from(data, dtype, (), "C")[()]


def array_from(data: object, dtype: object, shape: object, order: str) -> np.ndarray:
    """Builds an array from the raw parts in a pickle.

    Args:
        data: bytes in the given order (text in latin-1 where Python 2 wrote them), or the elements of an
            object array as a list in C order.
        dtype: a `PickledDtype`.
        shape: tuple of non-negative integers.
        order: "C" or "F".

    Raises:
        UnsafeFileError: the parts do not belong together.
    """
    if not isinstance(dtype, PickledDtype):
        _malformed("its type is not a plain array type")
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        _malformed("its shape is not a tuple of sizes")
    count = 1
    for n in shape:
        count *= n
    if dtype.dtype.hasobject:
        if not isinstance(data, list) or len(data) != count:
            _malformed("its elements do not fill its shape")
        elements = np.empty(count, object)
        for index, element in enumerate(data):  # one by one: NumPy would unpack nested sequences
            elements[index] = element
        return elements.reshape(shape)  # NumPy lists elements in C order, whatever the array's order
    if isinstance(data, str):
        data = data.encode("latin-1")
    if not isinstance(data, bytes | bytearray) or len(data) != count * dtype.dtype.itemsize:
        _malformed("its bytes do not fill its shape")
    if dtype.dtype.itemsize == 0:  # empty strings: no bytes bound the number of elements
        if count != 1:
            _malformed("it repeats an empty string")
        return np.zeros(shape, dtype.dtype)
    values = np.frombuffer(data, dtype.dtype).copy()
    return values.reshape(shape, order="F" if order == "F" else "C")


def _malformed(reason: str) -> Never:
    raise UnsafeFileError(f"an array is malformed: {reason}")
