"""Labelled arrays in files: HDF5 in NetCDF's layout, written whole and read without following anything.

HDF5 can refer to other files (links, external storage, virtual data sets) and load plug-ins to decode
data. Files written here use none of that, so files that do are refused before xarray sees them. Any NetCDF
reader opens the files, `xarray.open_dataset` among them.
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import xarray as xr

from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.files.atomic import write_bytes

_FILTERS = frozenset({h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32})
_NUMBERS = "fiu"
_MAX_BYTES = 1 << 34
"""What all arrays of a file may take in memory."""
_MOST_DEFLATED = 1100
"""Deflate makes numbers at most 1032 times smaller: an array that claims more than that was never written."""
_LENGTH_BYTES = 1 << 20
"""What an array may claim without numbers: a dimension without coordinates is a length and nothing else."""


def save_dataset(path: Path | str, dataset: xr.Dataset, kind: str, layout: int) -> None:
    """Writes a data set whole or not at all; equal contents give equal bytes.

    Numbers are compressed and carry a checksum per chunk; texts are stored as characters.

    Args:
        path: the file to appear.
        dataset: numbers and texts.
        kind: what the file holds, such as "maps".
        layout: version of the layout of that kind.

    Raises:
        ResultError: the file cannot be written.
    """
    # In the order of names: a data set that was read and one that was made are the same file.
    ordered = {name: dataset.variables[name] for name in sorted(dataset.variables, key=str)}
    attributes = dict(sorted((dataset.attrs | {"kind": kind, "layout": layout}).items()))
    marked = xr.Dataset(ordered, attrs=attributes).set_coords(list(dataset.coords))
    encoding: dict[str, dict[str, object]] = {}
    for name, variable in marked.variables.items():
        if variable.dtype.kind in _NUMBERS and variable.ndim:
            encoding[str(name)] = {"zlib": True, "shuffle": True, "fletcher32": True}
            if variable.dtype.kind == "f":
                encoding[str(name)]["_FillValue"] = None
        elif variable.dtype.kind in "UOT":
            encoding[str(name)] = {"dtype": "S1"}
    # Built in memory: HDF5 loses track of itself when a disk fills up under it.
    write_bytes(path, bytes(marked.drop_encoding().to_netcdf(engine="h5netcdf", encoding=encoding)))


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
            texts = [name for name, variable in stored.variables.items() if variable.dtype.kind in "SUOT"]
            dataset = stored.assign({name: stored[name].load().astype(str) for name in texts})
        except BaseException:
            stored.close()
            raise
    dataset.set_close(stored.close)
    return dataset


def load_dataset(path: Path | str, kind: str, layout: int) -> xr.Dataset:
    """Reads a data set into memory and closes the file; every chunk's checksum is compared.

    Raises:
        ResultError: as `open_dataset`, or a chunk is damaged.
    """
    with open_dataset(path, kind, layout) as dataset, _clear_errors(path):
        return dataset.load()


@contextmanager
def _clear_errors(path: Path | str) -> Iterator[None]:
    """Turns whatever the libraries raise at a file into one error that names it."""
    shown = repr(str(path))
    if not Path(path).is_file():
        raise ResultError(f"{shown} is not a file that exists; check the path")
    try:
        yield
    except ResultError as error:
        raise ResultError(f"{shown} cannot be used: {error}") from error
    except Exception as error:  # damaged files make the libraries raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ResultError(f"{shown} is damaged or not a result file ({reason})") from error


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
