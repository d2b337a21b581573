"""Reads pickles without running them: only names on an allow-list are ever built, all else is refused.

A pickle is a program that may call any importable function. Here every name it asks for is looked up in
an allow-list of harmless constructors (data, so that readers of other files can extend it) and never
imported. The only way around the list is to trust one file by its checksum (`TrustedFiles`).

Python's own unpickler is not used: this one knows no import, refuses the instructions that plain data never
needs (extension codes, instances of old classes, out-of-band buffers) and counts what the rest may cost.
Instructions and their arguments are decoded by the standard library's `pickletools`, which documents them.
"""

import codecs
import io
import pickle
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Never

from occlusion_toolkit.errors import UnsafeFileError
from occlusion_toolkit.files.inert import AllowList, Assembly, Budget, Constructor, Inert, Trailed, quoted
from occlusion_toolkit.files.pickled_plain import PLAIN_DATA, PickledMapping
from occlusion_toolkit.files.trust import TrustedFiles

MAX_BYTES = 512 * 1024**2
"""Largest file that is read unless the caller allows more."""

_SPARE_BYTES = 64 * 1024**2
_GROWTH = 8
"""Content may take the spare bytes and this many times the file's size."""


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


MAX_INSTRUCTIONS: Final = 1_000_000
"""Longest program; the longest published file needs about a fifth."""

_MAX_NUMBER_BITS: Final = 1024

_NEWEST_PROTOCOL: Final = 5

_OPCODES: Final = {opcode.code: opcode for opcode in pickletools.opcodes}

_TEXT = "STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8"
_BYTES = "BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8"
_NUMBERS = "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT"
_VALUES: Final = frozenset(f"{_TEXT} {_BYTES} {_NUMBERS}".split())
"""Instructions that push their argument."""


def unpickle(
    stream: io.BytesIO,
    allow: AllowList,
    budget: Budget,
    persistent: Callable[[object], object] | None = None,
) -> object:
    """Runs one pickle; text written by Python 2 is decoded as latin-1.

    Args:
        stream: stands at the pickle's first byte; afterwards behind its last one. In memory, because a file
            would allocate whatever length an instruction names.
        allow: names that the pickle may use and what is called instead.
        budget: what it may cost.
        persistent: gives the object for a persistent id; without it such ids are refused.

    Returns:
        Python's own types and stand-ins, for an `Assembly`.

    Raises:
        UnsafeFileError: the pickle uses a name or an instruction that it may not, or costs too much.
        Exception: it is malformed; nearly any class.
    """
    return _Machine(allow, budget, persistent).run(stream)


