"""Regressors by name: shipped and imported cards, plug-ins, and the networks behind them."""

import difflib
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from pydantic import ValidationError
from torch import Tensor, nn

from occlusion_toolkit.body.joint_output import JOINTS_ALONE, JointOutput
from occlusion_toolkit.data.boxes import CropBox
from occlusion_toolkit.errors import ModelCardError, UsageError
from occlusion_toolkit.files.checkpoints import read_state_dict
from occlusion_toolkit.files.home import toolkit_home
from occlusion_toolkit.files.shipped import shipped
from occlusion_toolkit.files.trust import TrustedFiles
from occlusion_toolkit.models.base import RegressorOutput
from occlusion_toolkit.models.cards import (
    ModelCard,
    RegressorCard,
    find_weights,
    read_card,
    verified_weights,
)
from occlusion_toolkit.models.foreign import blamed_on, is_out_of_memory
from occlusion_toolkit.models.hmr import ShiftThenScale
from occlusion_toolkit.models.networks import unread_tensors
from occlusion_toolkit.models.plugins import (
    EntryPointLike,
    build_network,
    load_plugin,
    origin,
    plugin_entry_points,
    state_sha256,
)
from occlusion_toolkit.models.preprocessing import REFERENCE, Preprocessing
from occlusion_toolkit.models.recognise import load_strictly, network_tensors, renamed_for
from occlusion_toolkit.models.views import View, view_of

Network = nn.Module | Callable[..., RegressorOutput | JointOutput]
"""Maps normalised crops, (B, 3, 224, 224) or as its card says, to a `RegressorOutput`, or to a `JointOutput`
without a body."""


@dataclass(frozen=True, eq=False)
class LoadedRegressor:
    """A network with the weights of its card, in evaluation mode.

    Two are equal where their cards, weights and devices are. Worker processes get `specification`, which
    `load_regressor` takes.

    Attributes:
        network: the network, on `device`; its cameras are in the toolkit's form whatever the card's are.
        card: what it is.
        weights_sha256: checksum of the file its weights came from; of a plug-in or a module of the user's, of
            its state dict; None for a callable without weights that are known.
        device: where it runs.
        source: the name, path or card that it was loaded from; None for a network that came as itself.
    """

    network: Network
    card: RegressorCard
    weights_sha256: str | None
    device: torch.device
    source: str | Path | ModelCard | None = None

    @property
    def specification(self) -> "str | Path | ModelCard | LoadedRegressor":
        """What another process loads it from: a name, a path, a card, or itself with its network."""
        return self if self.source is None else self.source

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LoadedRegressor):
            return NotImplemented
        one, two = ((r.card, r.weights_sha256, r.device) for r in (self, other))
        return one == two and (self.weights_sha256 is not None or self.network == other.network)

    def __hash__(self) -> int:
        return hash((self.card.name, self.weights_sha256))

    @property
    def has_own_crops(self) -> bool:
        """Whether its crops are others than the reference square (`view`)."""
        return not self.card.preprocessing.is_reference

    @property
    def own_crop(self) -> str | None:
        """Its own crops in words, and in which frame windows lie, for protocol cards; None without."""
        if not self.has_own_crops:
            return None
        return f"{self.card.preprocessing.described()}; windows lie in the reference square, mapped by area"

    def view(
        self,
        image: UInt8[np.ndarray, "height width 3"],
        reference: CropBox,
        focal_px: float | None = None,
    ) -> View | None:
        """What it sees of a person; None where that is the reference square (`models.views.view_of`).

        Raises:
            CropError: the box shows nobody, or the focal length is missing and needed.
        """
        return view_of(self.card.preprocessing, image, reference, focal_px) if self.has_own_crops else None

    @torch.no_grad()
    def __call__(
        self, crops: Float[Tensor, "batch 3 height width"], *placement: Float[Tensor, "batch 3"]
    ) -> RegressorOutput | JointOutput:
        """Predict people from crops, without recording gradients.

        Args:
            crops: as `card.preprocessing` makes them; (B, 3, 224, 224), normalised, by default.
            placement: where they lie before the camera (`View.placement`), for networks that are told.

        Raises:
            ModelCardError: a network of the user's or of a plug-in raises, or answers with something else
                than its card says.
        """
        with self.blamed():
            given = (tensor.to(self.device) for tensor in (crops, *placement))
            output: object = self.network(*given)
        if isinstance(output, JointOutput if self.has_joints_alone else RegressorOutput):
            return output
        if isinstance(output, JointOutput):
            raise ModelCardError(
                f"The regressor {self.card.name!r} answers with joints alone, and its card says that it "
                f"predicts the body {self.card.body!r}; load it with "
                f"body={JOINTS_ALONE!r}, or say so in the plug-in."
            )
        wanted = (
            "JointOutput(joints, joint_set)"
            if self.has_joints_alone
            else "RegressorOutput(rotmats, betas, camera)"
        )
        raise ModelCardError(
            f"The regressor {self.card.name!r} answers with a {type(output).__name__} instead of a "
            f"{wanted}{self._check}."
        )

    @property
    def has_joints_alone(self) -> bool:
        """Whether it gives joints and no body."""
        return self.card.body == JOINTS_ALONE

    def blamed(self) -> AbstractContextManager[None]:
        """A block that runs the network: what one of others raises is named as its own."""
        return nullcontext() if isinstance(self.card, ModelCard) else blamed_on(self.card.name, self._check)

    @property
    def _check(self) -> str:
        return "" if self.source is None else f"; `occlusion-toolkit models check {self.source}` tests it"


