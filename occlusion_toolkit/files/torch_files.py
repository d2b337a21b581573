"""The two containers in which PyTorch keeps a pickle and the numbers of its tensors.

Since version 1.6 a checkpoint is a zip archive: `<name>/data.pkl` and one member `<name>/data/<key>` per
storage, never compressed. Before, it was a stream: five pickles (a magic number, the protocol, the machine,
the content, the keys of the storages), then the count and the numbers of each storage.
"""

import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from occlusion_toolkit.errors import UnsafeFileError
from occlusion_toolkit.files.archives import open_archive
from occlusion_toolkit.files.inert import Assembly, Budget, Constructor
from occlusion_toolkit.files.pickled_containers import PickledMapping
from occlusion_toolkit.files.pickled_torch import CHECKPOINT_DATA, STORAGE_TYPES, PickledStorage
from occlusion_toolkit.files.unpickling import unpickle

_SPARE_BYTES: Final = 64 * 1024**2
_GROWTH: Final = 8
"""Content may take the spare bytes and this many times the file's size."""

_ZIP: Final = b"PK\x03\x04"
_MAGIC: Final = 0x1950A86A20F9469CFC6C
_PROTOCOL: Final = 1001
_TRAINER_STATE: Final = ("optimizer", "optimizer_states", "lr_schedulers")
"""Entries that only continue a training and are twice as large as the network; left out."""


def unpickle_checkpoint(path: Path) -> object:
    """The content of a PyTorch file, without what only continues its training; nothing in it is run.

    Returns:
        Usually a dictionary, of tensors on the CPU, plain data and `ForeignObject`s.

    Raises:
        UnsafeFileError: the file asks for classes or functions beyond these, or for too much memory.
        Exception: it is damaged or something else; nearly any class.
    """
    budget = Budget(_SPARE_BYTES + _GROWTH * path.stat().st_size)
    with path.open("rb") as file:
        is_zip = file.read(len(_ZIP)) == _ZIP
    if not is_zip:
        return _assembled(_unpickle_stream(path.read_bytes(), budget), budget)
    with open_archive(path) as archive:
        return _assembled(_unpickle_archive(archive, budget), budget)


class _Storages:
    """The storages that a pickle names, each made once."""

    def __init__(self, read: Callable[[str, PickledStorage], Tensor]) -> None:
        self._read = read
        self.by_key: dict[str, PickledStorage] = {}

    def named(self, identity: object) -> PickledStorage:
        """The storage of a persistent id: ("storage", class, key, device, count) and, in streams, no view."""
        match identity:
            case ("storage", Constructor(name=name), str(key), str(), int(count)) if count >= 0:
                pass
            case ("storage", Constructor(name=name), str(key), str(), int(count), None) if count >= 0:
                pass
            case _:
                raise UnsafeFileError("it refers to something that is not the numbers of a tensor")
        dtype = STORAGE_TYPES.get(name)
        if dtype is None:
            raise UnsafeFileError(f"it stores numbers as {name}")
        known = self.by_key.setdefault(
            key, PickledStorage(dtype, count, lambda storage: self._read(key, storage))
        )
        if (known.dtype, known.numel) != (dtype, count):
            raise UnsafeFileError("it stores the same numbers in two ways")
        return known


def _assembled(content: object, budget: Budget) -> object:
    """What was unpickled, as values; this reads the numbers."""
    items = content.items if isinstance(content, PickledMapping) else content
    if isinstance(items, dict):
        for name in _TRAINER_STATE:
            items.pop(name, None)
    return Assembly(budget).value(content)


def _unpickle_archive(archive: zipfile.ZipFile, budget: Budget) -> object:
    names = archive.namelist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
        raise UnsafeFileError("the archive is compressed, which PyTorch never does")
    programs = [name for name in names if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(programs) != 1:
        raise pickle.UnpicklingError("the archive holds no checkpoint")
    folder = programs[0].removesuffix("data.pkl")
    if f"{folder}constants.pkl" in names:
        raise UnsafeFileError("it is a TorchScript program, not a checkpoint of tensors")
    if f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") != b"little":
        raise UnsafeFileError("it was written on a big-endian machine")

    def read(key: str, storage: PickledStorage) -> Tensor:
        return _numbers(archive.read(f"{folder}data/{key}"), storage)

    return unpickle(io.BytesIO(archive.read(programs[0])), CHECKPOINT_DATA, budget, _Storages(read).named)


def _unpickle_stream(data: bytes, budget: Budget) -> object:
    stream = io.BytesIO(data)
    header = [unpickle(stream, {}, budget) for _ in range(2)]
    if header != [_MAGIC, _PROTOCOL]:
        raise pickle.UnpicklingError("it is not a PyTorch checkpoint")
    machine = unpickle(stream, {}, budget)
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise UnsafeFileError("it was written on a big-endian machine")
    starts: dict[str, int] = {}

    def read(key: str, storage: PickledStorage) -> Tensor:
        return _numbers(data[starts[key] : starts[key] + storage.num_bytes], storage)

    storages = _Storages(read)
    content = unpickle(stream, CHECKPOINT_DATA, budget, storages.named)
    keys = unpickle(stream, {}, budget)
    if not isinstance(keys, list) or set(keys) != set(storages.by_key):
        raise UnsafeFileError("its storages are not those that its tensors need")
    for key in keys:
        storage = storages.by_key[key]
        if struct.unpack("<q", stream.read(8)) != (storage.numel,):
            raise UnsafeFileError("a storage has another size than its tensors say")
        starts[key] = stream.tell()
        stream.seek(storage.num_bytes, io.SEEK_CUR)
    return content


def _numbers(data: bytes, storage: PickledStorage) -> Tensor:
    if len(data) != storage.num_bytes:
        raise UnsafeFileError("a storage has another size than its tensors say")
    if not data:
        return torch.empty(0, dtype=storage.dtype)
    return torch.frombuffer(bytearray(data), dtype=storage.dtype)
