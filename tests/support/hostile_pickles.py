"""Pickles that try to run code, to take the machine's memory or to pass for data: the corpus of every reader.

Attacks create a sentinel. Those that are called live do so when Python's own unpickler reads them, which is
tested too: a corpus whose attacks never worked would prove nothing.
"""

import code
import codecs
import copyreg
import functools
import importlib
import io
import marshal
import operator
import os
import pickle
import pydoc
import runpy
import shutil
import subprocess
import timeit
import types
import zipfile
from collections import OrderedDict, deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.testing._private.utils import runstring


def touched(sentinel: Path) -> bool:
    """Whether an attack has done what it wanted: made the file, or named it in the environment."""
    files = (sentinel, sentinel.with_name(sentinel.name + ".npy"))
    return any(file.exists() for file in files) or os.environ.get("SENTINEL") == str(sentinel)


PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
EXTENSION = 200
"""Extension code that stands for `os.system` where `register_extension` has been called."""


class Call:
    """Pickles as a call of any function with any arguments."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call

    def __call__(self) -> None:
        """Makes it one that may be called, for what is called twice."""


class State:
    """Pickles as an object that is given a state by the BUILD instruction."""

    def __init__(self, made: Call, state: object) -> None:
        self.reduced = (*made.call, state)

    def __reduce__(self) -> tuple[object, ...]:
        return self.reduced


def _touch(path: Path) -> types.CodeType:
    return compile(f"open({str(path)!r}, 'w').close()", "x", "exec")


def _in_array(value: object) -> np.ndarray:
    array = np.empty(1, object)
    array[0] = value
    return array


LIVE_CALLS: dict[str, Callable[[Path], object]] = {
    "os.system": lambda path: Call(os.system, f"touch {path}"),
    "os.open": lambda path: Call(os.open, str(path), os.O_CREAT),
    "os.mkdir": lambda path: Call(os.mkdir, str(path)),
    "subprocess.check_call": lambda path: Call(subprocess.check_call, ["touch", str(path)]),
    "subprocess.run in a list": lambda path: [[Call(subprocess.run, ["touch", str(path)])]],
    "builtins.eval": lambda path: Call(eval, f"open({str(path)!r}, 'w').close()"),
    "builtins.exec": lambda path: Call(exec, f"open({str(path)!r}, 'w').close()"),
    "builtins.open": lambda path: Call(open, str(path), "w"),
    "builtins.getattr": lambda path: Call(Call(getattr, Call(__import__, "os"), "system"), f"touch {path}"),
    "getattr of getattr": lambda path: Call(
        Call(getattr, Call(getattr, Call(__import__, "builtins"), "eval"), "__call__"),
        f"open({str(path)!r}, 'w').close()",
    ),
    "builtins.map": lambda path: Call(list, Call(map, os.system, [f"touch {path}"])),
    "importlib": lambda path: Call(
        Call(getattr, Call(importlib.import_module, "os"), "system"), f"touch {path}"
    ),
    "functools.partial": lambda path: Call(Call(functools.partial, os.system, f"touch {path}")),
    "functools.reduce": lambda path: Call(functools.reduce, os.open, [str(path), os.O_CREAT]),
    "os.environ": lambda path: Call(
        Call(getattr, Call(getattr, Call(__import__, "os"), "environ"), "update"), {"SENTINEL": str(path)}
    ),
    "operator.attrgetter": lambda path: Call(
        Call(operator.attrgetter("system"), Call(__import__, "posix")), f"touch {path}"
    ),
    "operator.methodcaller": lambda path: Call(operator.methodcaller("touch"), Call(Path, str(path))),
    "operator.call by name": lambda path: Call(Call(pydoc.locate, "os.system"), f"touch {path}"),
    "pathlib": lambda path: Call(Path.touch, Call(Path, str(path))),
    "shutil": lambda path: Call(shutil.copyfile, "/dev/null", str(path)),
    "runpy": lambda path: Call(runpy._run_code, _Code(path), {}),
    "timeit": lambda path: Call(
        timeit.timeit, f"open({str(path)!r}, 'w').close()", "pass", timeit.default_timer, 1
    ),
    "function out of bytes": lambda path: Call(
        Call(
            Call(getattr, Call(__import__, "types"), "FunctionType"),
            Call(marshal.loads, marshal.dumps(_touch(path))),
            {"open": open},
        )
    ),
    "interpreter": lambda path: Call(
        Call(getattr, Call(code.InteractiveInterpreter), "runsource"), f"open({str(path)!r}, 'w').close()"
    ),
    "pickle in a pickle": lambda path: Call(pickle.loads, pickle.dumps(Call(os.system, f"touch {path}"))),
    "torch.storage._load_from_bytes": lambda path: Call(
        torch.storage._load_from_bytes, torch_bytes(Call(os.system, f"touch {path}"))
    ),
    "torch.load": lambda path: Call(
        functools.partial(torch.load, weights_only=False),
        Call(io.BytesIO, torch_bytes(Call(os.system, f"touch {path}"))),
    ),
    "numpy.testing": lambda path: Call(runstring, f"open({str(path)!r}, 'w').close()", {}),
    "numpy.memmap": lambda path: Call(np.memmap, str(path), "u1", "w+", 0, (4,)),
    "numpy.save": lambda path: Call(np.save, str(path), 1),
    "element of an object array": lambda path: _in_array(Call(os.system, f"touch {path}")),
    "deep in an object array": lambda path: {"a": [(_in_array([Call(os.system, f"touch {path}")]),)]},
    "key of a dictionary": lambda path: {Call(os.system, f"touch {path}"): 1},
    "argument of an allowed name": lambda path: OrderedDict([(1, Call(os.system, f"touch {path}"))]),
    "state of an allowed name": lambda path: State(Call(np.dtype, "f8"), Call(os.system, f"touch {path}")),
}
"""Objects that run code when Python unpickles them, in any protocol."""


class _Code:
    """Pickles as a code object."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[bytes]]:
        return marshal.loads, (marshal.dumps(_touch(self.path)),)


