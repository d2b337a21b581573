"""Reads pickles without running them: only names on an allow-list are ever built, all else is refused.

A pickle is a program that may call any importable function. Here every name it asks for is looked up in
an allow-list of harmless constructors (data, so that readers of other files can extend it) and never
imported. There is no way around the list: a file that needs more is an error.
"""

import io
import pickle
import pickletools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Never

import numpy as np

from occlusion_toolkit.errors import UnsafeFileError
from occlusion_toolkit.io.pickled_numpy import (
    ArrayClass,
    Constructor,
    Inert,
    PickledDtype,
    from_buffer,
    reconstruct,
    scalar,
)

MAX_BYTES = 512 * 1024**2
"""Largest file that is read unless the caller allows more."""

MAX_DEPTH = 100
"""Deepest nesting of containers."""

MAX_INSTRUCTIONS = 5_000_000
"""Longest program, in pickle instructions."""

_INSTRUCTIONS = {instruction.code: instruction for instruction in pickletools.opcodes}

_REFUSED_INSTRUCTIONS = frozenset({"PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER"})

_MEMO_INSTRUCTIONS = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})

AllowList = Mapping[tuple[str, str], Inert | type[Inert]]
"""(module, name) as a pickle writes them, and the stand-in that is used instead of importing them.

A reader of other files passes `PLAIN_DATA | {("chumpy.ch", "Ch"): ...}`: a `Constructor` for what is
called, a subclass of `Inert` for what is instantiated with `__new__` (the NEWOBJ instruction wants a class).
"""


def _plain_bytes(*arguments: object) -> bytes:
    match arguments:
        case ():
            return b""
        case (bytes() | bytearray() as data,):
            return bytes(data)
        case (str() as text, "latin1" | "latin-1" | "utf-8" as encoding):
            return text.encode(str(encoding))
        case _:  # in particular an integer, which would allocate that many bytes
            raise UnsafeFileError("bytes are built from something other than text")


def _plain_set(items: object = ()) -> set[Any]:
    return set(_listed(items))


def _plain_dict(items: object = ()) -> dict[Any, Any]:
    return dict(_listed(items))


def _listed(items: object) -> list[Any]:
    if not isinstance(items, list | tuple):
        raise UnsafeFileError("a container is built from something other than a list")
    return list(items)


def _allow_list() -> AllowList:
    """What plain arrays and containers need, under the names of Python 2 and 3, of old and new NumPy."""
    allowed: dict[tuple[str, str], Inert | type[Inert]] = {
        ("numpy", "ndarray"): ArrayClass(),
        ("numpy", "dtype"): Constructor(PickledDtype),
        ("_codecs", "encode"): Constructor(_plain_bytes),
        ("collections", "OrderedDict"): Constructor(_plain_dict),
    }
    for core in ("numpy.core", "numpy._core"):
        allowed[f"{core}.multiarray", "_reconstruct"] = Constructor(reconstruct)
        allowed[f"{core}.multiarray", "scalar"] = Constructor(scalar)
        allowed[f"{core}.numeric", "_frombuffer"] = Constructor(from_buffer)
    for builtins in ("builtins", "__builtin__"):
        allowed[builtins, "bytes"] = Constructor(_plain_bytes)
        allowed[builtins, "bytearray"] = Constructor(lambda *parts: bytearray(_plain_bytes(*parts)))
        allowed[builtins, "complex"] = Constructor(complex)
        allowed[builtins, "set"] = Constructor(_plain_set)
        allowed[builtins, "frozenset"] = Constructor(lambda items=(): frozenset(_plain_set(items)))
        allowed[builtins, "dict"] = Constructor(_plain_dict)
    return allowed


PLAIN_DATA: AllowList = _allow_list()
"""NumPy arrays, types and scalars, and Python's containers; nothing else."""


