"""Labelled arrays in files: HDF5 in NetCDF's layout, written whole and read without following anything.

HDF5 can refer to other files (links, external storage, virtual data sets) and load plug-ins to decode
data. Files written here use none of that, so files that do are refused before xarray sees them. Any NetCDF
reader opens the files, `xarray.open_dataset` among them.
"""

import hashlib
import io
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from occlusion_toolkit.errors import DamagedError, ResultError
from occlusion_toolkit.files.atomic import make_folder, write_bytes

_FILTERS = frozenset({h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32})
_NUMBERS = "fiu"
_ONLY_A_LENGTH = "This is a netCDF dimension but not a netCDF variable."
_DIMENSION, _DIMENSIONS = "_Netcdf4Dimid", "_Netcdf4Coordinates"
_CHECKSUM = "content_sha256"
_OF_THE_LAYOUT = frozenset(
    {"CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST", "_NCProperties", _CHECKSUM, _DIMENSION, _DIMENSIONS}
)
"""What NetCDF itself keeps in attributes, and the checksum."""
_MAX_BYTES = 1 << 34
"""What all arrays of a file may take in memory."""
_MOST_DEFLATED = 1100
"""Deflate makes numbers at most 1032 times smaller: an array that claims more than that was never written."""
_LENGTH_BYTES = 1 << 20
"""What an array may claim without numbers: a dimension without coordinates is a length and nothing else."""


def save_dataset(path: Path | str, dataset: xr.Dataset, kind: str, layout: int) -> None:
    """Writes a data set whole or not at all; equal contents give equal bytes.

    Numbers are compressed and carry a checksum per chunk; texts are stored as characters. An attribute is the
    checksum of everything that is said.

    Args:
        path: the file to appear; its folder is made where it does not exist.
        dataset: numbers and texts.
        kind: what the file holds, such as "maps".
        layout: version of the layout of that kind.

    Raises:
        ResultError: the file cannot be written.
    """
    marked = dataset.assign_attrs(kind=kind, layout=layout)
    # Built in memory: HDF5 loses track of itself when a disk fills up under it.
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        _write(file, marked)
        file.attrs[_CHECKSUM] = _sha256(_read(file))
    make_folder(Path(path).parent)
    write_bytes(path, image.getvalue())


def open_dataset(path: Path | str, kind: str, layout: int) -> xr.Dataset:
    """Reads a data set; arrays are read when they are first used, texts at once.

    Args:
        path: the file.
        kind: what it must hold.
        layout: version of the layout that it must have.

    Raises:
        ResultError: the file is missing, truncated, damaged, not HDF5, of another kind or version, or it
            refers to anything outside itself.
    """
    with _clear_errors(path):
        with h5py.File(path, "r") as file:
            _check_plain(file)
            _check_kind(file, kind, layout)
        stored = xr.open_dataset(
            os.fspath(path), engine="h5netcdf", decode_times=False, decode_timedelta=False
        )
        try:
            stored.attrs.pop(_CHECKSUM, None)
            dataset = _with_texts(stored)
        except BaseException:
            stored.close()
            raise
    dataset.set_close(stored.close)
    return dataset


def load_dataset(path: Path | str, kind: str, layout: int) -> xr.Dataset:
    """Reads a data set into memory and closes the file; all checksums are compared.

    Raises:
        ResultError: as `open_dataset`, or anything in the file is damaged.
    """
    with _clear_errors(path), h5py.File(path, "r") as file:
        _check_plain(file)
        try:
            _check_kind(file, kind, layout)
        except ResultError:
            if _CHECKSUM in file.attrs:
                _checked(file)  # or it may be damaged in the very place that says what it is
            raise
        return _with_texts(_checked(file))


@contextmanager
def _clear_errors(path: Path | str) -> Iterator[None]:
    """Turns whatever the libraries raise at a file into one error that names it."""
    shown = repr(str(path))
    if not Path(path).is_file():
        raise ResultError(f"{shown} is not a file that exists; check the path")
    try:
        yield
    except DamagedError as error:
        raise DamagedError(f"{shown} is damaged: {error}") from error
    except ResultError as error:
        raise ResultError(f"{shown} cannot be used: {error}") from error
    except Exception as error:  # damaged files make the libraries raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DamagedError(f"{shown} is damaged or not a result file ({reason})") from error


def _write(file: h5py.File, dataset: xr.Dataset) -> None:
    """Writes NetCDF's layout of HDF5: dimensions are scales that arrays refer to, texts rows of characters.

    xarray writes the same through h5netcdf, but ten times as slowly: surveys have thousands of small files.
    Names are in order: a data set that was read and one that was made are the same file.
    """
    names = sorted(map(str, dataset.variables))
    arrays = {name: _as_characters(dataset.variables[name]) for name in names}
    for name, array in arrays.items():
        packed = array.ndim > 0 and array.dtype.kind in _NUMBERS
        options = {"compression": "gzip", "shuffle": True, "fletcher32": True} if packed else {}
        stored = file.create_dataset(name, data=array.values, **options)
        stored.attrs.update(array.attrs)
        # Numbers take their place in the file now. Otherwise they do when the last reference to the array is
        # gone, and whoever watches this thread (Dask's profiler does) may hold one for a moment longer.
        stored.flush()
    sizes = {str(dimension): size for array in arrays.values() for dimension, size in array.sizes.items()}
    numbers = {dimension: np.int32(number) for number, dimension in enumerate(sizes)}
    for dimension, size in sizes.items():
        if dimension in arrays:
            file[dimension].make_scale(dimension)
        else:
            length = file.create_dataset(dimension, shape=(size,), dtype=">f4")
            length.make_scale(f"{_ONLY_A_LENGTH}{size:10d}")
        file[dimension].attrs[_DIMENSION] = numbers[dimension]
    for name, array in arrays.items():
        file[name].attrs[_DIMENSIONS] = np.array([numbers[str(axis)] for axis in array.dims], np.int32)
        if name not in sizes:
            for number, axis in enumerate(array.dims):
                file[name].dims[number].attach_scale(file[str(axis)])
    labels = " ".join(sorted(str(name) for name in dataset.coords if name not in sizes))
    file.attrs.update(dict(sorted((dataset.attrs | ({"coordinates": labels} if labels else {})).items())))


