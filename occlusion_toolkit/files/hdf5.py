"""HDF5 with declared contents: files hold exactly the arrays of a table, and readers follow nothing else.

HDF5 can refer to other files (external links, external storage, virtual data sets) and load plug-ins to
decode data. Files written here use none of that, so files that do are refused.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.files.atomic import write_bytes

_FILTERS = frozenset({h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32})

Node = TypeVar("Node", h5py.Group, h5py.Dataset)


@dataclass(frozen=True)
class ArraySpec:
    """One declared array of a file.

    Attributes:
        name: of the data set, and of the attribute of the object that holds the array.
        dtype: NumPy type.
        shape: lengths; a word stands for a length that all arrays of the file share ("windows").
        unit: of the values, for readers: "mm", "m", "px", "1" where there is none.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    unit: str

    def expected(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The shape with its words replaced by lengths."""
        return tuple(sizes[length] if isinstance(length, str) else length for length in self.shape)


def save(path: Path | str, kind: str, schema: int, fill: Callable[[h5py.File], None]) -> None:
    """Writes a result atomically; equal contents give equal bytes.

    Args:
        path: the file to appear.
        kind: what the file holds, such as "heatmap".
        schema: version of the layout of that kind.
        fill: writes the contents into the open file.

    Raises:
        ResultError: the contents do not fit their declaration, or the file cannot be written.
    """
    # Built in memory: HDF5 loses track of itself when a disk fills up under it.
    with h5py.File(f"{uuid.uuid4()}.h5", "w", driver="core", backing_store=False) as file:
        file.attrs["kind"] = kind
        file.attrs["schema"] = schema
        fill(file)
        file.flush()
        image: bytes = file.id.get_file_image()
    write_bytes(path, image)


@contextmanager
def opened(path: Path | str, kind: str, schema: int) -> Iterator[h5py.File]:
    """A result file open for reading; every failure in the block becomes an error that names the file.

    Args:
        path: the file.
        kind: what it must hold.
        schema: version of the layout that it must have.

    Raises:
        ResultError: the file is missing, truncated, damaged, not HDF5, or of another kind or version.
    """
    shown = repr(str(path))
    if not Path(path).is_file():
        raise ResultError(f"{shown} is not a file that exists; check the path")
    try:
        with h5py.File(path, "r") as file:
            found = (file.attrs.get("kind"), file.attrs.get("schema"))
            if found[0] != kind:
                raise ResultError(f"it holds {found[0]!r}, not {kind!r}; give a result of that kind")
            if found[1] != schema:
                raise ResultError(
                    f"its layout is version {found[1]}, this toolkit reads version {schema}; "
                    "repeat the analysis or use the toolkit that wrote it"
                )
            yield file
    except ResultError as error:
        raise ResultError(f"{shown} cannot be used: {error}") from error
    except Exception as error:  # damaged files make h5py raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ResultError(f"{shown} is damaged or not a result file ({reason})") from error


def child(group: h5py.Group, name: str, kind: type[Node]) -> Node:
    """A member of a group, if it is stored in this very file.

    Raises:
        ResultError: it is missing, a link, or not of this kind.
    """
    place = f"{group.name.rstrip('/')}/{name}"
    # A path would pass through the links of the groups on its way.
    link = None if "/" in name else group.get(name, getlink=True)
    if link is None:
        raise ResultError(f"{place} is missing")
    if not isinstance(link, h5py.HardLink):
        raise ResultError(f"{place} is a link to another place, which is not followed")
    node = group[name]
    if not isinstance(node, kind):
        raise ResultError(f"{place} is not a {kind.__name__.lower()}")
    return node


def write_arrays(
    group: h5py.Group, specs: Sequence[ArraySpec], source: object, sizes: Mapping[str, int]
) -> None:
    """Stores the declared attributes of an object, compressed and with a checksum per chunk.

    Raises:
        ResultError: an array is missing or has another shape or type than declared.
    """
    for spec in specs:
        values = getattr(source, spec.name)
        place = f"{group.name.rstrip('/')}/{spec.name}"
        if not isinstance(values, np.ndarray) or values.dtype != np.dtype(spec.dtype):
            raise ResultError(f"{place} must be a {spec.dtype} array, not {_described(values)}")
        if values.shape != spec.expected(sizes):
            raise ResultError(f"{place} must have shape {spec.expected(sizes)}, not {values.shape}")
        dataset = group.create_dataset(
            spec.name, data=values, compression="gzip", shuffle=True, fletcher32=True
        )
        dataset.attrs["unit"] = spec.unit


def read_arrays(
    group: h5py.Group, specs: Sequence[ArraySpec], sizes: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """Reads the declared arrays; shapes are checked before anything is allocated.

    Raises:
        ResultError: an array is missing, not plainly stored, or of another shape or type than declared.
    """
    return {spec.name: _read(group, spec, sizes) for spec in specs}


def _read(group: h5py.Group, spec: ArraySpec, sizes: Mapping[str, int]) -> np.ndarray:
    dataset = child(group, spec.name, h5py.Dataset)
    properties = dataset.id.get_create_plist()
    filters = {properties.get_filter(index)[0] for index in range(properties.get_nfilters())}
    if dataset.is_virtual or dataset.external or not filters <= _FILTERS:
        raise ResultError(f"{dataset.name} is not plainly stored in the file")
    if dataset.shape != spec.expected(sizes):
        raise ResultError(f"{dataset.name} has shape {dataset.shape}, not {spec.expected(sizes)}")
    if dataset.dtype != np.dtype(spec.dtype):
        raise ResultError(f"{dataset.name} is stored as {dataset.dtype}, not {spec.dtype}")
    values: np.ndarray = dataset[...]
    return values


def read_attribute(group: h5py.Group, name: str, kind: type) -> Any:
    """An attribute as a Python value.

    Args:
        group: the group or file.
        name: of the attribute.
        kind: `int`, `float` or `str`.

    Raises:
        ResultError: it is missing or of another type.
    """
    value = group.attrs.get(name)
    if isinstance(value, np.generic):
        value = value.item()
    if type(value) is not kind:
        raise ResultError(f"attribute {name!r} of {group.name} is missing or not {kind.__name__}")
    return value


def _described(values: object) -> str:
    return f"{values.dtype} array" if isinstance(values, np.ndarray) else type(values).__name__
