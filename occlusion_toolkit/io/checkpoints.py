"""Network weights in files: read without running code from them, loaded only if every tensor fits."""

import pickle
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from occlusion_toolkit.errors import CheckpointError, UnsafeFileError
from occlusion_toolkit.io.atomic import atomic_path

_LISTED = 5
"""Tensor names an error message spells out before it only counts."""

_WRAPPERS = ("state_dict", "model")
"""Keys under which Lightning (PARE) and the trainers of SPIN and EFT store the network."""

_PREFIXES = ("model.", "module.")
"""Attribute names of Lightning modules and data-parallel wrappers in front of tensor names."""

_CONVERT = (
    "convert it once, where the program that wrote it is installed and trusted: "
    "save_file({name: tensor.contiguous() for name, tensor in state_dict.items()}, 'weights.safetensors') "
    "from safetensors.torch"
)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The network tensors of a `.safetensors` file or of a PyTorch checkpoint, on the CPU.

    PyTorch checkpoints are unpickled with `weights_only=True`, which builds tensors and plain containers
    and nothing else. The wrappers of Lightning, SPIN and EFT are opened and their name prefixes dropped;
    of a checkpoint with `backbone.*` and `head.*`, only these are kept, because body models and renderers
    beside the network are not its weights.

    Args:
        path: the file.

    Returns:
        Tensors by name, named as the network names them.

    Raises:
        CheckpointError: the file is missing, damaged or holds no tensors.
        UnsafeFileError: the file asks for classes or functions beyond tensors.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no weights file {path}.")
    if path.suffix == ".safetensors":
        try:
            return _network_tensors(load_file(path), path)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{path} is not a readable safetensors file ({error}).") from error
    return _network_tensors(_unpickle(path), path)


def read_metadata(path: Path) -> dict[str, str]:
    """The text pairs in the header of a `.safetensors` file.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is not a readable safetensors file ({error}).") from error


def write_state_dict(
    path: Path, state: Mapping[str, Tensor], metadata: Mapping[str, str], *, half: bool = False
) -> None:
    """Write tensors as `.safetensors`, whole or not at all.

    Args:
        path: where to; an existing file is replaced.
        state: tensors by name.
        metadata: text pairs for the header, such as the architecture and the training run.
        half: store kernels and matrices as float16. Vectors keep their precision: normalisation
            statistics can exceed what float16 holds.

    Raises:
        ResultError: the folder is missing or not writable, or the disk is full.
    """
    tensors = {
        name: (tensor.half() if half and tensor.is_floating_point() and tensor.ndim > 1 else tensor)
        .detach()
        .cpu()
        .contiguous()
        .clone()
        for name, tensor in state.items()
    }
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, dict(metadata))


def load_strictly(network: nn.Module, state: Mapping[str, Tensor], *, optional: Collection[str] = ()) -> None:
    """Copy tensors into a network, or change nothing and say which do not fit.

    Args:
        network: the network; floating-point tensors are converted to its type.
        state: tensors by name.
        optional: names that may be absent because the network never reads them.

    Raises:
        CheckpointError: tensors are missing, unknown, of another shape or not finite.
    """
    expected: dict[str, Tensor] = network.state_dict()
    shared = [name for name in expected if name in state]
    problems = {
        "missing": [name for name in expected if name not in state and name not in optional],
        "unexpected": [name for name in state if name not in expected],
        "of another shape": [
            f"{name} {tuple(state[name].shape)} instead of {tuple(expected[name].shape)}"
            for name in shared
            if state[name].shape != expected[name].shape
        ],
        "not finite": [
            name for name in shared if state[name].is_floating_point() and not state[name].isfinite().all()
        ],
    }
    if any(problems.values()):
        found = "; ".join(f"{len(names)} {kind}: {_some(names)}" for kind, names in problems.items() if names)
        raise CheckpointError(
            f"The weights are not those of this {type(network).__name__} ({len(shared)} of {len(expected)} "
            f"names match): {found}. Check that the card names the architecture they were trained with."
        )
    network.load_state_dict({**expected, **state})


def _unpickle(path: Path) -> object:
    """Contents of a PyTorch file, by the unpickler that only knows tensors and plain containers."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        foreign = _foreign_globals(path) or re.findall(r"GLOBAL (\S+)", str(error))
        if foreign:
            raise UnsafeFileError(
                f"{path} holds more than tensors: it asks for {_some(foreign)}. It was not opened, because "
                f"unpickling such classes can run code; {_CONVERT}."
            ) from error
        raise CheckpointError(
            f"{path} is not a PyTorch checkpoint of tensors alone; if it is one, {_CONVERT}."
        ) from error
    except Exception as error:  # a damaged file can fail in any way: its opcodes are arbitrary
        raise CheckpointError(f"{path} is not a readable PyTorch checkpoint; fetch it again.") from error


def _foreign_globals(path: Path) -> list[str]:
    """Classes and functions that a checkpoint asks for beyond tensors; empty for pre-2020 files."""
    try:
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception:  # not a zip archive, or damaged
        return []


def _network_tensors(contents: object, path: Path) -> dict[str, Tensor]:
    """The tensors of a network out of what its trainer wrote around them."""
    for wrapper in _WRAPPERS:
        if isinstance(contents, Mapping) and isinstance(contents.get(wrapper), Mapping):
            contents = contents[wrapper]
    tensors: dict[str, Tensor] = {}
    if isinstance(contents, Mapping):
        tensors = {str(name): value for name, value in contents.items() if isinstance(value, Tensor)}
    if not tensors:
        raise CheckpointError(f"{path} holds no tensors by name; it is not a network's checkpoint.")
    for prefix in _PREFIXES:
        if any(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
    if any(name.startswith("backbone.") for name in tensors):
        tensors = {name: t for name, t in tensors.items() if name.startswith(("backbone.", "head."))}
    return tensors


def _some(names: Iterable[str]) -> str:
    """The first few names and how many more there are."""
    names = list(names)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