def model_sources() -> dict[str, Path | EntryPointLike]:
    """Where every model that has a name comes from: a card's file or a plug-in, sorted by name.

    Cards are those that the toolkit carries and those in `cards/` of the toolkit's home.

    Raises:
        ModelCardError: two models have the same name.
    """
    sources: dict[str, Path | EntryPointLike] = {}
    named: list[tuple[str, Path | EntryPointLike]] = [
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


AnyRegressor = str | Path | ModelCard | LoadedRegressor | Network
"""What stands for a regressor: a card's name, its path, the card, or a network."""


def find_source(name_or_path: str | Path) -> Path | EntryPointLike:
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
    source: str | Path | ModelCard | LoadedRegressor | Network,
    device: str | torch.device = "cpu",
    trusted: TrustedFiles | None = None,
    *,
    name: str | None = None,
    body: str | None = None,
    preprocessing: Preprocessing | None = None,
) -> LoadedRegressor:
    """A network with the weights of its card: checksum verified, every tensor accounted for.

    Args:
        source: a name, the path of a .yaml card, or a card, whose weights are then looked for beside the
            shipped cards and in the toolkit's home. Or a network of your own: an `nn.Module`, which is moved
            to the device and put into evaluation mode, or any callable, from crops as `preprocessing` makes
            them to a `RegressorOutput` or a `JointOutput`.
        device: where the network shall run.
        trusted: files that may be opened although they ask for foreign code.
        name: of a network of your own; its class or function by default.
        body: topology id of the body whose betas a network of your own predicts, the open body by default;
            "joints" for one that answers with a `JointOutput`.
        preprocessing: how the crops of a network of your own are made; (B, 3, 224, 224), normalised, of 1.2
            times the person by default.

    Raises:
        ModelCardError: there is no such card, it is not valid, or it contradicts its weights.
        CheckpointError: the weights are missing, damaged or of another network.
        UnsafeFileError: the weights file asks for more than tensors.
        UsageError: `name`, `body` or `preprocessing` is given for a network that has a card.

    Example:
        >>> regressor = load_regressor("hmr-open")
        >>> regressor(torch.zeros(1, 3, 224, 224)).rotmats.shape
        torch.Size([1, 24, 3, 3])
    """
    target = torch.device(device)
    if not isinstance(source, str | Path | ModelCard | LoadedRegressor):
        card, sha256 = _card_of(source, name, body, preprocessing or REFERENCE), None
        if isinstance(source, nn.Module):
            source, sha256 = source.to(target).eval(), state_sha256(source)
        return LoadedRegressor(source, card, sha256, target)
    if name is not None or body is not None or preprocessing is not None:
        raise UsageError(
            "name, body and preprocessing are for networks of your own; this one has a card that says them"
        )
    if isinstance(source, LoadedRegressor):
        network = source.network
        moved = network.to(target) if isinstance(network, nn.Module) else network
        return replace(source, network=moved, device=target)
    found = source if isinstance(source, ModelCard) else find_source(source)
    if not isinstance(found, ModelCard | Path):
        plugin, plugin_card = load_plugin(found)
        module = build_network(plugin, plugin_card)
        return LoadedRegressor(
            module.to(target).eval(), plugin_card, state_sha256(module), target, found.name
        )
    model_card = found if isinstance(found, ModelCard) else read_card(found)
    cards = shipped("models") if isinstance(found, ModelCard) else found.parent
    module, sha256 = _network_of(model_card, cards, trusted)
    return LoadedRegressor(module.to(target).eval(), model_card, sha256, target, source)


