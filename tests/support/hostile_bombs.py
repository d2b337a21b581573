"""Small pickles that ask for much memory or time.

The reader is told to run at most `INSTRUCTIONS`, because under the suite's type checks each takes long.
"""

import itertools
import pickle
import struct
from collections.abc import Callable

_ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
_MB = 10**6

INSTRUCTIONS = 25_000


def _text(length: int) -> bytes:
    return b"T" + struct.pack("<i", length) + bytes(length)


def _same_bytes_for_many_arrays() -> bytes:
    dtype = b"cnumpy\ndtype\n(S'u1'\nI0\nI1\ntRq\x01"
    head = b"\x80\x02](" + _text(_MB) + b"q\x00" + dtype
    array = _ARRAY + b"(I1\n(I1000000\nth\x01I00\nh\x00tb"
    return head + array * 500 + b"e."


def _same_list_for_many(name: bytes) -> bytes:
    numbers = b"(" + b"".join(b"J" + struct.pack("<i", n) for n in range(20_000)) + b"lq\x00"
    return b"\x80\x02](" + numbers + name + b"q\x01" + b"h\x01h\x00\x85R" * 5000 + b"e."


def _same_text_encoded_often() -> bytes:
    head = b"\x80\x02](" + _text(_MB) + b"q\x00U\x06latin1q\x01c_codecs\nencode\nq\x02"
    return head + b"h\x02h\x00h\x01\x86R" * 5000 + b"e."


def _nested_lists(depth: int = 9) -> bytes:
    """Ten times a list of ten times a list ...: few bytes, but text without end where a message shows it."""
    inner = b"(" + b"K\x01" * 10 + b"lr" + struct.pack("<I", 100)
    for level in range(101, 101 + depth):
        inner += b"0(" + (b"j" + struct.pack("<I", level - 1)) * 10 + b"lr" + struct.pack("<I", level)
    return inner


def _colliding_tuples(count: int = 2000) -> list[tuple[object, ...]]:
    """Tuples that all have the same hash, because -1 and -2 have."""
    level: list[tuple[object, ...]] = [(-1,), (-2,)]
    while len(level) < count:
        level = list(itertools.islice(itertools.product(level, level), count))
    return level


def _colliding_keys() -> bytes:
    tuples = pickle.dumps(_colliding_tuples(), 2)[2:-1]  # without PROTO and STOP
    return b"\x80\x02c__builtin__\nset\n" + tuples + b"\x85R."


def _colliding_items() -> bytes:
    """Long flat tuples, one SETITEM each."""
    pairs = itertools.islice(itertools.product((b"J\xff\xff\xff\xff", b"J\xfe\xff\xff\xff"), repeat=16), 1000)
    return b"\x80\x02}" + b"".join(b"(" + b"".join(pair) + b"tNs" for pair in pairs) + b"."


def _colliding_numbers() -> bytes:
    prime = 2**61 - 1
    items = b"".join(pickle.dumps(n * prime, 2)[2:-1] + b"N" for n in range(1, 5000))
    return b"\x80\x02}(" + items + b"u."


def _sparse(rows: int, columns: int) -> bytes:
    def vector(code: bytes) -> bytes:
        return _ARRAY + b"(I1\n(I0\ntcnumpy\ndtype\n(S'" + code + b"'\nI0\nI1\ntRI00\nS''\ntb"

    state = b"(dS'_shape'\n(I%d\nI%d\ntsS'data'\n%bsS'row'\n%bsS'col'\n%bs" % (
        rows, columns, vector(b"f8"), vector(b"i4"), vector(b"i4"),
    )  # fmt: skip
    return b"cscipy.sparse.coo\ncoo_matrix\n)\x81" + state + b"b"


def _select_often() -> bytes:
    ints = _ARRAY + b"(I1\n(I100000\ntcnumpy\ndtype\n(S'i8'\nI0\nI1\ntRI00\n" + _text(800_000) + b"tb"
    head = (
        b"\x80\x02]("
        + ints
        + b"q\x00cchumpy.ch\nCh\n)\x81}U\x01xh\x00sbq\x01cchumpy.reordering\nSelect\nq\x02"
    )
    return head + b"h\x02)\x81}(U\x01ah\x01U\x04idxsh\x00ub" * 1500 + b"e."


