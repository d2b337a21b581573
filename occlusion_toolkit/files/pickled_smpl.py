"""Inert stand-ins for what SMPL's files are made of: chumpy's arrays and SciPy's sparse matrices.

A chumpy object is either an array (`Ch`, stored as attribute `x`) or an expression over others, evaluated
when it is asked for. Expressions that only rearrange one array are evaluated here; any other stays an
`UnevaluatedExpression`, because the files hold the arrays that matter as such. Attribute names: chumpy 0.70,
`ch.py` and `reordering.py`. Sparse matrices become dense arrays.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Never, final

import numpy as np

from occlusion_toolkit.errors import UnsafeFileError
from occlusion_toolkit.files.inert import AllowList, Assembly, Budget, Constructor, Stateful
from occlusion_toolkit.files.pickled_plain import PLAIN_DATA

MAX_DENSE: Final = 2**24
"""Most elements of a matrix that is made dense: a hundred times SMPL's joint regressor (24 x 6,890)."""


@final
class PickledMatrix(Stateful):
    """Stands for a matrix that is stored as its non-zero elements; repeated ones add up, as in SciPy.

    The layout "coo" has a row and a column for each, "csc" is by columns and "csr" by rows: `indices` within
    each, `indptr` where each begins.
    """

    __slots__ = ("_layout",)

    def __init__(self, layout: str) -> None:
        super().__init__()
        self._layout = layout

    def resolve(self, assembly: Assembly) -> np.ndarray:
        """The dense matrix."""
        shape = self.attributes.get("_shape", self.attributes.get("shape"))
        if not isinstance(shape, tuple) or len(shape) != 2:
            raise UnsafeFileError("a sparse matrix has no shape")
        rows, columns = (int(assembly.value(size)) for size in shape)
        if rows < 0 or columns < 0 or rows * columns > MAX_DENSE:
            raise UnsafeFileError(f"a sparse matrix of {rows} x {columns} is too large")
        values = self._part(assembly, "data", "biufc")
        assembly.spend(rows * columns * values.itemsize)
        match self._layout:
            case "csc":
                column, row = self._lines(assembly, columns)
            case "csr":
                row, column = self._lines(assembly, rows)
            case _:
                row, column = self._coordinates(assembly)
        if not len(row) == len(column) == len(values):
            raise UnsafeFileError("a sparse matrix has another number of values than of places")
        dense = np.zeros((rows, columns), values.dtype)
        if row.size and (min(row.min(), column.min()) < 0 or row.max() >= rows or column.max() >= columns):
            raise UnsafeFileError("a sparse matrix has values outside its shape")
        np.add.at(dense, (row, column), values)
        return dense

    def _lines(self, assembly: Assembly, count: int) -> tuple[np.ndarray, np.ndarray]:
        """For each value the number of its line and its index within."""
        indices, starts = self._part(assembly, "indices"), self._part(assembly, "indptr").astype(np.int64)
        # First, because differences of huge numbers wrap around and `np.repeat` believes them.
        if len(starts) != count + 1 or starts.min() < 0 or starts.max() > len(indices):
            raise UnsafeFileError("a sparse matrix has malformed lines")
        lengths = np.diff(starts)
        if starts[0] != 0 or starts[-1] != len(indices) or (lengths < 0).any():
            raise UnsafeFileError("a sparse matrix has malformed lines")
        return np.repeat(np.arange(count), lengths), indices

    def _coordinates(self, assembly: Assembly) -> tuple[np.ndarray, np.ndarray]:
        coords = assembly.value(self.attributes.get("coords"))  # SciPy 1.13 and later
        if coords is None:
            return self._part(assembly, "row"), self._part(assembly, "col")
        if not isinstance(coords, tuple) or len(coords) != 2:
            raise UnsafeFileError("a sparse matrix has malformed places")
        return _vector(coords[0], "coords", "iu"), _vector(coords[1], "coords", "iu")

    def _part(self, assembly: Assembly, name: str, kinds: str = "iu") -> np.ndarray:
        return _vector(assembly.value(self.attributes.get(name)), name, kinds)


