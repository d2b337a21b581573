"""Finding model cards by name, and networks with verified weights behind them."""

import difflib
import logging
import os
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from occlusion_toolkit.errors import CheckpointError, ModelCardError
from occlusion_toolkit.io.checkpoints import load_strictly, read_state_dict
from occlusion_toolkit.io.provenance import sha256_file
from occlusion_toolkit.regressors.base import RegressorOutput
from occlusion_toolkit.regressors.cards import ModelCard, read_card
from occlusion_toolkit.regressors.hmr import HMR
from occlusion_toolkit.regressors.networks import UNUSED_BY_PARE
from occlusion_toolkit.regressors.pare import PARE

logger = logging.getLogger(__name__)

HOME_VARIABLE = "OCCLUSION_TOOLKIT_HOME"
"""Environment variable with the folder for files that users fetch themselves."""


@dataclass(frozen=True)
class LoadedRegressor:
    """A network with the weights of its card, in evaluation mode.

    Attributes:
        network: the network, on `device`; its cameras are in the toolkit's form whatever the card's are.
        card: what it is.
        weights_sha256: checksum of the file its weights came from.
        device: where it runs.
    """

    network: nn.Module
    card: ModelCard
    weights_sha256: str
    device: torch.device

    @torch.no_grad()
    def __call__(self, crops: Float[Tensor, "batch 3 height width"]) -> RegressorOutput:
        """Predict people from normalised crops, (B, 3, 224, 224), without recording gradients."""
        output: RegressorOutput = self.network(crops.to(self.device))
        return output


class ShiftThenScale(nn.Module):
    """A network whose camera means s X + t (EFT), made to answer in the toolkit's form s (X + t).

    Args:
        network: the network as published.
    """

    def __init__(self, network: HMR | PARE) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Float[Tensor, "batch 3 height width"]) -> RegressorOutput:
        """The network's output with its cameras converted."""
        output: RegressorOutput = self.network(crops)
        return replace(output, camera=shift_then_scale(output.camera))


def shift_then_scale(camera: Float[Tensor, "batch 3"]) -> Float[Tensor, "batch 3"]:
    """Cameras that mean s X + t (EFT), as cameras that mean s (X + t) (SPIN, PARE and this toolkit).

    Args:
        camera: (s, tx, ty) with the translation in crop units, (B, 3).

    Returns:
        (s, tx / s, ty / s), with the translation in metres, (B, 3).
    """
    return torch.cat((camera[:, :1], camera[:, 1:] / camera[:, :1]), dim=1)


def list_cards() -> list[ModelCard]:
    """The cards that the toolkit carries, sorted by name."""
    return [read_card(path) for path in _card_files().values()]


def load_card(name_or_path: str | Path) -> ModelCard:
    """The card of a name that the toolkit carries, or in a YAML file of the user's.

    Raises:
        ModelCardError: there is no such card, or it is not valid.
    """
    return read_card(find_card(name_or_path))


def find_card(name_or_path: str | Path) -> Path:
    """The file of a card.

    Args:
        name_or_path: a name as `list_cards` gives it, or a path that ends in .yaml or .yml.

    Raises:
        ModelCardError: there is no such card; the message lists those there are.
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
    files = _card_files()
    if str(name_or_path) not in files:
        close = difflib.get_close_matches(str(name_or_path), files, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise ModelCardError(
            f"No model is called {str(name_or_path)!r}.{hint} Known models: {', '.join(files)}; "
            "a model of your own is named by the path of its .yaml card."
        )
    return files[str(name_or_path)]


def load_regressor(name_or_path: str | Path, device: str | torch.device = "cpu") -> LoadedRegressor:
    """A network with the weights of its card: checksum verified, every tensor accounted for.

    Args:
        name_or_path: a card's name, or the path of a .yaml card.
        device: where the network shall run.

    Raises:
        ModelCardError: there is no such card, it is not valid, or it contradicts its weights.
        CheckpointError: the weights are missing, damaged or of another network.
        UnsafeFileError: the weights file asks for more than tensors.
    """
    card_file = find_card(name_or_path)
    card = read_card(card_file)
    weights_file = _find_weights(card, card_file.parent)
    sha256 = _verified_sha256(card, weights_file)
    network = card.network.build()
    absolute = isinstance(network, PARE) and not network.head.corrects_mean
    load_strictly(network, read_state_dict(weights_file), optional=UNUSED_BY_PARE if absolute else ())
    target = torch.device(device)
    module = ShiftThenScale(network) if card.camera == "scale-then-shift" else network
    return LoadedRegressor(module.to(target).eval(), card, sha256, target)


def toolkit_home() -> Path:
    """The folder of files that users fetch: `$OCCLUSION_TOOLKIT_HOME`, else `~/.occlusion-toolkit`."""
    return Path(os.environ.get(HOME_VARIABLE) or "~/.occlusion-toolkit").expanduser()


def cards_folder() -> Path:
    """The folder of the cards: inside the package in a wheel, top-level `models/` in a source tree."""
    package = Path(__file__).parents[1]
    packaged = package / "_recipes" / "models"
    return packaged if packaged.is_dir() else package.parent / "models"


def _card_files() -> dict[str, Path]:
    """Files of the cards by name."""
    return {path.stem: path for path in sorted(cards_folder().glob("*.yaml"), key=lambda path: path.stem)}


def _find_weights(card: ModelCard, folder: Path) -> Path:
    """The weights of a card: in `weights/` beside it, or among the files that the user fetched.

    Weights without a known checksum may also have been converted to safetensors under the same stem.
    """
    fetched = toolkit_home() / "weights" / card.weights.file
    candidates = [folder / "weights" / card.weights.file, fetched]
    if card.weights.sha256 is None:
        candidates += [path.with_suffix(".safetensors") for path in candidates]
    for path in candidates:
        if path.is_file():
            return path
    if card.weights.shipped:
        raise CheckpointError(
            f"The weights {card.weights.file} of {card.name} are missing beside its card; "
            "install the toolkit again, or clone it with all its files."
        )
    raise CheckpointError(
        f"The weights of {card.name} are not shipped ({card.weights.licence}). {card.weights.how_to_get} "
        f"Then put the file at {fetched} (in the folder weights of ${HOME_VARIABLE})."
    )


def _verified_sha256(card: ModelCard, weights_file: Path) -> str:
    """Checksum of the weights, equal to the card's where that states one."""
    found = sha256_file(weights_file)
    if card.weights.sha256 is None:
        logger.warning("No checksum of %s is known; the sha256 of this file is %s.", card.weights.file, found)
    elif found != card.weights.sha256:
        raise ModelCardError(
            f"{weights_file} is not the file that the card of {card.name} describes: sha256 {found} "
            f"instead of {card.weights.sha256}. Fetch it again, or correct the card if you replaced it."
        )
    return found