class _Machine:
    """The stack machine of the pickle format."""

    def __init__(
        self, allow: AllowList, budget: Budget, persistent: Callable[[object], object] | None
    ) -> None:
        self._allow = allow
        self._budget = budget
        self._persistent = persistent
        self._stack: list[Any] = []
        self._marked: list[list[Any]] = []  # the stacks below each mark
        self._memo: dict[int, Any] = {}
        self._length = 0

    def run(self, stream: io.BytesIO) -> object:
        """Executes one pickle and returns what is on top of the stack at its end."""
        self._length = stream.getbuffer().nbytes
        for _ in range(MAX_INSTRUCTIONS):
            opcode = _OPCODES.get(stream.read(1).decode("latin-1"))
            if opcode is None:
                raise pickle.UnpicklingError("an instruction is unknown or missing")
            name = opcode.name
            if name == "STOP":
                return self._stack.pop()
            if name == "STRING":  # `pickletools` takes ASCII only; Python 2 wrote any byte
                self._stack.append(_quoted(stream.readline()))
                continue
            argument = None if opcode.arg is None else opcode.arg.reader(stream)
            if name in _VALUES:
                if isinstance(argument, int) and argument.bit_length() > _MAX_NUMBER_BITS:
                    raise UnsafeFileError("it holds a number of absurd size")
                self._stack.append(argument)
            else:
                self._execute(name, argument)
                if name == "BUILD" and isinstance(self._stack[-1], Trailed):
                    self._stack[-1].take_bytes(stream)
        raise UnsafeFileError(f"it has more than {MAX_INSTRUCTIONS} instructions")

    def _execute(self, name: str, argument: Any) -> None:
        stack = self._stack
        match name:
            case "PROTO":
                if argument > _NEWEST_PROTOCOL:
                    raise UnsafeFileError(f"its protocol {argument} is newer than this reader")
            case "FRAME":  # only a hint on how much to read at once
                if argument > self._length:
                    raise pickle.UnpicklingError("it is cut short")
            case "NONE":
                stack.append(None)
            case "NEWTRUE":
                stack.append(True)
            case "NEWFALSE":
                stack.append(False)
            case "EMPTY_TUPLE":
                stack.append(())
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_SET":
                stack.append(set())
            case "MARK":
                self._marked.append(stack)
                self._stack = []
            case "POP":
                self._pop()
            case "POP_MARK":
                self._since_mark()
            case "DUP":
                stack.append(stack[-1])
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(self._memo[argument])
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                if not 0 <= argument <= MAX_INSTRUCTIONS:
                    raise UnsafeFileError("it numbers its objects beyond their count")
                self._memo[argument] = stack[-1]
            case "MEMOIZE":
                self._memo[len(self._memo)] = stack[-1]
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                count = int(name[-1])
                stack[-count:] = [tuple(stack[-count:])]
            case "TUPLE":
                items = self._since_mark()
                self._stack.append(tuple(items))
            case "LIST":
                items = self._since_mark()
                self._stack.append(items)
            case "FROZENSET":
                items = self._since_mark()
                self._stack.append(frozenset(self._budget.key(item) for item in items))
            case "DICT":
                items = self._since_mark()
                self._stack.append({})
                self._set_items(items)
            case "APPEND":
                item = stack.pop()
                self._top(list).append(item)
            case "APPENDS":
                items = self._since_mark()
                self._top(list).extend(items)
            case "ADDITEMS":
                items = self._since_mark()
                self._top(set).update(self._budget.key(item) for item in items)
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                self._set_items([key, value])
            case "SETITEMS":
                self._set_items(self._since_mark())
            case "GLOBAL":
                stack.append(self._named(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                attribute, module = stack.pop(), stack.pop()
                stack.append(self._named(module, attribute))
            case "REDUCE" | "NEWOBJ":
                arguments, function = stack.pop(), stack.pop()
                stack.append(self._called(function, arguments))
            case "BUILD":
                state = stack.pop()
                self._top(Inert).set_state(state)
            case "BINPERSID" if self._persistent is not None:
                stack.append(self._persistent(stack.pop()))
            case _:
                raise UnsafeFileError(f"it uses the instruction {name}, which plain data never does")

    def _pop(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._since_mark()

    def _since_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._marked.pop()
        return items

    def _top(self, kind: type) -> Any:
        top = self._stack[-1]
        if not isinstance(top, kind):
            raise UnsafeFileError(f"a {type(top).__name__} is used as a {kind.__name__}")
        return top

    def _set_items(self, items: list[Any]) -> None:
        if len(items) % 2:
            raise UnsafeFileError("a dictionary has a key without a value")
        top = self._stack[-1]
        target = top.items if isinstance(top, PickledMapping) else self._top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[self._budget.key(key)] = value

    def _named(self, module: object, name: object) -> Constructor:
        if not isinstance(module, str) or not isinstance(name, str):
            raise UnsafeFileError("it names a class by something other than text")
        build = self._allow.get((module, name))
        if build is None:
            asked = quoted(f"{module}.{name}")[1:-1]
            raise UnsafeFileError(
                f"it asks for {asked}, which is not plain data. Files from strangers can run code "
                "this way; save it again as plain arrays where it was made or, if you know and trust its "
                "author, give the checksum that `sha256sum` prints for it to --trust-file"
            )
        return Constructor(f"{module}.{name}", build)

    def _called(self, function: object, arguments: object) -> object:
        if not isinstance(function, Constructor) or not isinstance(arguments, tuple):
            raise UnsafeFileError("it calls something that is not a function")
        return function.call(arguments, self._budget)


def _quoted(line: bytes) -> str:
    """The argument of STRING: a Python 2 string literal."""
    quote = line[:1]
    if len(line) < 3 or quote not in (b"'", b'"') or not line.endswith(quote + b"\n"):
        raise pickle.UnpicklingError("a text has no end")
    # A view, because these lines can be hundreds of megabytes.
    return codecs.escape_decode(memoryview(line)[1:-2])[0].decode("latin-1")
