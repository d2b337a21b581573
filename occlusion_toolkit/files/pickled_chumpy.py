"""Inert stand-ins for chumpy's arrays, in which the files of SMPL keep theirs.

A chumpy object is either an array (`Ch`, stored as attribute `x`) or an expression over others, evaluated
when it is asked for. Expressions that only rearrange one array are evaluated here; any other stays an
`UnevaluatedExpression`, because the files hold the arrays that matter as such. Attribute names: chumpy 0.70,
`ch.py` and `reordering.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Never, final

import numpy as np

from occlusion_toolkit.errors import UnsafeFileError
from occlusion_toolkit.files.inert import AllowList, Assembly, Budget, Constructor, Stateful
from occlusion_toolkit.files.pickled_sparse import SPARSE_MATRICES
from occlusion_toolkit.files.safe_pickle import PLAIN_DATA


@dataclass(frozen=True)
class UnevaluatedExpression:
    """An array that the file does not hold, only how chumpy would compute it.

    Attributes:
        name: of chumpy's class, such as "chumpy.ch_ops.add".
    """

    name: str


class _Node(Stateful):
    """Stands for a chumpy object."""

    __slots__ = ()

    def _array(self, assembly: Assembly, name: str) -> np.ndarray:
        """The attribute that the object was made from."""
        array = assembly.value(self.attributes.get(name))
        if not isinstance(array, np.ndarray) or array.dtype.hasobject:
            raise UnsafeFileError(f"a chumpy object has no array {name!r}")
        return array


@final
class PickledCh(_Node):
    """Stands for `chumpy.ch.Ch`, an array."""

    __slots__ = ()

    def resolve(self, assembly: Assembly) -> np.ndarray:
        """The array."""
        return self._array(assembly, "x")


@final
class PickledSelect(_Node):
    """Stands for `chumpy.reordering.Select`, elements of an array: what indexing gives."""

    __slots__ = ()

    def resolve(self, assembly: Assembly) -> np.ndarray:
        """The elements, in the shape that the indexing asked for."""
        source, chosen = self._array(assembly, "a"), self._array(assembly, "idxs")
        assembly.spend(source.nbytes + chosen.size * source.itemsize)  # both are copied
        selected: np.ndarray = source.ravel()[chosen]
        shape = assembly.value(self.attributes.get("preferred_shape"))
        return selected if shape is None else selected.reshape(shape)


@final
class PickledTranspose(_Node):
    """Stands for `chumpy.reordering.transpose`."""

    __slots__ = ()

    def resolve(self, assembly: Assembly) -> np.ndarray:
        """The array with its axes exchanged, a view."""
        return self._array(assembly, "a").transpose(assembly.value(self.attributes.get("axes")))


@final
class PickledReshape(_Node):
    """Stands for `chumpy.reordering.Reshape`."""

    __slots__ = ()

    def resolve(self, assembly: Assembly) -> np.ndarray:
        """The array in its other shape."""
        array = self._array(assembly, "a")
        assembly.spend(array.nbytes)
        return array.reshape(assembly.value(self.attributes.get("newshape")))


@final
class PickledExpression(_Node):
    """Stands for a chumpy object that computes something."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def resolve(self, assembly: Assembly) -> UnevaluatedExpression:
        """Only what it is."""
        return UnevaluatedExpression(self._name)


_EXPRESSIONS = {
    "chumpy.ch": "MatVecMult ChHandle",
    "chumpy.ch_ops": (
        "add subtract multiply divide power negative dot sum mean sqrt square exp log sin cos tan arcsin "
        "arccos arctan absolute clip maximum minimum reciprocal cumsum Cross SumOfSquares NanDivide "
        "nan_to_num"
    ),
    "chumpy.reordering": "Concatenate AtleastNd Tile Repeat Diag DiagFlat Roll Rot90 rollaxis swapaxes Sort",
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
        ("chumpy.ch", "Ch"): PickledCh,
        ("chumpy.reordering", "Select"): PickledSelect,
        ("chumpy.reordering", "transpose"): PickledTranspose,
        ("chumpy.reordering", "Reshape"): PickledReshape,
    }
    for module, names in _EXPRESSIONS.items():
        for name in names.split():
            allowed[module, name] = partial(PickledExpression, f"{module}.{name}")
    for module in ("copy_reg", "copyreg"):
        allowed[module, "_reconstructor"] = _instance
    for module in ("__builtin__", "builtins"):
        allowed[module, "object"] = _object_class
    return allowed


SMPL_DATA: AllowList = {**PLAIN_DATA, **SPARSE_MATRICES, **_chumpy()}
"""What the files of SMPL hold: plain data, sparse matrices and chumpy's objects; all become arrays."""
