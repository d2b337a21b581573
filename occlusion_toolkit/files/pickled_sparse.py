"""Inert stand-ins for SciPy's sparse matrices, which become dense arrays."""

from typing import Final, final

import numpy as np

from occlusion_toolkit.errors import UnsafeFileError
from occlusion_toolkit.files.inert import AllowList, Assembly, Stateful

MAX_DENSE: Final = 2**24
"""Most elements of a matrix that is made dense: a hundred times SMPL's joint regressor (24 x 6,890)."""


class _PickledMatrix(Stateful):
    """Stands for a matrix that is stored as its non-zero elements; repeated ones add up, as in SciPy."""

    __slots__ = ()

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
        row, column = self._indices(assembly, rows, columns)
        if not len(row) == len(column) == len(values):
            raise UnsafeFileError("a sparse matrix has another number of values than of places")
        dense = np.zeros((rows, columns), values.dtype)
        if row.size and (min(row.min(), column.min()) < 0 or row.max() >= rows or column.max() >= columns):
            raise UnsafeFileError("a sparse matrix has values outside its shape")
        np.add.at(dense, (row, column), values)
        return dense

    def _indices(self, assembly: Assembly, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
        raise UnsafeFileError(f"a {type(self).__name__} stands where a value belongs")

    def _part(self, assembly: Assembly, name: str, kinds: str = "iu") -> np.ndarray:
        part = assembly.value(self.attributes.get(name))
        return _vector(part, name, kinds)


class _PickledCompressed(_PickledMatrix):
    """Values by columns or rows: `indices` within each, `indptr` where each begins."""

    __slots__ = ()

    def _along(self, assembly: Assembly, lines: int) -> tuple[np.ndarray, np.ndarray]:
        indices, starts = self._part(assembly, "indices"), self._part(assembly, "indptr").astype(np.int64)
        # First, because differences of huge numbers wrap around and `np.repeat` believes them.
        if len(starts) != lines + 1 or starts.min() < 0 or starts.max() > len(indices):
            raise UnsafeFileError("a sparse matrix has malformed lines")
        counts = np.diff(starts)
        if starts[0] != 0 or starts[-1] != len(indices) or (counts < 0).any():
            raise UnsafeFileError("a sparse matrix has malformed lines")
        return np.repeat(np.arange(lines), counts), indices


@final
class PickledCsc(_PickledCompressed):
    """Stands for a matrix stored by columns."""

    __slots__ = ()

    def _indices(self, assembly: Assembly, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
        column, row = self._along(assembly, columns)
        return row, column


@final
class PickledCsr(_PickledCompressed):
    """Stands for a matrix stored by rows."""

    __slots__ = ()

    def _indices(self, assembly: Assembly, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
        return self._along(assembly, rows)


@final
class PickledCoo(_PickledMatrix):
    """Stands for a matrix stored as places and values."""

    __slots__ = ()

    def _indices(self, assembly: Assembly, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
        coords = assembly.value(self.attributes.get("coords"))  # SciPy 1.13 and later
        if coords is None:
            return self._part(assembly, "row"), self._part(assembly, "col")
        if not isinstance(coords, tuple) or len(coords) != 2:
            raise UnsafeFileError("a sparse matrix has malformed places")
        return _vector(coords[0], "coords", "iu"), _vector(coords[1], "coords", "iu")


def _vector(part: object, name: str, kinds: str) -> np.ndarray:
    if not isinstance(part, np.ndarray) or part.ndim != 1 or part.dtype.kind not in kinds:
        raise UnsafeFileError(f"a sparse matrix has malformed {name}")
    return part


SPARSE_MATRICES: AllowList = {
    (f"scipy.sparse.{private}{layout}", f"{layout}_{kind}"): stand_in
    for layout, stand_in in (("csc", PickledCsc), ("csr", PickledCsr), ("coo", PickledCoo))
    for private in ("", "_")  # SciPy 1.8 renamed its modules
    for kind in ("matrix", "array")
}
"""SciPy's sparse matrices, as the files of SMPL hold joint regressors; they become dense arrays."""
