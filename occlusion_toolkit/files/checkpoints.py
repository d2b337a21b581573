"""Network weights in files, read without running code from them."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from occlusion_toolkit.errors import CheckpointError, UnsafeFileError
from occlusion_toolkit.files.atomic import atomic_path
from occlusion_toolkit.files.torch_files import unpickle_checkpoint
from occlusion_toolkit.files.trust import TrustedFiles

_MAX_BYTES: Final = 16 * 1024**3
"""Largest file that is read."""


def read_state_dict(path: Path, *, trusted: TrustedFiles | None = None) -> dict[str, object]:
    """The outermost mapping of a `.safetensors` file or of a PyTorch checkpoint, as it is stored.

    PyTorch checkpoints, zip archives and the streams of before version 1.6, are read by this package's own
    unpickler, which builds tensors, plain containers and inert stand-ins for the few classes that trainers
    leave beside a network; whatever else a file asks for, it is refused. The state of optimisers is left out.

    Args:
        path: the file.
        trusted: files that `torch.load` may open with Python's own unpickler, which runs their code.

    Returns:
        By name; tensors are on the CPU. Wrappers and prefixes of trainers are as in the file
        (`regressors.recognise` knows them).

    Raises:
        CheckpointError: the file is missing, damaged or holds no mapping.
        UnsafeFileError: the file asks for classes or functions beyond tensors.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no weights file {path}.")
    if path.stat().st_size > _MAX_BYTES:
        raise CheckpointError(f"{path} has more than {_MAX_BYTES} bytes; it is no checkpoint of one network.")
    if path.suffix == ".safetensors":
        try:
            return dict(load_file(path))
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{path} is not a readable safetensors file ({error}).") from error
    contents = _unpickle(path, trusted)
    if not isinstance(contents, dict):
        raise CheckpointError(f"{path} holds no tensors by name; it is not a network's checkpoint.")
    return {str(name): value for name, value in contents.items()}


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


def _unpickle(path: Path, trusted: TrustedFiles | None) -> object:
    try:
        if trusted is not None and trusted.admits(path, data := path.read_bytes()):
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=False)
        return unpickle_checkpoint(path)
    except UnsafeFileError as error:
        raise UnsafeFileError(f"{path} was not opened: {error}.") from error
    except Exception as error:  # a damaged file can fail in any way
        reason = " ".join(str(error).split()) or type(error).__name__
        raise CheckpointError(
            f"{path} is not a readable PyTorch checkpoint ({reason}); fetch it again."
        ) from error