def _vector(part: object, name: str, kinds: str) -> np.ndarray:
    if not isinstance(part, np.ndarray) or part.ndim != 1 or part.dtype.kind not in kinds:
        raise UnsafeFileError(f"a sparse matrix has malformed {name}")
    return part


SPARSE_MATRICES: AllowList = {
    (f"scipy.sparse.{private}{layout}", f"{layout}_{kind}"): partial(PickledMatrix, layout)
    for layout in ("csc", "csr", "coo")
    for private in ("", "_")  # SciPy 1.8 renamed its modules
    for kind in ("matrix", "array")
}
"""SciPy's sparse matrices, as the files of SMPL hold joint regressors; they become dense arrays."""


@dataclass(frozen=True)
class UnevaluatedExpression:
    """An array that the file does not hold, only how chumpy would compute it.

    Attributes:
        name: of chumpy's class, such as "chumpy.ch_ops.add".
    """

    name: str


@final
class PickledCh(Stateful):
    """Stands for a chumpy object: an array, a rearrangement of one, or something that computes."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def resolve(self, assembly: Assembly) -> np.ndarray | UnevaluatedExpression:
        """The array; of something that computes, only what it is."""
        match self._name:
            case "chumpy.ch.Ch":
                return self._array(assembly, "x")
            case "chumpy.reordering.Select":  # what indexing gives
                source, chosen = self._array(assembly, "a"), self._array(assembly, "idxs")
                assembly.spend(source.nbytes + chosen.size * source.itemsize)  # both are copied
                selected: np.ndarray = source.ravel()[chosen]
                shape = assembly.value(self.attributes.get("preferred_shape"))
                return selected if shape is None else selected.reshape(shape)
            case "chumpy.reordering.transpose":
                return self._array(assembly, "a").transpose(assembly.value(self.attributes.get("axes")))
            case "chumpy.reordering.Reshape":
                array = self._array(assembly, "a")
                assembly.spend(array.nbytes)
                return array.reshape(assembly.value(self.attributes.get("newshape")))
            case _:
                return UnevaluatedExpression(self._name)

    def _array(self, assembly: Assembly, name: str) -> np.ndarray:
        """The attribute that the object was made from."""
        array = assembly.value(self.attributes.get(name))
        if not isinstance(array, np.ndarray) or array.dtype.hasobject:
            raise UnsafeFileError(f"a chumpy object has no array {name!r}")
        return array


_CHUMPY = {
    "chumpy.ch": "Ch MatVecMult ChHandle",
    "chumpy.ch_ops": (
        "add subtract multiply divide power negative dot sum mean sqrt square exp log sin cos tan arcsin "
        "arccos arctan absolute clip maximum minimum reciprocal cumsum Cross SumOfSquares NanDivide "
        "nan_to_num"
    ),
    "chumpy.reordering": (
        "Select transpose Reshape Concatenate AtleastNd Tile Repeat Diag DiagFlat Roll Rot90 rollaxis "
        "swapaxes Sort"
    ),
}


def _instance(of_class: object, base: object, state: object) -> object:
    """Stands for `copyreg._reconstructor`: an instance without attributes, in protocol 0 and 1."""
    if not isinstance(of_class, Constructor) or not isinstance(base, Constructor) or state is not None:
        raise UnsafeFileError("an object is built from more than its class")
    return of_class.call((), Budget(0))


def _object_class() -> Never:
    """Stands for `object`, which pickles of protocol 0 and 1 only name, as the base of a class."""
    raise UnsafeFileError("a bare object is built")


def _chumpy() -> AllowList:
    allowed: dict[tuple[str, str], Callable[..., object]] = {
        (module, name): partial(PickledCh, f"{module}.{name}")
        for module, names in _CHUMPY.items()
        for name in names.split()
    }
    allowed |= {(module, "_reconstructor"): _instance for module in ("copy_reg", "copyreg")}
    return allowed | {(module, "object"): _object_class for module in ("__builtin__", "builtins")}


SMPL_DATA: AllowList = {**PLAIN_DATA, **SPARSE_MATRICES, **_chumpy()}
"""What the files of SMPL hold: plain data, sparse matrices and chumpy's objects; all become arrays."""
