"""Reads the items of a long JSON list one by one, so that only one of them is unpacked at a time."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from occlusion_toolkit.errors import UnsafeFileError

MAX_JSON_BYTES = 4 * 1024**3
"""Largest file that is read: EFT's largest, of 79,051 people, is below 1 GB."""

_SPACE = " \t\n\r"


def json_items(path: Path, key: str, *, max_bytes: int = MAX_JSON_BYTES) -> Iterator[Any]:
    """Yields the items of the list that the outermost object of a JSON file has under a key.

    Args:
        path: the file.
        key: name of the list.
        max_bytes: largest file that is read.

    Raises:
        UnsafeFileError: the file is missing, too large or damaged, or has no such list.
    """
    shown = repr(str(path))
    try:
        if path.stat().st_size > max_bytes:
            raise UnsafeFileError(f"{shown} has more than the {max_bytes} bytes that are read")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UnsafeFileError(f"{shown} cannot be read: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        raise UnsafeFileError(f"{shown} is damaged or not JSON ({error})") from error
    try:
        yield from _Scanner(text).items_of(key)
    except (ValueError, RecursionError) as error:
        raise UnsafeFileError(f"{shown} is damaged or not an object with a list {key!r} ({error})") from error


class _Scanner:
    """A place in a text and what is read from there."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._decode = json.JSONDecoder().raw_decode

    def items_of(self, key: str) -> Iterator[Any]:
        self._expect("{")
        while True:
            name = self._value()
            self._expect(":")
            if name == key:
                break
            self._value()
            self._expect(",")
        self._expect("[")
        if self._next() == "]":
            return
        while True:
            yield self._value()
            if self._next() == "]":
                return
            self._expect(",")

    def _next(self) -> str:
        while self._text[self._at : self._at + 1] and self._text[self._at] in _SPACE:
            self._at += 1
        return self._text[self._at : self._at + 1]

    def _expect(self, character: str) -> None:
        if self._next() != character:
            raise ValueError(f"expected {character!r} at character {self._at}")
        self._at += 1

    def _value(self) -> Any:
        self._next()
        value, self._at = self._decode(self._text, self._at)
        return value
