"""PyTorch checkpoints: the two containers they come in, and inert stand-ins for what they hold.

Since version 1.6 a checkpoint is a zip archive: `<name>/data.pkl` and one member `<name>/data/<key>` per
storage, never compressed. Before, it was a stream: five pickles (a magic number, the protocol, the machine,
the content, the keys of the storages), then the count and the numbers of each storage.

A tensor is pickled as a view (offset, size, stride) of a storage, which the pickle names by a persistent id
and the file keeps apart (`torch.serialization`, PyTorch 2.13). Objects of trainers become `ForeignObject`.
"""

import io
import math
import pickle
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Never, final

import torch
from torch import Tensor

from occlusion_toolkit.errors import UnsafeFileError
from occlusion_toolkit.files.arrays import open_archive
from occlusion_toolkit.files.inert import AllowList, Assembly, Budget, Constructor, Inert
from occlusion_toolkit.files.pickled_plain import PLAIN_DATA, PickledMapping
from occlusion_toolkit.files.safe_pickle import unpickle

STORAGE_TYPES: Final = {
    "torch.FloatStorage": torch.float32,
    "torch.DoubleStorage": torch.float64,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.ByteStorage": torch.uint8,
    "torch.CharStorage": torch.int8,
    "torch.ShortStorage": torch.int16,
    "torch.IntStorage": torch.int32,
    "torch.LongStorage": torch.int64,
    "torch.BoolStorage": torch.bool,
}
"""Classes of storages, by their names in a pickle, and what they store."""

_FOREIGN: Final = {
    "argparse": "Namespace",
    "omegaconf.base": "ContainerMetadata Metadata UnionNode",
    "omegaconf.dictconfig": "DictConfig",
    "omegaconf.listconfig": "ListConfig",
    "omegaconf.nodes": (
        "AnyNode BooleanNode BytesNode EnumNode FloatNode IntegerNode NoneNode PathNode StringNode"
    ),
    "pathlib": "Path PosixPath PurePosixPath WindowsPath PureWindowsPath",
    "pytorch_lightning.callbacks.early_stopping": "EarlyStopping",
    "pytorch_lightning.callbacks.gpu_stats_monitor": "GPUStatsMonitor",
    "pytorch_lightning.callbacks.lr_monitor": "LearningRateMonitor",
    "pytorch_lightning.callbacks.model_checkpoint": "ModelCheckpoint",
    "torch": "Size device",
}
"""Classes whose objects trainers leave in checkpoints and that say nothing about the network."""

_TYPES: Final = {
    "builtins": "bool bytes float int list str tuple",
    "__builtin__": "bool bytes float int list long str tuple unicode",
    "typing": "Any Dict List Optional Tuple Union",
}
"""Types that a configuration of OmegaConf names to say what its values are."""

_MAPPINGS: Final = (
    ("collections", "Counter"),
    ("pytorch_lightning.utilities.parsing", "AttributeDict"),
    ("yacs.config", "CfgNode"),
)
"""Dictionaries under other names: hyper-parameters and configurations."""


@dataclass(frozen=True)
class ForeignObject:
    """An object of a trainer that was not built.

    Attributes:
        name: of its class, such as "argparse.Namespace".
    """

    name: str


@final
class PickledForeign(Inert):
    """Stands for an object of a trainer; what the pickle says about it is forgotten."""

    __slots__ = ("_name",)

    def __init__(self, name: str, *_arguments: object) -> None:
        self._name = name

    def set_state(self, state: object) -> None:
        """Whatever it is."""

    def resolve(self, assembly: Assembly) -> ForeignObject:
        """Only what it is."""
        return ForeignObject(self._name)


@final
class PickledStorage(Inert):
    """Stands for numbers that the file keeps apart from the pickle.

    Attributes:
        dtype: their type.
        numel: how many there are.
    """

    __slots__ = ("_read", "_tensor", "dtype", "numel")

    def __init__(self, dtype: torch.dtype, numel: int, read: Callable[["PickledStorage"], Tensor]) -> None:
        self.dtype = dtype
        self.numel = numel
        self._read = read
        self._tensor: Tensor | None = None

    @property
    def num_bytes(self) -> int:
        """Size in the file."""
        return self.numel * self.dtype.itemsize

    def tensor(self, assembly: Assembly) -> Tensor:
        """The numbers, (numel,), read at the first call."""
        if self._tensor is None:
            assembly.spend(self.num_bytes)  # members of an archive may lie over one another
            self._tensor = self._read(self)
        return self._tensor


