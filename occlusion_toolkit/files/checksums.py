"""Checksums that tie a result to the files it was made from."""

import hashlib
from pathlib import Path

from occlusion_toolkit.errors import ResultError


def sha256_file(path: Path | str) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits.

    Raises:
        ResultError: the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ResultError(f"{str(path)!r} cannot be read for its checksum: {reason}") from error
