"""Inert stand-ins for what PyTorch checkpoints hold: tensors, and what their trainers left beside them.

A tensor is pickled as a view (offset, size, stride) of a storage, which the pickle names by a persistent id
and the file keeps apart (`torch.serialization`, PyTorch 2.13). Objects of trainers become `ForeignObject`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Never, final

import torch
from torch import Tensor

from occlusion_toolkit.errors import UnsafeFileError
from occlusion_toolkit.files.inert import AllowList, Assembly, Constructor, Inert
from occlusion_toolkit.files.pickled_containers import PickledMapping
from occlusion_toolkit.files.safe_pickle import PLAIN_DATA

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
    "pathlib": "Path PosixPath PurePosixPath WindowsPath PureWindowsPath",
    "pytorch_lightning.callbacks.early_stopping": "EarlyStopping",
    "pytorch_lightning.callbacks.gpu_stats_monitor": "GPUStatsMonitor",
    "pytorch_lightning.callbacks.lr_monitor": "LearningRateMonitor",
    "pytorch_lightning.callbacks.model_checkpoint": "ModelCheckpoint",
    "torch": "Size device",
}
"""Classes whose objects trainers leave in checkpoints and that say nothing about the network."""

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
    """Stands for a class that pickles only name, in persistent ids."""
    raise UnsafeFileError(f"a {name} is built")


def _torch() -> AllowList:
    allowed: dict[tuple[str, str], Callable[..., object]] = {
        ("torch._utils", "_rebuild_tensor_v2"): PickledTensor,
        ("torch._utils", "_rebuild_parameter"): _parameter,
        ("collections", "defaultdict"): _default_mapping,
    }
    for name in STORAGE_TYPES:
        allowed["torch", name.removeprefix("torch.")] = partial(_named_only, name)
    for module, names in _FOREIGN.items():
        for name in names.split():
            allowed[module, name] = partial(PickledForeign, f"{module}.{name}")
    return allowed | dict.fromkeys(_MAPPINGS, PickledMapping)


CHECKPOINT_DATA: AllowList = {**PLAIN_DATA, **_torch()}
"""What checkpoints hold: plain data, tensors, and objects of trainers, which become inert."""
