"""BlazePose's weights: published ones, as `tools/convert_blazepose` wrote them, and those tuned here."""

from collections.abc import Callable
from typing import Final, TypeVar

import torch
from torch import nn

from occlusion_toolkit.errors import CheckpointError
from occlusion_toolkit.files.checkpoints import read_metadata, read_state_dict
from occlusion_toolkit.files.home import toolkit_home
from occlusion_toolkit.files.shipped import shipped
from occlusion_toolkit.models.cards import find_weights
from occlusion_toolkit.models.recognise import load_strictly, network_tensors

SOURCES: Final = {
    "blazepose-open": "7b53f6875a470744f3b848ace837e6c7b11330552e7cfad7b305411d3243dcae",
    "blazepose-full": "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    "blazepose-heavy": "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
    "blazepose-detector": "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
}
"""Checksums of the files that the weights of a network are converted from: published ones, and for
"blazepose-open" that of the run that tuned it (`tools/release_open_backbone.py`)."""

Network = TypeVar("Network", bound=nn.Module)


def load_blazepose(name: str, build: Callable[[], Network]) -> Network:
    """A network with its weights, in evaluation mode, on the CPU.

    `load_blazepose("blazepose-full", blazepose_full)`; the file `NAME.safetensors` is looked for beside the
    shipped cards and in `weights/` of the toolkit's home.

    Args:
        name: one of `SOURCES`.
        build: makes the network of that name.

    Raises:
        CheckpointError: the file is missing or damaged, or it holds another network or another version.
    """
    page = (
        "docs/training-open-weights.md" if name == "blazepose-open" else "tools/convert_blazepose/README.md"
    )
    path = find_weights(f"{name}.safetensors", shipped("models"))
    if path is None:
        raise CheckpointError(
            f"The weights {name}.safetensors are not on this machine; make them as {page} says and put them "
            f"into {toolkit_home() / 'weights'}."
        )
    stated = read_metadata(path)
    if stated.get("network") != name or stated.get("source_sha256") != SOURCES[name]:
        raise CheckpointError(
            f"{path} holds {stated.get('network', 'no named network')} of another version than the {name} "
            f"of this toolkit; make it again ({page})."
        )
    network = build()
    load_strictly(network, network_tensors(read_state_dict(path), path).tensors)
    return network.eval()


def channels_last(network: Network) -> Network:
    """The same network with weights in the order in which processors convolve fastest, changed in place."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network
