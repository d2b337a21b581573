"""A device that is not the CPU and refuses to mix with it, on machines that have none.

PyTorch keeps a place for devices of other makers (PrivateUse1). Importing this module fills it with the
device `standin`, for the whole process. A tensor there keeps its numbers in a CPU tensor that nobody else
sees, so everything is computed, gradients too; an operation that is given a tensor of the CPU beside one of
the device raises `MixedDevicesError`, as a GPU would. Like there, a single number may come from the CPU.

Import it in a process of its own: PyTorch learns of devices before its first backward pass or never.
"""

from typing import Any

import torch
from torch import Tensor
from torch.fx.experimental import proxy_tensor
from torch.utils._pytree import tree_flatten, tree_map_only
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

_aten = torch.ops.aten
_CPU = torch.device("cpu")


class MixedDevicesError(RuntimeError):
    """An operation was given tensors of two devices."""


class _Module:
    """What PyTorch asks a device about itself."""

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return True

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 1

    def manual_seed_all(self, seed: int) -> None:
        pass

    def _is_in_bad_fork(self) -> bool:
        return False

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]


_setup_privateuseone_for_python_backend("standin", backend_module=_Module())

STAND_IN = torch.device("standin", 0)


class _Held(Tensor):
    """A tensor of the device."""

    _numbers: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, numbers: Tensor) -> "_Held":
        with torch.inference_mode(False):  # PyTorch counts the versions of such tensors in every mode
            held = Tensor._make_wrapper_subclass(
                cls,
                numbers.size(),
                strides=numbers.stride(),
                storage_offset=numbers.storage_offset(),
                dtype=numbers.dtype,
                device=STAND_IN,
            )
        held._numbers = numbers
        return held

    @property
    def data(self) -> Tensor:
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        Tensor.data.__set__(self, value)
        self._numbers = value._numbers

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def __repr__(self) -> str:
        return f"{self._numbers!r} on {STAND_IN}"

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(function, *args, **(kwargs or {}))


# Tensors of a real device are of PyTorch's own class, which is all that its tracer takes.
proxy_tensor.HANDLED_TYPES = (*proxy_tensor.HANDLED_TYPES, _Held)


def _run(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Does an operation on the numbers, after making sure that all of them are here."""
    parts = function.decompose(*args, **kwargs)  # in inference mode PyTorch leaves that to us
    if parts is not NotImplemented:
        return parts
    given = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, Tensor)]
    held = [value for value in given if isinstance(value, _Held)]
    moves = function in (_aten.copy_.default, _aten._to_copy.default)
    if held and not moves:
        for other in given:
            if not isinstance(other, _Held) and (other.dim() or other.device != _CPU):
                raise MixedDevicesError(
                    f"{function} got a tensor {tuple(other.shape)} of {other.device} beside one of {STAND_IN}"
                )
    device = kwargs.get("device")
    stays = bool(held) if device is None else torch.device(device).type == STAND_IN.type
    if device is not None:
        kwargs["device"] = _CPU
    owners = {id(value._numbers): value for value in held}
    answer = function(
        *tree_map_only(_Held, lambda value: value._numbers, args),
        **tree_map_only(_Held, lambda value: value._numbers, kwargs),
    )
    if not stays:
        return answer
    return tree_map_only(Tensor, lambda numbers: _owner(owners, numbers), answer)


def _owner(owners: dict[int, _Held], numbers: Tensor) -> _Held:
    """The tensor whose numbers an operation wrote into, in their new shape, or a new one."""
    owner = owners.get(id(numbers))
    if owner is None:
        return _Held(numbers)
    if owner.shape != numbers.shape or owner.stride() != numbers.stride():
        owner.data = _Held(numbers)
    return owner


def _copy_from(source: Tensor, into: Tensor, non_blocking: bool = False) -> Tensor:
    return _run(_aten.copy_.default, into, source)


# What makes tensors comes here: there is no tensor of the device among its arguments yet.
_everything = torch.library.Library("_", "IMPL")
_everything.fallback(_run, "PrivateUse1")
_everything.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")  # mixed precision is not tried
_copies = torch.library.Library("aten", "IMPL")
_copies.impl("_copy_from", _copy_from, "PrivateUse1")
