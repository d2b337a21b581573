"""Reads .npy and .npz files of plain arrays: nothing is unpickled, no stated size is believed unchecked.

NumPy's own reader allocates whatever shape a header states and unpacks a compressed member whatever it grows
to. Here the stated size has to be that of the bytes that are there, and their sum has a limit. Archives must
have a directory of a sane size that names every member once.
"""

import io
import math
import sys
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Never, cast

import numpy as np

from occlusion_toolkit.errors import UnsafeFileError

_TOO_MANY: Final = 16 * 1024**2
"""Bytes of a directory of a third of a million members, each of which takes half a kilobyte in memory."""


class _File(io.FileIO):
    """A file that refuses large reads until the directory has been read.

    Attributes:
        in_directory: whether it is still being read.
    """

    in_directory = True

    def read(self, size: int | None = -1, /) -> bytes:
        """Reads at most `size` bytes, all where it is negative."""
        size = -1 if size is None else size
        if self.in_directory:
            size = min(size, _TOO_MANY) if size >= 0 else _TOO_MANY
        data = super().read(size) or b""
        if self.in_directory and len(data) == _TOO_MANY:
            raise UnsafeFileError("the archive has a directory of absurd size")
        return data


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Opens an archive for reading.

    Raises:
        UnsafeFileError: its directory is absurdly large, or names two members alike.
        Exception: it is damaged; nearly any class.
    """
    with _File(path) as file, zipfile.ZipFile(file) as archive:
        file.in_directory = False
        names = archive.namelist()
        if len(set(names)) < len(names):
            raise UnsafeFileError("two members of the archive have the same name")
        yield archive


MAX_ARRAY_BYTES = 512 * 1024**2
"""Largest content, unpacked, that is read unless the caller allows more."""

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def load_npy(path: Path | str, *, max_bytes: int = MAX_ARRAY_BYTES) -> np.ndarray:
    """Reads the array of a .npy file.

    Args:
        path: the file.
        max_bytes: largest file that is read.

    Raises:
        UnsafeFileError: the file is missing, damaged, larger than `max_bytes` or holds pickled objects.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            _check_size(size, max_bytes)
            return _read_array(file, size)
    except Exception as error:  # damaged headers make NumPy raise nearly anything
        _refuse(path, error)


def load_npz(
    path: Path | str, names: Collection[str] | None = None, *, max_bytes: int = MAX_ARRAY_BYTES
) -> dict[str, np.ndarray]:
    """Reads arrays of a .npz file, compressed or not.

    Args:
        path: the file.
        names: arrays to read, where the file has them; all when None.
        max_bytes: most bytes that the file may hold, unpacked.

    Returns:
        Arrays by name, in the order of the file.

    Raises:
        UnsafeFileError: the file is missing, damaged or larger than `max_bytes`, or one of the arrays holds
            pickled objects.
    """
    path = Path(path)
    arrays = {}
    try:
        with open_archive(path) as archive:
            _check_size(sum(member.file_size for member in archive.infolist()), max_bytes)
            for member in archive.infolist():
                name = member.filename.removesuffix(".npy")
                if names is None or name in names:
                    with archive.open(member) as file:
                        arrays[name] = _read_array(cast(io.BufferedIOBase, file), member.file_size)
    except Exception as error:  # damaged archives make zipfile and NumPy raise nearly anything
        _refuse(path, error)
    return arrays


def is_text(array: np.ndarray) -> bool:
    """Whether an array, where it is of text, holds Unicode only; NumPy finds out when an element is used."""
    if array.dtype.kind != "U" or not array.size:
        return True
    numbers = array.ravel(order="K").view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
    return int(numbers.max()) <= sys.maxunicode


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise UnsafeFileError(f"it holds {size} bytes, more than the {max_bytes} that are read")


def _read_array(file: io.BufferedIOBase, size: int) -> np.ndarray:
    """Reads an array in NumPy's format 1 or 2 out of a file of `size` bytes."""
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise UnsafeFileError(f"version {version} of NumPy's format is not read; save the array again")
    shape, is_fortran, dtype = _HEADERS[version](file)
    _check_dtype(dtype)
    stated = math.prod(shape) * dtype.itemsize
    if any(n < 0 for n in shape) or stated != size - file.tell():
        raise UnsafeFileError(f"an array of shape {shape} does not have the size of its bytes")
    array = np.frombuffer(bytearray(file.read(stated)), dtype)
    if not is_text(array):
        raise UnsafeFileError("it holds characters that do not exist")
    return array.reshape(shape, order="F" if is_fortran else "C")


def _check_dtype(dtype: np.dtype[Any]) -> None:
    if dtype.hasobject:
        raise UnsafeFileError(
            "it holds Python objects, which only unpickling can read and which can run code; "
            "save it again as arrays of numbers or text"
        )
    if dtype.kind not in "biufcSU" or dtype.itemsize == 0:
        raise UnsafeFileError(f"arrays of {dtype} are not read")


def _refuse(path: Path, error: Exception) -> Never:
    if isinstance(error, FileNotFoundError | IsADirectoryError):
        reason = "it is not a file that exists; check the path"
    elif isinstance(error, UnsafeFileError):
        reason = str(error)
    else:
        said = " ".join(str(error).split()) or type(error).__name__
        reason = f"it is damaged or not a file of arrays ({said})"
    raise UnsafeFileError(f"{str(path)!r} was not opened: {reason}") from error
