"""Opens zip archives whose directory is of a sane size and names every member once."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

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
