"""Reads pickles without running them: only names on an allow-list are ever built, all else is refused.

A pickle is a program that may call any importable function. Here every name it asks for is looked up in
an allow-list of harmless constructors (data, so that readers of other files can extend it) and never
imported. The only way around the list is to trust one file by its checksum (`TrustedFiles`).
"""

import io
import pickle
from pathlib import Path
from typing import Any, Never

from occlusion_toolkit.errors import UnsafeFileError
from occlusion_toolkit.files.inert import AllowList, Assembly, Budget
from occlusion_toolkit.files.pickled_containers import CONTAINERS
from occlusion_toolkit.files.pickled_numpy import NUMPY
from occlusion_toolkit.files.trust import TrustedFiles
from occlusion_toolkit.files.unpickling import unpickle

MAX_BYTES = 512 * 1024**2
"""Largest file that is read unless the caller allows more."""

_SPARE_BYTES = 64 * 1024**2
_GROWTH = 8
"""Content may take the spare bytes and this many times the file's size."""

PLAIN_DATA: AllowList = {**CONTAINERS, **NUMPY}
"""NumPy arrays, types and scalars, and Python's containers; nothing else."""


def load_pickle(
    path: Path | str,
    *,
    allow: AllowList = PLAIN_DATA,
    max_bytes: int = MAX_BYTES,
    trusted: TrustedFiles | None = None,
) -> Any:
    """Reads a pickle of plain data; text written by Python 2 is decoded as latin-1.

    Args:
        path: the file.
        allow: names the file may use and their stand-ins.
        max_bytes: largest file that is read.
        trusted: files that Python's own unpickler may open, which runs their code.

    Returns:
        The content, made of Python's own types and of `numpy.ndarray`, never of subclasses; of a trusted
        file, whatever it builds.

    Raises:
        UnsafeFileError: the file asks for anything outside the allow-list (the message names it), is
            malformed, or is larger than `max_bytes`.
    """
    path = Path(path)
    data = _read(path, max_bytes)
    try:
        if trusted is not None and trusted.admits(path, data):
            return pickle.loads(data, encoding="latin1")
        return _plain(data, allow)
    except UnsafeFileError as error:
        _refuse(path, str(error), error)
    except Exception as error:  # hostile bytes make the unpickler raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        _refuse(path, f"it is damaged or not a pickle ({reason})", error)


def _plain(data: bytes, allow: AllowList) -> Any:
    stream = io.BytesIO(data)
    budget = Budget(_SPARE_BYTES + _GROWTH * len(data))
    content = Assembly(budget).value(unpickle(stream, allow, budget))
    if rest := len(data) - stream.tell():
        raise UnsafeFileError(f"{rest} bytes follow the end of the pickle")
    return content


def _refuse(path: Path, reason: str, cause: BaseException | None = None) -> Never:
    raise UnsafeFileError(f"{str(path)!r} was not opened: {reason}") from cause


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        if not path.is_file():
            _refuse(path, "it is not a file that exists; check the path")
        size = path.stat().st_size
        if size > max_bytes:
            _refuse(path, f"it has {size} bytes, more than the {max_bytes} that are read")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        _refuse(path, f"it cannot be read ({error})", error)