def _select_from_transposed() -> bytes:
    """One element each of an array that has to be copied whole to count its elements."""
    square = _ARRAY + b"(I1\n(I1000\nI1000\ntcnumpy\ndtype\n(S'u1'\nI0\nI1\ntRI00\n" + _text(_MB) + b"tb"
    first = _ARRAY + b"(I1\n(I1\ntcnumpy\ndtype\n(S'i8'\nI0\nI1\ntRI00\n" + _text(8) + b"tb"
    transposed = b"cchumpy.reordering\ntranspose\n)\x81}(U\x01acchumpy.ch\nCh\n)\x81}U\x01x" + square
    head = b"\x80\x02](" + transposed + b"sbU\x04axes(I1\nI0\ntubq\x01" + first
    head += b"q\x02cchumpy.reordering\nSelect\nq\x030"
    return head + b"h\x03)\x81}(U\x01ah\x01U\x04idxsh\x02ub" * 1500 + b"e."


BOMBS: dict[str, Callable[[], bytes]] = {
    "memo index": lambda: b"\x80\x02K\x01r\xff\xff\xff\x7f.",
    "memo index in text": lambda: b"I1\np9999999999\n.",
    "frame": lambda: b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7fK\x01.",
    "length of bytes": lambda: b"\x80\x04\x8e\xff\xff\xff\xff\xff\x00\x00\x00a.",
    "length of a bytearray": lambda: b"\x80\x05\x96\xff\xff\xff\xff\xff\x00\x00\x00a.",
    "length of text": lambda: b"\x80\x04\x8d\xff\xff\xff\xff\xff\x00\x00\x00a.",
    "length of old text": lambda: b"T\xff\xff\xff\x7fa.",
    "length of a number": lambda: b"\x80\x02\x8b\xff\xff\xff\x7f\x01.",
    "large number": lambda: b"\x80\x02\x8b" + struct.pack("<i", _MB) + b"\x01" * _MB + b".",
    "large decimal": lambda: b"L" + b"9" * 100_000 + b"L\n.",
    "deep lists": lambda: b"\x80\x02" + b"]" * 5000 + b"a" * 4999 + b".",
    "deep tuples": lambda: b"\x80\x02K\x01" + b"\x85" * 5000 + b".",
    "deep dictionaries": lambda: b"\x80\x02" + b"}K\x01" * 5000 + b"N" + b"s" * 5000 + b".",
    "deep sets": lambda: b"\x80\x02" + b"c__builtin__\nset\n" * 500 + b")" + b"\x85R" * 500 + b".",
    "deep marks": lambda: b"(" * 30_000 + b".",
    "endless program": lambda: b"\x80\x02" + b"N0" * 15_000 + b"N.",
    "many empty texts": lambda: _ARRAY
    + b"(I1\n(I1000000000000\ntcnumpy\ndtype\n(S'S0'\nI0\nI1\ntRI00\nS''\ntb.",
    "the same bytes for many arrays": _same_bytes_for_many_arrays,
    "the same list for many sets": lambda: _same_list_for_many(b"c__builtin__\nset\n"),
    "the same list for many dictionaries": lambda: _same_list_for_many(b"ccollections\nOrderedDict\n"),
    "the same text encoded often": _same_text_encoded_often,
    "elements of equal hash": _colliding_keys,
    "keys of equal hash": _colliding_items,
    "numbers of equal hash": _colliding_numbers,
    "sparse matrix of terabytes": lambda: _sparse(10**6, 10**6) + b".",
    "sparse matrix of a negative size": lambda: _sparse(-1, -(10**6)) + b".",
    "many sparse matrices": lambda: b"](" + _sparse(4000, 4000) * 100 + b"e.",
    "many selections": _select_often,
    "many selections of another order": _select_from_transposed,
    "nested lists as a module": lambda: b"\x80\x04" + _nested_lists() + b"\x8c\x01a\x93.",
    "nested lists as an array type": lambda: b"\x80\x02cnumpy\ndtype\n" + _nested_lists() + b"\x85R.",
}  # fmt: skip
"""Programs by what they ask for; each has at most two megabytes and asks for far more."""
