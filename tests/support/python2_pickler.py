"""Writes pickles as Python 2, old NumPy, old SciPy and chumpy wrote them, with none of them installed.

The bytes follow from the pickle format and from what those classes keep in their state: Python 2's `str`
becomes STRING instructions, arrays name `numpy.core.multiarray`, `csc_matrix` lives in `scipy.sparse.csc`,
and a chumpy node is its class and the dictionary of its attributes.
"""

import io
import pickle
from typing import Any, ClassVar

import numpy as np
from scipy import sparse

_OLD_MODULES = {
    "builtins": "__builtin__",
    "copyreg": "copy_reg",
    "numpy._core.multiarray": "numpy.core.multiarray",
}


class _Python2Pickler(pickle._Pickler):  # the C pickler cannot be told to write other instructions
    dispatch: ClassVar[dict[type, Any]] = pickle._Pickler.dispatch.copy()

    def save_text(self, text: str | bytes) -> None:
        data = text.encode("latin1") if isinstance(text, str) else text
        if not self.bin:
            self.write(pickle.STRING + repr(data)[1:].encode("ascii") + b"\n")
        elif len(data) < 256:
            self.write(pickle.SHORT_BINSTRING + bytes([len(data)]) + data)
        else:
            self.write(pickle.BINSTRING + len(data).to_bytes(4, "little") + data)
        self.memoize(text)

    dispatch[str] = save_text
    dispatch[bytes] = save_text

    def save_global(self, obj: Any, name: str | None = None) -> None:
        module = _OLD_MODULES.get(obj.__module__, obj.__module__)
        self.write(pickle.GLOBAL + f"{module}\n{name or obj.__name__}\n".encode("ascii"))
        self.memoize(obj)

    dispatch[type] = save_global  # type(None) and the like are never pickled here

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, np.dtype):  # Python 2 wrote 0 and 1 where NumPy now writes booleans
            build, arguments, state = obj.__reduce__()
            return build, (arguments[0], 0, 1), state
        return NotImplemented


def python2_pickle(content: object, protocol: int) -> bytes:
    """The content as Python 2 would have pickled it: protocol 0, 1 or 2."""
    stream = io.BytesIO()
    pickler = _Python2Pickler(stream, protocol=protocol)
    pickler.dump(content)
    return stream.getvalue()


def chumpy_node(module: str, name: str, **terms: object) -> object:
    """A node of a chumpy expression, such as `chumpy_node("chumpy.ch_ops", "add", a=..., b=...)`."""
    state = {"_dirty_vars": set(terms), "_itr": None, "_make_dense": False, "_make_sparse": False}
    return _instance(module, name, state | {"_depends_on_deps": {}} | terms)


def chumpy_array(values: np.ndarray) -> object:
    """`chumpy.Ch(values)`, the leaf of all expressions."""
    return chumpy_node("chumpy.ch", "Ch", x=np.asarray(values, dtype=np.float64))


def old_csc_matrix(dense: np.ndarray) -> object:
    """A `scipy.sparse.csc.csc_matrix` of the time before SciPy 1.8."""
    matrix = sparse.csc_matrix(dense)
    state = {
        "_shape": matrix.shape,
        "data": matrix.data,
        "format": "csc",
        "indices": matrix.indices.astype(np.int32),
        "indptr": matrix.indptr.astype(np.int32),
        "maxprint": 50,
    }
    return _instance("scipy.sparse.csc", "csc_matrix", state)


_CLASSES: dict[tuple[str, str], type] = {}


def _instance(module: str, name: str, state: dict[str, object]) -> object:
    """An object that pickles as an instance of a class that need not exist here."""
    stand_in = _CLASSES.setdefault((module, name), type(name, (), {"__module__": module}))
    node = stand_in()
    vars(node).update(state)
    return node
