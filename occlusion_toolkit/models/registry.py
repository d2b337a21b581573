"""Regressors by name: shipped and imported cards, plug-ins, and the networks behind them."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from occlusion_toolkit.errors import ModelCardError
from occlusion_toolkit.files.checkpoints import read_state_dict
from occlusion_toolkit.files.home import toolkit_home
from occlusion_toolkit.files.shipped import shipped
from occlusion_toolkit.files.trust import TrustedFiles
from occlusion_toolkit.models.base import RegressorOutput
from occlusion_toolkit.models.cards import ModelCard, RegressorCard, read_card
from occlusion_toolkit.models.eft_camera import ShiftThenScale
from occlusion_toolkit.models.networks import unread_tensors
from occlusion_toolkit.models.plugins import (
    build_network,
    load_plugin,
    origin,
    plugin_entry_points,
    state_sha256,
)
from occlusion_toolkit.models.recognise import load_strictly, network_tensors, renamed_for
from occlusion_toolkit.models.weight_files import require_weights, verified_sha256


@dataclass(frozen=True)
class LoadedRegressor:
    """A network with the weights of its card, in evaluation mode.

    Attributes:
        network: the network, on `device`; its cameras are in the toolkit's form whatever the card's are.
        card: what it is.
        weights_sha256: checksum of the file its weights came from; of a plug-in, of its state dict.
        device: where it runs.
    """

    network: nn.Module
    card: RegressorCard
    weights_sha256: str
    device: torch.device

    @torch.no_grad()
    def __call__(self, crops: Float[Tensor, "batch 3 height width"]) -> RegressorOutput:
        """Predict people from normalised crops, (B, 3, 224, 224), without recording gradients.

        Raises:
            ModelCardError: the network of a plug-in answers with something else.
        """
        output: object = self.network(crops.to(self.device))
        if not isinstance(output, RegressorOutput):
            raise ModelCardError(
                f"The regressor {self.card.name!r} answers with a {type(output).__name__} instead of a "
                f"RegressorOutput; `occlusion-toolkit models check {self.card.name}` tests a regressor."
            )
        return output


def model_sources() -> dict[str, Path | EntryPoint]:
    """Where every model that has a name comes from: a card's file or a plug-in, sorted by name.

    Cards are those that the toolkit carries and those in `cards/` of the toolkit's home.

    Raises:
        ModelCardError: two models have the same name.
    """
    sources: dict[str, Path | EntryPoint] = {}
    named: list[tuple[str, Path | EntryPoint]] = [
        (path.stem, path)
        for folder in (shipped("models"), toolkit_home() / "cards")
        for path in folder.glob("*.yaml")
    ]
    for name, source in [*named, *plugin_entry_points().items()]:
        if name in sources:
            places = " and ".join(
                str(place) if isinstance(place, Path) else origin(place) for place in (sources[name], source)
            )
            raise ModelCardError(f"Two models are called {name!r}: {places}. Rename or remove yours.")
        sources[name] = source
    return dict(sorted(sources.items()))


def list_cards() -> list[ModelCard]:
    """The cards that the toolkit carries, sorted by name."""
    return [read_card(path) for path in sorted(shipped("models").glob("*.yaml"))]


AnyRegressor = str | Path | ModelCard | LoadedRegressor | nn.Module | Callable[[Tensor], RegressorOutput]
"""What stands for a regressor: a card's name, its path, the card, or a network."""


def find_source(name_or_path: str | Path) -> Path | EntryPoint:
    """The file of a card, or the plug-in of a name.

    Args:
        name_or_path: a name, or a path that ends in .yaml or .yml.

    Raises:
        ModelCardError: there is no such model; of a name, the message lists those known.
    """
    if Path(name_or_path).suffix in (".yaml", ".yml"):
        path = Path(name_or_path)
        try:
            found = path.is_file()
        except OSError as error:
            raise ModelCardError(f"The model card {path} cannot be reached ({error.strerror}).") from error
        if not found:
            raise ModelCardError(f"There is no model card {path}.")
        return path
    sources, name = model_sources(), str(name_or_path)
    if name not in sources:
        close = difflib.get_close_matches(name, sources, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise ModelCardError(
            f"No model is called {name!r}.{hint} Known models: {', '.join(sources)}; "
            "a model of your own is named by the path of its .yaml card."
        )
    return sources[name]


def load_card(name_or_path: str | Path) -> RegressorCard:
    """The card of a model.

    Args:
        name_or_path: a name, or a path that ends in .yaml or .yml.

    Raises:
        ModelCardError: there is no such card, or it is not valid; of a name, the message lists those known.
    """
    source = find_source(name_or_path)
    return read_card(source) if isinstance(source, Path) else load_plugin(source)[1]


def load_regressor(
    name_or_path: AnyRegressor, device: str | torch.device = "cpu", trusted: TrustedFiles | None = None
) -> LoadedRegressor:
    """A network with the weights of its card: checksum verified, every tensor accounted for.

    Args:
        name_or_path: a name, or the path of a .yaml card.
        device: where the network shall run.
        trusted: files that may be opened although they ask for foreign code.

    Raises:
        ModelCardError: there is no such card, it is not valid, or it contradicts its weights.
        CheckpointError: the weights are missing, damaged or of another network.
        UnsafeFileError: the weights file asks for more than tensors.
    """
    source = find_source(name_or_path)
    target = torch.device(device)
    if isinstance(source, EntryPoint):
        plugin, card = load_plugin(source)
        module = build_network(plugin, card)
        return LoadedRegressor(module.to(target).eval(), card, state_sha256(module), target)
    model_card = read_card(source)
    network, sha256 = _network_of(model_card, source.parent, trusted)
    return LoadedRegressor(network.to(target).eval(), model_card, sha256, target)


def _network_of(card: ModelCard, cards: Path, trusted: TrustedFiles | None) -> tuple[nn.Module, str]:
    """The network of a card with its weights, on the CPU, and the checksum of their file."""
    weights_file = require_weights(card.name, card.weights, cards)
    sha256 = verified_sha256(card, card.weights, weights_file)
    network = card.network.build()
    found = network_tensors(read_state_dict(weights_file, trusted=trusted), weights_file)
    load_strictly(network, renamed_for(network, found.tensors), optional=unread_tensors(network))
    return (ShiftThenScale(network) if card.camera == "scale-then-shift" else network), sha256
