"""Finds the images that annotations name, by listing each folder once instead of asking for every file."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import numpy as np

from occlusion_toolkit.data.problems import Problems


class ImageFolder:
    """Images below the folder of a data set.

    Args:
        root: the folder.
        places: sub-folders in which an image may lie that the annotations name without a folder, or with
            another one.
    """

    def __init__(self, root: Path, places: tuple[str, ...] = ()) -> None:
        self.root = root
        self._places = tuple(PurePosixPath(place) for place in places)
        self._listed: dict[PurePosixPath, frozenset[str]] = {}

    def find(self, name: str) -> str | None:
        """The path below the root of an image by its name in a file; None where it is not there."""
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in name or "\0" in name or not path.name:
            return None
        for candidate in (path, *(place / path.name for place in self._places)):
            if candidate.name in self._names(candidate.parent):
                return candidate.as_posix()
        return None

    def find_all(self, names: Iterable[str], problems: Problems) -> np.ndarray:
        """Paths below the root as fixed-width bytes, N; those that are missing are noted and empty."""
        names = list(names)
        found = [self.find(name) for name in names]
        missing = [name for name, path in zip(names, found, strict=True) if path is None]
        problems.missing(missing, f"below {str(self.root)!r}: ")
        return np.array([(path or "").encode() for path in found], np.bytes_)

    def _names(self, folder: PurePosixPath) -> frozenset[str]:
        if folder not in self._listed:
            try:
                self._listed[folder] = frozenset(entry.name for entry in (self.root / folder).iterdir())
            except OSError:
                self._listed[folder] = frozenset()
        return self._listed[folder]
