"""Hostile programs inside the files that the readers open, and hostile files that need no program."""

import gzip
import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from occlusion_toolkit.files.arrays import load_npy, load_npz
from occlusion_toolkit.files.checkpoints import read_state_dict
from occlusion_toolkit.files.pickled_smpl import SMPL_DATA
from occlusion_toolkit.files.safe_pickle import PLAIN_DATA, load_pickle
from occlusion_toolkit.files.torch_files import CHECKPOINT_DATA

_MB = 10**6


def torch_archive(program: bytes, members: dict[str, bytes] | None = None, *, deflated: str = "") -> bytes:
    """A checkpoint of PyTorch 1.6 or later around a program."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        contents = {"data.pkl": program, "byteorder": b"little", "version": b"3\n"} | (members or {})
        for name, content in contents.items():
            method = zipfile.ZIP_DEFLATED if name == deflated else zipfile.ZIP_STORED
            archive.writestr(f"archive/{name}", content, method)
    return stream.getvalue()


def torch_stream(
    program: bytes, storages: bytes = pickle.dumps([], 2), *, little_endian: bool = True
) -> bytes:
    """A checkpoint of before PyTorch 1.6 around a program."""
    machine = {"protocol_version": 1001, "little_endian": little_endian, "type_sizes": {}}
    header = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, machine)]
    return b"".join(header) + program + storages


def npy(head: str, content: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    """A .npy file with any header."""
    return b"\x93NUMPY" + version + struct.pack("<H", len(head)) + head.encode() + content


def header(dtype: str = "'<f8'", shape: str = "()") -> str:
    """What NumPy writes before an array, of a type and shape as Python spells them."""
    return f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}}}\n"


def npy_of_objects(program: bytes) -> bytes:
    """A .npy file of one Python object around a program."""
    return npy(header("'|O'", "(1,)"), program)


def npz(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A .npz file with any members; a name that ends in + is written twice."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name.removesuffix("+"), content)
    return stream.getvalue()


Reader = tuple[str, Callable[[bytes], bytes], Callable[[Path], object]]

READERS: dict[str, Reader] = {
    "load_pickle of plain data": ("x.pkl", bytes, lambda path: load_pickle(path, allow=PLAIN_DATA)),
    "load_pickle of SMPL": ("x.pkl", bytes, lambda path: load_pickle(path, allow=SMPL_DATA)),
    "load_pickle of checkpoint data": ("x.pkl", bytes, lambda path: load_pickle(path, allow=CHECKPOINT_DATA)),
    "read_state_dict of an archive": ("x.ckpt", torch_archive, read_state_dict),
    "read_state_dict of a stream": ("x.pt", torch_stream, read_state_dict),
    "read_state_dict of a bare pickle": ("x.pt", bytes, read_state_dict),
    "read_state_dict of safetensors": ("x.safetensors", bytes, read_state_dict),
    "load_npz": ("x.npz", lambda program: npz({"a.npy": npy_of_objects(program)}), load_npz),
    "load_npz of a bare pickle": ("x.npz", bytes, load_npz),
    "load_npy": ("x.npy", npy_of_objects, load_npy),
}
"""Name of the file, what is put around a program, and what opens it."""


def _tensor(
    count: int = 4,
    offset: int = 0,
    size: tuple[int, ...] = (4,),
    stride: tuple[int, ...] = (1,),
    key: str = "0",
    kinds: tuple[type, ...] = (torch.FloatStorage,),
) -> bytes:
    """The program of a dictionary of tensors, one per kind of storage, all of the same key."""

    class Storage(NamedTuple):
        kind: type

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: object) -> object:
            return ("storage", obj.kind, key, "cpu", count) if isinstance(obj, Storage) else None

    class Tensor(NamedTuple):
        kind: type

        def __reduce__(self) -> tuple[object, ...]:
            return torch._utils._rebuild_tensor_v2, (Storage(self.kind), offset, size, stride, False, {})

    stream = io.BytesIO()
    Pickler(stream, 2).dump({str(kind): Tensor(kind) for kind in kinds})
    return stream.getvalue()


_FOUR = {"data/0": bytes(16)}
_KEYS = pickle.dumps(["0"], 2)

ARCHIVES: dict[str, Callable[[], bytes]] = {
    "compressed program": lambda: torch_archive(b"N" * 20 * _MB, deflated="data.pkl"),
    "compressed numbers": lambda: torch_archive(
        _tensor(5 * _MB, size=(5 * _MB,)), {"data/0": bytes(20 * _MB)}, deflated="data/0"
    ),
    "no program": lambda: npz({"archive/version": b"3"}),
    "two programs": lambda: npz({"a/data.pkl": _tensor(), "b/data.pkl": _tensor(), "a/data/0": bytes(16)}),
    "TorchScript": lambda: torch_archive(_tensor(), _FOUR | {"constants.pkl": b"", "code/x.py": b""}),
    "big-endian": lambda: torch_archive(_tensor(), _FOUR | {"byteorder": b"big"}),
    "missing numbers": lambda: torch_archive(_tensor()),
    "too few numbers": lambda: torch_archive(_tensor(), {"data/0": bytes(12)}),
    "more numbers than stated": lambda: torch_archive(_tensor(), {"data/0": bytes(20)}),
    "count of numbers": lambda: torch_archive(_tensor(2**60, size=(2**60,)), _FOUR),
    "negative count": lambda: torch_archive(_tensor(-4), _FOUR),
    "negative shape": lambda: torch_archive(_tensor(size=(-1,)), _FOUR),
    "negative stride": lambda: torch_archive(_tensor(stride=(-1,)), _FOUR),
    "negative offset": lambda: torch_archive(_tensor(offset=-1), _FOUR),
    "offset beyond the numbers": lambda: torch_archive(_tensor(offset=1), _FOUR),
    "stride beyond the numbers": lambda: torch_archive(_tensor(stride=(2**40,)), _FOUR),
    "stride of zero": lambda: torch_archive(_tensor(size=(10**9,), stride=(0,)), _FOUR),
    "more strides than sizes": lambda: torch_archive(_tensor(stride=(1, 1)), _FOUR),
    "numbers outside the folder": lambda: torch_archive(_tensor(key="../../secret"), _FOUR),
    "same name twice": lambda: _twice(torch_archive(_tensor(), _FOUR)),
    "members over one another": lambda: _overlapping(60, 5 * _MB),
    "directory of gigabytes": lambda: bytes(20 * _MB) + struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, 65535, 65535, 19 * _MB, 0, 0
    ),
    "directory that is not there": lambda: b"PK\3\4"
    + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 9, 9, 2**31, 0, 0),
    "header alone": lambda: b"PK\x03\x04" + bytes(40),
    "the same numbers in two types": lambda: torch_archive(
        _tensor(kinds=(torch.FloatStorage, torch.IntStorage)), _FOUR
    ),
    "numbers of an unknown type": lambda: torch_archive(_tensor(kinds=(torch.QInt8Storage,)), _FOUR),
}  # fmt: skip
"""Archives that PyTorch would not write."""

STREAMS: dict[str, Callable[[], bytes]] = {
    "big-endian": lambda: torch_stream(_stream_tensor(), _KEYS + _counted(4), little_endian=False),
    "no numbers": lambda: torch_stream(_stream_tensor(), _KEYS),
    "too few numbers": lambda: torch_stream(_stream_tensor(), _KEYS + _counted(4)[:-1]),
    "another count": lambda: torch_stream(_stream_tensor(), _KEYS + _counted(5)),
    "count of numbers": lambda: torch_stream(_stream_tensor(2**60), _KEYS + struct.pack("<q", 2**60)),
    "other storages": lambda: torch_stream(_stream_tensor(), pickle.dumps(["1"], 2) + _counted(4)),
    "storages that are no list": lambda: torch_stream(_stream_tensor(), pickle.dumps(7, 2) + _counted(4)),
    "another magic number": lambda: pickle.dumps(0x1950A86A20F9469CFC6D, 2) + torch_stream(_stream_tensor()),
    "magic number alone": lambda: pickle.dumps(0x1950A86A20F9469CFC6C, 2),
}
"""Streams that PyTorch before 1.6 would not write."""

ARRAYS: dict[str, Callable[[], bytes]] = {
    "shape of terabytes": lambda: npy(header(shape="(10000000, 100000)")),
    "negative shape": lambda: npy(header(shape="(-1, -1)"), bytes(8)),
    "negative shape of zero bytes": lambda: npy(header(shape="(0, -1)")),
    "more bytes than the shape": lambda: npy(header(shape="(1,)"), bytes(9)),
    "empty elements": lambda: npy(header("'|S0'", "(10000000000,)")),
    "code in the header": lambda: npy(header("__import__('os').getpid()", "()")),
    "deep header": lambda: npy("(" * 9000 + ")" * 900 + "\n"),
    "long header": lambda: npy(header(shape="(" + "1," * 20_000 + ")")),
    "header that is no dictionary": lambda: npy("[1, 2]\n"),
    "records that hold objects": lambda: npy(header("[('a', '|O')]", "(1,)"), b"N."),
    "characters that do not exist": lambda: npy(header("'<U1'", "(1,)"), b"\xff" * 4),
    "dates": lambda: npy(header("'<M8[D]'", "(1,)"), bytes(8)),
    "future version": lambda: npy(header(shape="()"), bytes(8), b"\x07\x00"),
    "no header": lambda: b"\x93NUMPY\x01\x00",
    "empty": bytes,
}  # fmt: skip
"""Malformed .npy files."""

NPZ: dict[str, Callable[[], bytes]] = {
    "bomb": lambda: npz(
        {"a.npy": npy(header("'|u1'", "(60000000,)"), bytes(60 * _MB))},
        zipfile.ZIP_DEFLATED,
    ),
    "same name twice": lambda: _twice(npz({"a.npy": _good_npy()})),
    "member that is no array": lambda: npz({"a.txt": b"hello"}),
    "gzip": lambda: gzip.compress(bytes(10 * _MB)),
    "wrong checksum": lambda: npz({"a.npy": _good_npy()}).replace(bytes(range(8)), bytes(8)),
}
"""Malformed .npz files beside those with malformed arrays."""


def _overlapping(count: int, size: int) -> bytes:
    """An archive in which every member holds all that follow it, and a tensor of one number from each."""
    data, members, program = bytes(size), [], b""
    for key in reversed(range(count)):
        info = zipfile.ZipInfo(f"archive/data/{key}")
        info.file_size = info.compress_size = len(data)
        info.CRC = zlib.crc32(data)
        program += _tensor(len(data), size=(1,), key=str(key), kinds=(torch.ByteStorage,))[2:-1]
        data = info.FileHeader() + data
        members.append((info, len(data)))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        stream.write(data)
        for info, length in members:
            info.header_offset = len(data) - length
            archive.filelist.append(info)
        archive.start_dir = len(data)  # type: ignore[attr-defined]
        archive.writestr("archive/data.pkl", b"\x80\x02](" + program + b"e.")
    return stream.getvalue()


def _good_npy() -> bytes:
    return npy(header("'|u1'", "(8,)"), bytes(range(8)))


def _stream_tensor(count: int = 4) -> bytes:
    return _tensor(count, size=(count,))


def _counted(count: int) -> bytes:
    return struct.pack("<q", count) + bytes(4 * count)


def _twice(data: bytes) -> bytes:
    """The same archive with its last member listed twice."""
    stream = io.BytesIO(data)
    with zipfile.ZipFile(stream, "a") as archive:
        last = archive.infolist()[-1]
        archive.filelist.append(last)
        archive._didModify = True  # type: ignore[attr-defined]
    return stream.getvalue()


def array_files(name: str) -> dict[str, tuple[bytes, Callable[[Path], object]]]:
    """A malformed array as a .npy file and inside a .npz file."""
    data = ARRAYS[name]()
    return {"x.npy": (data, load_npy), "x.npz": (npz({"a.npy": data}), load_npz)}


def genuine_arrays() -> dict[str, np.ndarray]:
    """What a published list of people holds, in small."""
    return {"imgname": np.array(["a.jpg", "bb.jpg"] * 40), "pose": np.arange(80 * 72.0).reshape(80, 72)}
