"""Files appear whole or not at all: written under a temporary name, flushed to disk, then renamed.

A rename within a folder is atomic, so readers see the old file or the new one, and an error, Ctrl-C or a
full disk in between leaves the old one. Only a killed process can leave a temporary file behind; its name
starts with a dot and ends in `.tmp` or starts with `.partial-`. Processes that live hold a lock on theirs, so
the next that writes into the folder removes what the dead have left.
"""

import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Never

from occlusion_toolkit.errors import ResultError

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)

_TEMPORARY = re.compile(r"\.partial-[0-9a-f]{16}|\.[0-9a-f]{16}\.tmp(\..*)?")


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends without an error.

    The temporary name keeps the suffix, since writers choose their format by it. Errors other than the
    disk's own pass through unchanged.

    Args:
        path: the file to appear; an existing one is replaced. Its folder must exist.

    Raises:
        ResultError: the folder is missing or not writable, or the disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp{path.suffix}")
    held: int | None = None
    try:
        with _disk_errors(path):
            # Created here, not by the writer, so that a folder that cannot be written is found first.
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            held = _hold(temporary)
            yield temporary
            _flush(temporary)
            temporary.replace(path)
            _flush(path.parent)
    except OSError as error:
        if error.filename is not None and Path(error.filename) in (temporary, path):
            _fail(path, error)
        raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if held is not None:
            os.close(held)


def write_bytes(path: Path | str, data: bytes) -> None:
    """Writes a file atomically.

    Raises:
        ResultError: the folder is missing or not writable, or the disk is full.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path | str, text: str) -> None:
    """Writes a text file atomically, as UTF-8.

    Raises:
        ResultError: the folder is missing or not writable, or the disk is full.
    """
    write_bytes(path, text.encode())


@contextmanager
def staging_folder(path: Path | str) -> Iterator[Path]:
    """A temporary folder whose files move into `path` together when the block ends without an error.

    Files of the same name are replaced, others in `path` stay. After an error or Ctrl-C, `path` is as it
    was, and is gone if it was created here.

    Args:
        path: the output folder; created with its parents where it does not exist.

    Raises:
        ResultError: `path` is not a folder or cannot be written, or the disk is full.
    """
    path = Path(path)
    created: list[Path] = []
    staging = path / f".partial-{secrets.token_hex(8)}"
    done = False
    held: int | None = None
    try:
        with _disk_errors(path):
            created = _make_folders(path, staging)
            held = _hold(staging)
            remove_leftovers(path)
            yield staging
            for file in sorted(file for file in staging.rglob("*") if file.is_file()):
                _flush(file)
                target = path / file.relative_to(staging)
                target.parent.mkdir(parents=True, exist_ok=True)
                file.replace(target)
            _flush(path)
            done = True
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if held is not None:
            os.close(held)
        if not done:
            for folder in created:  # innermost first; one that holds anything stays
                with suppress(OSError):
                    folder.rmdir()


def remove_leftovers(folder: Path) -> None:
    """Removes what killed processes have left half written in a folder; what others are writing stays."""
    for path in [path for path in folder.glob(".*") if _TEMPORARY.fullmatch(path.name)]:
        with suppress(OSError):  # such as one that somebody holds
            handle = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
            finally:
                os.close(handle)


def _hold(path: Path) -> int | None:
    """Locks a file or folder until the handle is closed or the process ends; None where there are no locks.

    On a file system without locks nobody can tell what is left behind, and nothing is removed.
    """
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise
        return handle
    return None


def make_folder(path: Path | str) -> Path:
    """Makes a folder with its parents where it does not exist, and returns its path.

    Raises:
        ResultError: it is a file, or cannot be made.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise ResultError(f"{str(path)!r} is a file, not a folder; choose another output folder") from error
    except OSError as error:
        _fail(path, error)
    return path


def _make_folders(path: Path, staging: Path) -> list[Path]:
    """Makes the output folder and the staging folder in it; returns the new ones, innermost first."""
    try:
        created = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        staging.mkdir()
    except FileExistsError as error:
        raise ResultError(f"{str(path)!r} is a file, not a folder; choose another output folder") from error
    except OSError as error:
        _fail(path, error)
    return created


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """Turns a full or failing disk into an error that names the output."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_ERRORS:
            _fail(path, error)
        raise


def _fail(path: Path, error: OSError) -> Never:
    reason = (error.strerror or str(error)).lower()
    raise ResultError(f"{str(path)!r} could not be written: {reason}; choose another place") from error


def _flush(path: Path) -> None:
    """Asks the disk to keep a file's content, or a folder's list of names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
