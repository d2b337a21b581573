"""Texts of others: YAML that cannot exhaust the reader, and names that a terminal can be shown."""

from pathlib import Path
from typing import Any

import yaml

_MAX_BYTES = 4 * 1024**2


def read_yaml(path: Path) -> Any:
    """What a YAML file says, plain values only.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no YAML, or larger or deeper than any file that people write.
    """
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"it is larger than {_MAX_BYTES:,} bytes")
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def printable(text: str) -> str:
    """A text without characters that a terminal would obey or that are none: it may be a stranger's name."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def storable(name: str) -> str:
    """The name of a file as text that can be stored; bytes that are no UTF-8 are escaped."""
    return name.encode("utf-8", "backslashreplace").decode()
