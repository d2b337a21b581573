"""The one way around the allow-lists: files that their user trusts by checksum, to the last byte."""

import hashlib
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from occlusion_toolkit.errors import UsageError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrustedFile:
    """A file that was opened although it may run code.

    Attributes:
        name: of the file, without its folder.
        sha256: checksum of the bytes that were opened.
    """

    name: str
    sha256: str


class TrustedFiles:
    """Checksums of files whose code may run, and a record of those that were opened.

    A file on this list is opened by Python's own unpickler, which runs whatever the file says, with the
    rights of the user. A file that is not on it never is: there is no fallback.
    """

    def __init__(self, checksums: Iterable[str] = ()) -> None:
        """Takes sha256 checksums, 64 hexadecimal digits each.

        Raises:
            UsageError: one is something else.
        """
        self._checksums = frozenset(checksum.lower() for checksum in checksums)
        for checksum in self._checksums:
            if not re.fullmatch("[0-9a-f]{64}", checksum):
                raise UsageError(
                    f"{checksum!r} is not a sha256 checksum (64 hexadecimal digits); "
                    "`sha256sum FILE` prints that of a file"
                )
        self._opened: list[TrustedFile] = []

    def __eq__(self, other: object) -> bool:
        """Lists of the same checksums are equal, whatever was opened: workers compare what they were told."""
        return isinstance(other, TrustedFiles) and self._checksums == other._checksums

    def __hash__(self) -> int:
        return hash(self._checksums)

    @property
    def opened(self) -> tuple[TrustedFile, ...]:
        """The files admitted so far, in order; a result that depends on them records them."""
        return tuple(self._opened)

    @property
    def recorded(self) -> tuple[str, ...]:
        """The files admitted so far as `NAME sha256:CHECKSUM`, sorted and each once, for stored results."""
        return tuple(sorted({f"{file.name} sha256:{file.sha256}" for file in self._opened}))

    def admits(self, path: Path, data: bytes) -> bool:
        """Whether the user trusts these bytes; if so, says it loudly and keeps it on record.

        Args:
            path: the file, for the warning.
            data: all of it, as it is going to be opened: the file on the disk may change in between.
        """
        if not self._checksums:
            return False
        checksum = hashlib.sha256(data).hexdigest()
        if checksum not in self._checksums:
            return False
        logger.warning("Running the code in %s, which you trust: sha256 %s.", path, checksum)
        self._opened.append(TrustedFile(path.name, checksum))
        return True