def load_pickle(path: Path | str, *, allow: AllowList = PLAIN_DATA, max_bytes: int = MAX_BYTES) -> Any:
    """Reads a pickle of plain data; text written by Python 2 is decoded as latin-1.

    Args:
        path: the file.
        allow: names the file may use and their stand-ins.
        max_bytes: largest file that is read.

    Returns:
        The content, made of Python's own types and of `numpy.ndarray`, never of subclasses.

    Raises:
        UnsafeFileError: the file asks for anything outside the allow-list (the message names it), is
            malformed, or is larger than `max_bytes`.
    """
    path = Path(path)
    data = _read(path, max_bytes)
    try:
        _check_program(data)
        content = _AllowListUnpickler(data, allow).load()
        return _resolved(content, {}, 0)
    except UnsafeFileError as error:
        _refuse(path, str(error), error)
    except Exception as error:  # hostile bytes make the unpickler raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        _refuse(path, f"it is damaged or not a pickle ({reason})", error)


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


def _check_program(data: bytes) -> None:
    """Bounds what reading the program can cost, before it is run.

    The allow-list decides what is built; this only keeps a few bytes from asking for gigabytes (a memo
    index is the size of a table) and refuses instructions that plain data never uses.
    """
    program = io.BytesIO(data)
    for count in range(MAX_INSTRUCTIONS):
        instruction = _INSTRUCTIONS.get(program.read(1).decode("latin1"))
        if instruction is None:
            raise UnsafeFileError("it is damaged or not a pickle")
        if instruction.name in _REFUSED_INSTRUCTIONS:
            raise UnsafeFileError(f"it uses the instruction {instruction.name}, which plain data never does")
        if instruction.name == "STOP":
            break
        if instruction.name == "STRING":  # Python's reader takes ASCII only; Python 2 wrote any byte
            program.readline()
        elif instruction.arg is not None:
            argument = instruction.arg.reader(program)
            if instruction.name in _MEMO_INSTRUCTIONS and not 0 <= argument <= count:
                raise UnsafeFileError("it numbers its objects beyond their count")
    else:
        raise UnsafeFileError(f"it has more than {MAX_INSTRUCTIONS} instructions")
    if rest := len(data) - program.tell():
        raise UnsafeFileError(f"{rest} bytes follow the end of the pickle")


class _AllowListUnpickler(pickle.Unpickler):
    """Python's unpickler with every import replaced by a look-up in the allow-list."""

    def __init__(self, data: bytes, allow: AllowList) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1", fix_imports=False)
        self._allow = allow

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a global name."""
        stand_in = self._allow.get((module, name))
        if stand_in is None:
            raise UnsafeFileError(
                f"it asks for {module}.{name}, which is not plain data. Files from strangers can run code "
                "this way; if you made the file yourself, save it again as NumPy arrays"
            )
        return stand_in


def _resolved(value: Any, done: dict[int, tuple[Any, Any]], depth: int) -> Any:
    """Replaces every stand-in by its value, in place inside lists and dictionaries.

    Args:
        value: what the unpickler built.
        done: id of each container already visited, with the container (kept alive, so that the id stays
            its own) and its replacement; shared objects stay shared, loops end.
        depth: nesting so far.
    """
    if depth > MAX_DEPTH:
        raise UnsafeFileError(f"it nests containers more than {MAX_DEPTH} deep")
    if id(value) in done:
        return done[id(value)][1]
    if isinstance(value, type):  # a stand-in that is a class
        raise UnsafeFileError(f"a class ({value.__name__}) stands where a value belongs")
    original = value
    if isinstance(value, Inert):
        value = _resolved(value.resolve(), done, depth + 1)
    elif isinstance(value, tuple):
        value = tuple(_resolved(item, done, depth + 1) for item in value)
    elif isinstance(value, list):
        done[id(value)] = (value, value)
        value[:] = [_resolved(item, done, depth + 1) for item in value]
    elif isinstance(value, dict):
        done[id(value)] = (value, value)
        for key in value:
            value[key] = _resolved(value[key], done, depth + 1)
    elif isinstance(value, np.ndarray) and value.dtype.hasobject:
        done[id(value)] = (value, value)
        flat = value.ravel(order="K")  # a view: arrays are built contiguous
        for index in range(flat.size):
            flat[index] = _resolved(flat[index], done, depth + 1)
    else:
        return value
    done[id(original)] = (original, value)
    return value
