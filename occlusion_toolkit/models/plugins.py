"""Regressors of other packages: named through the entry point group `occlusion_toolkit.regressors`.

A package that declares

    [project.entry-points."occlusion_toolkit.regressors"]
    my-regressor = "my_package:plugin"

where `plugin` is a `RegressorPlugin`, makes `--model my-regressor` work wherever it is installed
(docs/models.md).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, Protocol, runtime_checkable

import torch
from pydantic import ValidationError
from torch import nn

from occlusion_toolkit.errors import ModelCardError
from occlusion_toolkit.models.cards import PluginCard
from occlusion_toolkit.models.preprocessing import REFERENCE, Preprocessing

ENTRY_POINT_GROUP = "occlusion_toolkit.regressors"
"""Group under which packages name their regressors."""


@dataclass(frozen=True)
class RegressorPlugin:
    """What a package tells about its regressor, and how to make it.

    Attributes:
        title: one line for people.
        description: what it is and what to use it for.
        licence: what may be done with it.
        body: topology id of the body model whose betas it predicts, such as "smpl"; "joints" for a network
            that answers with a `JointOutput`.
        build: makes the network with its weights on the CPU. The network maps crops, as `preprocessing` says,
            to a `RegressorOutput` whose cameras mean s (X + t) over its crop; one with `camera: full` also
            takes where the crops lie before the camera, (B, 3).
        preprocessing: how its crops are made; by default (B, 3, 224, 224), RGB normalised with the ImageNet
            mean and standard deviation, 1.2 times the person.
    """

    title: str
    description: str
    licence: str
    body: str
    build: Callable[[], nn.Module]
    preprocessing: Preprocessing = REFERENCE


@runtime_checkable
class EntryPointLike(Protocol):
    """What is used of an entry point: the package `importlib_metadata`, once loaded, answers with its own."""

    @property
    def name(self) -> str:
        """By which the package calls the object."""
        ...

    @property
    def value(self) -> str:
        """Where the object is."""
        ...

    @property
    def dist(self) -> Any:
        """The package."""
        ...

    def load(self) -> Any:
        """The object that it names."""
        ...


def plugin_entry_points() -> dict[str, EntryPointLike]:
    """Entry points of the installed plug-ins by name; nothing of them is imported.

    Raises:
        ModelCardError: two packages use the same name.
    """
    found: dict[str, EntryPointLike] = {}
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name):
        other = found.setdefault(point.name, point)
        if other != point:
            raise ModelCardError(
                f"Two installed packages name a regressor {point.name!r}: {origin(other)} and "
                f"{origin(point)}. Uninstall one of them."
            )
    return found


def load_plugin(point: EntryPointLike) -> tuple[RegressorPlugin, PluginCard]:
    """Import a plug-in and read what it says about itself.

    Raises:
        ModelCardError: it cannot be imported, is no `RegressorPlugin`, or describes itself badly.
    """
    try:
        plugin = point.load()
    except (Exception, SystemExit) as error:  # importing runs code of others, which may fail in any way
        raise ModelCardError(
            f"The regressor {point.name!r} of {origin(point)} cannot be imported "
            f"({type(error).__name__}: {error}). Repair or uninstall that package."
        ) from error
    if not isinstance(plugin, RegressorPlugin):
        raise ModelCardError(
            f"The entry point {point.name!r} of {origin(point)} is a {type(plugin).__name__}, not a "
            "RegressorPlugin of occlusion_toolkit.models.plugins."
        )
    try:
        card = PluginCard(
            name=point.name,
            title=plugin.title,
            description=plugin.description,
            body=plugin.body,
            preprocessing=plugin.preprocessing,
            licence=plugin.licence,
            origin=origin(point),
        )
    except ValidationError as error:
        problems = "; ".join(f"{problem['loc'][0]}: {problem['msg']}" for problem in error.errors())
        raise ModelCardError(
            f"The regressor {point.name!r} of {origin(point)} describes itself badly: {problems}."
        ) from error
    return plugin, card


def build_network(plugin: RegressorPlugin, card: PluginCard) -> nn.Module:
    """The network of a plug-in, on the CPU.

    Raises:
        ModelCardError: it cannot be built, or is no `nn.Module`.
    """
    try:
        network = plugin.build()
    except (Exception, SystemExit) as error:  # code of others
        raise ModelCardError(
            f"The regressor {card.name!r} of {card.origin} cannot be built ({type(error).__name__}: {error})."
        ) from error
    if not isinstance(network, nn.Module):
        raise ModelCardError(
            f"build() of the regressor {card.name!r} of {card.origin} gives a {type(network).__name__}, not "
            "an nn.Module."
        )
    return network


def state_sha256(network: nn.Module) -> str:
    """Checksum of the names, types, shapes and values in a network's state dict."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def origin(point: EntryPointLike) -> str:
    """The package of an entry point, its version and the object in it, for people."""
    package = f"{point.dist.name} {point.dist.version}" if point.dist is not None else "an unknown package"
    return f"{package} ({point.value})"
