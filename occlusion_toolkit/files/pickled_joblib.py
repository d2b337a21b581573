"""Inert stand-ins for what joblib writes: a pickle with the raw bytes of arrays between its instructions."""

import io
import math
from typing import Any, Never, final

from occlusion_toolkit.errors import UnsafeFileError
from occlusion_toolkit.files.inert import AllowList, Assembly, Constructor, Trailed
from occlusion_toolkit.files.pickled_plain import (
    PLAIN_DATA,
    PickledArray,
    PickledDtype,
    array_from_buffer,
)


@final
class JoblibArray(Trailed):
    """Stands for `joblib.numpy_pickle.NumpyArrayWrapper`: a type and a shape, and then the array's bytes.

    Newer files have padding before the bytes: one byte with its length, where the state names an alignment.
    """

    __slots__ = ("_array", "_state")

    def __init__(self) -> None:
        self._state: dict[str, Any] | None = None
        self._array: PickledArray | None = None

    def set_state(self, state: object) -> None:
        """Takes type, shape and order."""
        if self._state is not None or not isinstance(state, dict):
            _malformed()
        self._state = state

    def take_bytes(self, stream: io.BytesIO) -> None:
        """Takes the padding and the bytes."""
        state = self._state or {}
        kind, dtype, shape = state.get("subclass"), state.get("dtype"), state.get("shape")
        if not isinstance(kind, Constructor) or kind.name != "numpy.ndarray":
            raise UnsafeFileError("an array of a class other than numpy.ndarray is not read")
        if not isinstance(dtype, PickledDtype) or dtype.dtype.hasobject:
            raise UnsafeFileError("an array of objects in joblib's layout is not read")
        if not isinstance(shape, tuple) or not all(type(n) is int and 0 <= n < 2**63 for n in shape):
            _malformed()
        if state.get("numpy_array_alignment_bytes") is not None:
            stream.read(int.from_bytes(stream.read(1), "little"))
        size = math.prod(shape) * dtype.dtype.itemsize
        # Read in memory: as many bytes come as there are, and too few are refused with the shape.
        data = stream.read(min(size, stream.getbuffer().nbytes))
        self._array = array_from_buffer(data, dtype, shape, state.get("order"))

    def resolve(self, assembly: Assembly) -> PickledArray:
        """The array."""
        if self._array is None:
            _malformed()
        return self._array


def _malformed() -> Never:
    raise UnsafeFileError("an array in joblib's layout is malformed")


JOBLIB_DATA: AllowList = {**PLAIN_DATA, ("joblib.numpy_pickle", "NumpyArrayWrapper"): JoblibArray}
"""Plain data as joblib writes it without compression; plain pickles too, as `joblib.load` reads."""