def torch_bytes(content: object) -> bytes:
    """What `torch.save` writes."""
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


DEAD_CALLS: dict[str, Callable[[Path], object]] = {
    "an attribute": lambda path: Call(getattr, [], "append"),
    "a codec": lambda path: Call(codecs.lookup, "zip"),
    "np.load": lambda path: Call(np.load, "other.npy", None, True),
    "bytes bomb": lambda path: Call(bytes, 10**11),
    "bytearray bomb": lambda path: Call(bytearray, 10**11),
    "range set": lambda path: Call(set, range(10**9)),
    "bounded queue": lambda path: deque([1], 2),
    "masked array": lambda path: np.ma.array([1], mask=[True]),
    "array of records": lambda path: np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    "record that holds an object": lambda path: np.array([(None,)], dtype=[("a", "O")]),
    "date": lambda path: np.array("2020-01-01", "M8[D]"),
    "scalar that is an object": lambda path: Call(
        np._core.multiarray.scalar, np.dtype("O"), pickle.dumps(1)
    ),
    "a class": lambda path: OrderedDict,
    "a class as an element": lambda path: [np.ndarray],
    "an exception": lambda path: ValueError("x"),
    "an archive": lambda path: Call(zipfile.ZipFile, str(path), "w"),
}  # fmt: skip
"""Objects that no plain data holds, whether or not they would do harm."""

_ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"

LIVE_PROGRAMS: dict[str, bytes] = {
    "GLOBAL posix.system": b"cposix\nsystem\n(S'touch SENTINEL'\ntR.",
    "INST": b"(S'touch SENTINEL'\nios\nsystem\n.",
    "OBJ": b"(cos\nsystem\nS'touch SENTINEL'\no.",
    "NEWOBJ": b"\x80\x02cnumpy\nmemmap\n(S'SENTINEL'\nS'u1'\nS'w+'\nI0\n(I4\ntt\x81.",
    "NEWOBJ_EX": (b"\x80\x04cnumpy\nmemmap\n(S'SENTINEL'\nt(S'mode'\nS'w+'\nS'shape'\n(I4\ntd\x92."),
    "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x06system\x93(S'touch SENTINEL'\ntR.",
    "STACK_GLOBAL with names from the memo": (
        b"\x80\x04\x8c\x06system\x94\x8c\x02os\x94h\x01h\x00\x93(S'touch SENTINEL'\ntR."
    ),
    "STACK_GLOBAL with a dotted name": (
        b"\x80\x04\x8c\x0asubprocess\x8c\x09os.system\x93(S'touch SENTINEL'\ntR."
    ),
    "Python 2 names": b"\x80\x02c__builtin__\neval\n(S\"open('SENTINEL', 'w').close()\"\ntR.",
    "name behind plain data": b"](K\x01K\x02e0cos\nsystem\n(S'touch SENTINEL'\ntR.",
    "result thrown away": b"cos\nsystem\n(S'touch SENTINEL'\ntR0K\x01.",
    "call without end": b"cos\nsystem\n(S'touch SENTINEL'\ntR",
    "call before damage": b"cos\nsystem\n(S'touch SENTINEL'\ntR\xff\xff",
    "extension code of 1 byte": b"\x80\x02\x82\xc8(S'touch SENTINEL'\ntR.",
    "extension code of 2 bytes": b"\x80\x02\x83\xc8\x00(S'touch SENTINEL'\ntR.",
    "extension code of 4 bytes": b"\x80\x02\x84\xc8\x00\x00\x00(S'touch SENTINEL'\ntR.",
    "method by BUILD": b"ctypes\nSimpleNamespace\n(tR}S'a'\ncos\nsystem\n(S'touch SENTINEL'\ntRsb.",
}
"""Programs that run code when Python unpickles them (extension codes: after `register_extension`)."""


def register_extension() -> None:
    """Gives `os.system` an extension code, as a library may for its classes."""
    copyreg.add_extension("os", "system", EXTENSION)


