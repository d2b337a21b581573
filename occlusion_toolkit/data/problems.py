"""Collects what is wrong with the files of a data set, so that all of it can be said at once."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from occlusion_toolkit.errors import DatasetError, UnsafeFileError

_SHOWN = 40


class Problems:
    """Lines about what is wrong; checks note theirs and go on.

    Attributes:
        lines: one problem each.
        unsafe: whether one of them is a file that asks for more than plain data.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.unsafe = False

    def add(self, line: str) -> None:
        """Notes a problem."""
        self.lines.append(line)

    def extend(self, where: str, error: DatasetError | UnsafeFileError) -> None:
        """Notes every problem that an error lists, each with the place it was found in."""
        self.lines += [f"{where}: {line}" for line in str(error).splitlines()]
        self.unsafe |= isinstance(error, UnsafeFileError)

    def raise_for_file(self) -> None:
        """Ends the checks of one file.

        Raises:
            DatasetError: something is wrong; one problem a line.
        """
        if self.lines:
            raise DatasetError("\n".join(self.lines))

    def raise_for_dataset(self, root: Path) -> None:
        """Ends the checks of a data set.

        Raises:
            UnsafeFileError: something is wrong, and one of the files asks for more than plain data.
            DatasetError: something else is wrong.
        """
        if self.lines:
            raise self.error(root)

    def error(self, root: Path) -> DatasetError | UnsafeFileError:
        """An error that lists the first problems of a data set and counts the rest."""
        hidden = len(self.lines) - _SHOWN
        count = f"{len(self.lines)} problem{'s' if len(self.lines) > 1 else ''}"
        shown = [f"{str(root)!r} has {count}:", *self.lines[:_SHOWN]]
        message = "\n  ".join([*shown, f"and {hidden} more"] if hidden > 0 else shown)
        return UnsafeFileError(message) if self.unsafe else DatasetError(message)

    def array(self, value: Any, label: str, shape: tuple[int, ...]) -> Float64[np.ndarray, "..."] | None:
        """The value as numbers of the given shape (-1: any length), or None with a problem noted."""
        if value is None:
            self.add(f"{label} is missing")
            return None
        try:
            array = np.asarray(value, np.float64)
        except (TypeError, ValueError):
            self.add(f"{label} does not hold numbers")
            return None
        fits = array.ndim == len(shape) and all(n in (-1, m) for n, m in zip(shape, array.shape, strict=True))
        if not fits:
            wanted = ", ".join("N" if n == -1 else str(n) for n in shape)
            self.add(f"{label} has shape {array.shape}, not ({wanted})")
            return None
        return array

    def finite(self, values: Float64[np.ndarray, "..."], label: str) -> bool:
        """Whether all values are finite; a problem is noted where not."""
        if np.isfinite(values).all():
            return True
        self.add(f"{label} has NaN or infinite values")
        return False

    def rows(self, wrong: Bool[np.ndarray, " rows"], what: str) -> bool:
        """Whether no row is wrong; a problem is noted with the number of rows and the first one."""
        if not wrong.any():
            return True
        self.add(f"{what} in {int(wrong.sum())} rows, row {int(wrong.argmax())} first")
        return False

    def missing(self, images: Collection[str], where: str = "") -> None:
        """Notes images that are not there, if any."""
        if images:
            self.add(f"{where}{len(images)} images are missing, {min(images)} first")