def _as_characters(variable: xr.Variable) -> xr.Variable:
    """Texts as UTF-8 in rows of characters, as NetCDF has them; numbers as they are."""
    if variable.dtype.kind not in "UOT":
        return variable
    texts = np.char.encode(variable.values.astype(str), "utf-8")
    width = max(1, texts.dtype.itemsize)
    characters = np.ascontiguousarray(texts.astype(f"S{width}")).view("S1").reshape(*texts.shape, width)
    return xr.Variable((*variable.dims, f"string{width}"), characters, {"_Encoding": "utf-8"})


def _read(file: h5py.File) -> xr.Dataset:
    """Everything in a file of NetCDF's layout that is not only the length of a dimension."""
    nodes = {name: (node, dict(node.attrs)) for name, node in file.items()}
    scales = {name: facts for name, (_, facts) in nodes.items() if "CLASS" in facts and _DIMENSION in facts}
    numbered = {int(facts[_DIMENSION]): name for name, facts in scales.items()}

    def dimensions(name: str, node: h5py.Dataset, facts: dict[str, Any]) -> list[str]:
        if _DIMENSIONS in facts:
            return [numbered[int(number)] for number in facts[_DIMENSIONS]]
        return [name] if node.is_scale else [axis[0].name.removeprefix("/") for axis in node.dims]

    variables = {
        name: xr.Variable(
            dimensions(name, node, facts),
            node[()],
            {key: _plain(value) for key, value in facts.items() if key not in _OF_THE_LAYOUT},
        )
        for name, (node, facts) in nodes.items()
        if not bytes(facts.get("NAME", b"")).startswith(_ONLY_A_LENGTH.encode())
    }
    facts = {key: _plain(value) for key, value in file.attrs.items() if key not in _OF_THE_LAYOUT}
    return xr.decode_cf(xr.Dataset(variables, attrs=facts), decode_times=False, decode_timedelta=False)


def _checked(file: h5py.File) -> xr.Dataset:
    """Everything in a file, after comparing its checksum; files of earlier days have none.

    Raises:
        DamagedError: it is not what was written.
    """
    dataset, stored = _read(file), _plain(file.attrs.get(_CHECKSUM))
    if stored is not None and stored != _sha256(dataset):
        raise DamagedError("its checksum is not that of what it holds")
    return dataset


def _sha256(dataset: xr.Dataset) -> str:
    """Checksum of all names, sizes, values and attributes of a data set."""
    digest = hashlib.sha256()
    for name in sorted(map(str, dataset.variables)):
        variable = dataset.variables[name]
        values = np.ascontiguousarray(variable.values)
        facts = (name, variable.dims, values.shape, values.dtype.str, sorted(variable.attrs.items()))
        digest.update(repr(facts).encode())
        digest.update(repr(values.tolist()).encode() if values.dtype.kind in "OT" else values.tobytes())
    digest.update(repr((sorted(map(str, dataset.coords)), sorted(dataset.attrs.items()))).encode())
    return digest.hexdigest()


def _with_texts(dataset: xr.Dataset) -> xr.Dataset:
    """The same with texts read, as texts."""
    texts = [name for name, variable in dataset.variables.items() if variable.dtype.kind in "SUOT"]
    return dataset.assign({name: dataset[name].load().astype(str) for name in texts})


def _check_kind(file: h5py.File, kind: str, layout: int) -> None:
    found = (_plain(file.attrs.get("kind")), _plain(file.attrs.get("layout")))
    if found[0] != kind:
        raise ResultError(f"it holds {found[0]!r}, not {kind!r}; give a result of that kind")
    if found[1] != layout:
        raise ResultError(
            f"its layout is version {found[1]}, this toolkit reads version {layout}; "
            "repeat the analysis or use the toolkit that wrote it"
        )


def _plain(value: object) -> object:
    """An attribute as a Python value; NetCDF stores numbers as arrays of one."""
    if getattr(value, "size", 0) == 1 and hasattr(value, "item"):
        return value.item()
    return value.decode() if isinstance(value, bytes) else value


def _check_plain(file: h5py.File) -> None:
    """Refuses groups, links, foreign storage, foreign types and absurd sizes.

    Raises:
        ResultError: the file has any of them.
    """
    total = 0
    for name in file:
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise ResultError(f"/{name} is a link to another place, which is not followed")
        node = file[name]
        if not isinstance(node, h5py.Dataset):
            raise ResultError(f"/{name} is not an array")
        properties = node.id.get_create_plist()
        filters = {properties.get_filter(index)[0] for index in range(properties.get_nfilters())}
        if node.is_virtual or node.external or not filters <= _FILTERS:
            raise ResultError(f"/{name} is not plainly stored in the file")
        if node.dtype.kind not in _NUMBERS and node.dtype != "S1":
            raise ResultError(f"/{name} holds {node.dtype}, which is neither numbers nor characters")
        largest = max(node.size, math.prod(node.chunks or ())) * node.dtype.itemsize
        total += largest
        if largest > _LENGTH_BYTES + _MOST_DEFLATED * node.id.get_storage_size() or total > _MAX_BYTES:
            raise ResultError(f"/{name} claims {largest:,} bytes, which are not in the file")