DEAD_PROGRAMS: dict[str, bytes] = {
    "persistent id": b"Pid\n.",
    "persistent id that is no storage": b"\x80\x02K\x01Q.",
    "persistent id that names a module": b"\x80\x02(X\x06\x00\x00\x00modulecos\nsystem\nU\x01aU\x01btQ.",
    "out-of-band buffer": b"\x80\x05\x97.",
    "read-only buffer": b"\x80\x05\x97\x98.",
    "state for a function": b"c__builtin__\nset\n(dS'_build'\ncbuiltins\nset\nsb.",
    "slots for a function": b"\x80\x02c__builtin__\nset\nN}X\x06\x00\x00\x00_buildK\x01s\x86b.",
    "state for a class": b"cnumpy\nndarray\n(dS'x'\nI1\nsb.",
    "state for a list": b"](dS'x'\nI1\nsb.",
    "items for a class": b"cnumpy\nndarray\nI1\nI2\ns.",
    "elements for a class": b"cnumpy\nndarray\nI1\na.",
    "attribute of an allowed name": b"\x80\x04\x8c\x08builtins\x8c\x0cset.__init__\x93.",
    "attribute of an allowed class": b"\x80\x04\x8c\x05numpy\x8c\x11ndarray.__class__\x93.",
    "name that is no text": b"\x80\x04K\x01K\x02\x93.",
    "call of a number": b"I1\n)R.",
    "call without a tuple": b"c__builtin__\nset\nI1\nR.",
    "call of a dictionary's method": b"(dS'__class__'\nI1\nsc__builtin__\ndict\n(tRb.",
    "object array from raw bytes": _ARRAY
    + b"(I1\n(I1\ntcnumpy\ndtype\n(S'O8'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS'AAAAAAAA'\ntb.",
    "type that is secretly an object": _ARRAY
    + b"(I1\n(I1\ntcnumpy\ndtype\n(S'u8'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI63\ntbI00\n(lNatb.",
    "shape beyond the bytes": _ARRAY
    + b"(I1\n(I1000000000\ntcnumpy\ndtype\n(S'f8'\nI0\nI1\ntRI00\nS'AAAAAAAA'\ntb.",
    "shape that overflows": _ARRAY
    + b"(I1\n(L4294967296L\nL4294967296L\ntcnumpy\ndtype\n(S'u1'\nI0\nI1\ntRI00\nS''\ntb.",
    "negative shape": _ARRAY + b"(I1\n(I-1\nI-1\ntcnumpy\ndtype\n(S'u1'\nI0\nI1\ntRI00\nS'A'\ntb.",
    "shape of 1000 dimensions": _ARRAY
    + b"(I1\n(" + b"I1\n" * 1000 + b"tcnumpy\ndtype\n(S'u1'\nI0\nI1\ntRI00\nS'A'\ntb.",
    "array filled twice": _ARRAY
    + b"(I1\n(I1\ntcnumpy\ndtype\n(S'u1'\nI0\nI1\ntRI00\nS'A'\nt\x94bh\x00b.",
    "array never filled": _ARRAY + b".",
    "array of another class": b"cnumpy.core.multiarray\n_reconstruct\n(c__builtin__\nset\n(I0\ntS'b'\ntR.",
    "array as a key": b"(d" + _ARRAY + b"I1\ns.",
    "text that is no text": _ARRAY
    + b"(I1\n(I1\ntcnumpy\ndtype\n(S'U1'\nI0\nI1\ntRI00\nS'\\xff\\xff\\xff\\xff'\ntb.",
    "a name instead of a value": b"cnumpy\nndarray\n.",
    "list as a key": b"(d(lI1\ns.",
    "key without a value": b"(I1\nd.",
    "mark without an end": b"(((.",
    "memo that was never written": b"g7\n.",
    "future protocol": b"\x80\x09K\x01.",
    "unknown instruction": b"\x80\x04\xf3.",
    "no end": b"\x80\x02K\x01",
    "nothing on the stack": b"\x80\x02.",
    "empty": b"",
    "a text": b"not a pickle at all\n",
    "a login page": b"<!DOCTYPE html><html><title>Sign in</title><body>Please log in</body></html>",
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1234\n",
    "a picture": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "bytes after the end": pickle.dumps([1]) + b"!",
    "two pickles": pickle.dumps([1]) + pickle.dumps([2]),
}  # fmt: skip
"""Programs that no reader takes for data; Python's unpickler fails at most of them too."""


def programs(sentinel: Path, name: str) -> list[bytes]:
    """A case in all protocols that it exists in; if it is an attack, it aims at the sentinel."""
    objects = LIVE_CALLS | DEAD_CALLS
    if name in objects:
        return [pickle.dumps(objects[name](sentinel), protocol=protocol) for protocol in PROTOCOLS]
    return [(LIVE_PROGRAMS | DEAD_PROGRAMS)[name].replace(b"SENTINEL", str(sentinel).encode())]


NAMES = [*LIVE_CALLS, *DEAD_CALLS, *LIVE_PROGRAMS, *DEAD_PROGRAMS]
