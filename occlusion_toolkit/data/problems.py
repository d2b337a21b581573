"""Collects what is wrong with the files of a data set, so that all of it can be said at once."""

import logging
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from occlusion_toolkit.errors import DatasetError, UnsafeFileError

logger = logging.getLogger(__name__)

_SHOWN = 40

_NAMED = 6  # frames or rows that a line names


class Problems:
    """Lines about what is wrong; checks note theirs and go on.

    Attributes:
        lines: one problem each.
        remarks: what is odd, or was skipped, and refuses nothing.
        skip_bad: whether frames or rows that cannot be used are skipped with a remark.
        unsafe: whether one of the problems is a file that asks for more than plain data.
    """

    def __init__(self, *, skip_bad: bool = False) -> None:
        self.lines: list[str] = []
        self.remarks: list[str] = []
        self.skip_bad = skip_bad
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

    def warn(self, where: str) -> None:
        """Shows all remarks of a file as warnings."""
        for remark in self.remarks:
            logger.warning("%s: %s", where, remark)
        self.remarks = []

    def bad(self, wrong: Bool[np.ndarray, " rows"], what: str, numbers: Sequence[int], unit: str) -> None:
        """Notes frames or rows that cannot be used: as skipped with `skip_bad`, else as a problem.

        Args:
            wrong: which of them.
            what: the reason.
            numbers: of all frames or rows.
            unit: what they are, "frame" or "row".
        """
        if wrong.any():
            named = numbered([number for number, bad in zip(numbers, wrong, strict=True) if bad], unit)
            if self.skip_bad:
                self.remarks.append(f"skipped {named}: {what}")
            else:
                self.add(f"{what} in {named} (--skip-bad leaves out what cannot be used)")

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


def numbered(numbers: Sequence[int], unit: str) -> str:
    """Frames or rows by their numbers: "frame 3", "frames 3, 7 and 9", "rows 0, 1, 2 and 90 more"."""
    named = [str(number) for number in numbers[:_NAMED]]
    if len(numbers) == 1:
        return f"{unit} {named[0]}"
    last = f"{len(numbers) - _NAMED} more" if len(numbers) > _NAMED else named.pop()
    return f"{unit}s {', '.join(named)} and {last}"