@final
class PickledTensor(Inert):
    """Stands for a tensor: a view of a storage."""

    __slots__ = ("_offset", "_size", "_storage", "_stride")

    def __init__(
        self, storage: object, offset: object, size: object, stride: object, *_flags: object
    ) -> None:
        if not isinstance(storage, PickledStorage) or type(offset) is not int:
            raise UnsafeFileError("a tensor is made of something other than stored numbers")
        self._storage, self._offset = storage, offset
        self._size, self._stride = _lengths(size), _lengths(stride)

    def resolve(self, assembly: Assembly) -> Tensor:
        """The tensor, on the CPU."""
        if len(self._size) != len(self._stride):
            raise UnsafeFileError("a tensor has as many strides as dimensions, but this one does not")
        numel = math.prod(self._size)
        last = sum((size - 1) * stride for size, stride in zip(self._size, self._stride, strict=True))
        # A stride of 0 would make any number of elements out of a single one.
        if numel > self._storage.numel or (numel and self._offset + last >= self._storage.numel):
            raise UnsafeFileError("a tensor has more numbers than are stored for it")
        assembly.spend(numel * self._storage.dtype.itemsize)
        return self._storage.tensor(assembly).as_strided(self._size, self._stride, self._offset)


def _lengths(values: object) -> tuple[int, ...]:
    if not isinstance(values, tuple) or not all(type(n) is int and 0 <= n < 2**63 for n in values):
        raise UnsafeFileError("a tensor has a malformed shape")
    return values


def _parameter(data: object, *_flags: object) -> PickledTensor:
    """Stands for `torch._utils._rebuild_parameter`: the tensor of it."""
    if not isinstance(data, PickledTensor):
        raise UnsafeFileError("a parameter is made of something other than a tensor")
    return data


def _default_mapping(factory: object = None, *_arguments: object) -> PickledMapping:
    """Stands for `collections.defaultdict`; the factory of missing values is left out."""
    if factory is not None and not isinstance(factory, Constructor):
        raise UnsafeFileError("a dictionary has a malformed default")
    return PickledMapping()


def _named_only(name: str, *_arguments: object) -> Never:
    """Stands for a class that pickles only name, in persistent ids and as the type of something."""
    raise UnsafeFileError(f"a {name} is built")


def _torch() -> AllowList:
    allowed: dict[tuple[str, str], Callable[..., object]] = {
        ("torch._utils", "_rebuild_tensor_v2"): PickledTensor,
        ("torch._utils", "_rebuild_parameter"): _parameter,
        ("collections", "defaultdict"): _default_mapping,
    }
    for name in STORAGE_TYPES:
        allowed["torch", name.removeprefix("torch.")] = partial(_named_only, name)
    for module, names in _TYPES.items():
        for name in names.split():
            allowed[module, name] = partial(_named_only, name)
    for module, names in _FOREIGN.items():
        for name in names.split():
            allowed[module, name] = partial(PickledForeign, f"{module}.{name}")
    return allowed | dict.fromkeys(_MAPPINGS, PickledMapping)


CHECKPOINT_DATA: AllowList = {**_torch(), **PLAIN_DATA}
"""What checkpoints hold: plain data, tensors, and objects of trainers, which become inert."""


_SPARE_BYTES: Final = 64 * 1024**2
_GROWTH: Final = 8
"""Content may take the spare bytes and this many times the file's size."""

_ZIP: Final = b"PK\x03\x04"
_MAGIC: Final = 0x1950A86A20F9469CFC6C
_PROTOCOL: Final = 1001
_TRAINER_STATE: Final = ("optimizer", "optimizer_states", "lr_schedulers", "hparams_type")
"""Entries that only continue a training, some twice as large as the network; left out."""


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