def _card_of(
    network: Network, name: str | None, body: str | None, preprocessing: Preprocessing
) -> RegressorCard:
    """The card of a network that has none.

    Raises:
        ModelCardError: it is not callable, or the name is no name.
    """
    if not callable(network):
        raise ModelCardError(
            f"A {type(network).__name__} is no regressor; give the name or path of a card, a card, or a "
            "network that maps crops (B, 3, 224, 224) to a RegressorOutput."
        )
    from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY  # smplx is slow to import

    called = getattr(network, "__name__", type(network).__name__)
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", called).lower()
    slug = re.sub(r"[^a-z0-9]+", "-", words).strip("-") or "network"
    try:
        return RegressorCard(
            name=slug if name is None else name,
            title=called,
            description=f"{called} of {getattr(network, '__module__', type(network).__module__)}.",
            body=body or OPEN_BODY_TOPOLOGY,
            preprocessing=preprocessing,
        )
    except ValidationError as error:
        raise ModelCardError(f"{name!r} is no name of a model; use a-z, 0-9 and hyphens.") from error


def _network_of(card: ModelCard, cards: Path, trusted: TrustedFiles | None) -> tuple[nn.Module, str]:
    """The network of a card with its weights, on the CPU, and the checksum of their file."""
    weights_file, sha256 = verified_weights(card, cards)
    try:
        network = card.network.build()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise ModelCardError(
            f"The network of the card {card.name!r} does not fit into memory; check the sizes on the card."
        ) from error
    found = network_tensors(read_state_dict(weights_file, trusted=trusted), weights_file)
    load_strictly(network, renamed_for(network, found.tensors), optional=unread_tensors(network))
    return (ShiftThenScale(network) if card.camera == "scale-then-shift" else network), sha256


@dataclass(frozen=True)
class Model:
    """A model and where its files are.

    Attributes:
        name: what `--model` takes.
        card: what it is; None where the card cannot be read.
        card_file: the file of the card; None for a plug-in.
        weights_file: the file of weights; None where it is not on this machine, and for a plug-in.
        problem: why the card cannot be read, else None.
    """

    name: str
    card: RegressorCard | None
    card_file: Path | None
    weights_file: Path | None
    problem: str | None = None

    @property
    def state(self) -> str:
        """In two words: "ready", "plug-in", "weights missing" or "card unusable"."""
        if self.card is None:
            return "card unusable"
        if not isinstance(self.card, ModelCard):
            return "plug-in"
        return "weights missing" if self.weights_file is None else "ready"


def list_models() -> list[Model]:
    """Every model with a name, sorted; one whose card or plug-in is broken is listed with its problem.

    Raises:
        ModelCardError: two models have the same name.
    """
    models = []
    for name, source in model_sources().items():
        try:
            models.append(_model(name, source))
        except ModelCardError as error:
            file = source if isinstance(source, Path) else None
            models.append(Model(name, None, file, None, str(error)))
    return models


def find_model(name_or_path: str | Path) -> Model:
    """One model.

    Args:
        name_or_path: a name, or the path of a .yaml card.

    Raises:
        ModelCardError: there is no such model, or its card is not valid.
    """
    return _model(str(name_or_path), find_source(name_or_path))


def _model(name: str, source: Path | EntryPointLike) -> Model:
    if not isinstance(source, Path):
        return Model(name, load_plugin(source)[1], None, None)
    card = read_card(source)
    return Model(card.name, card, source, find_weights(card.weights.file, source.parent))
