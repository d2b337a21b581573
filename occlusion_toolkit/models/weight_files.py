"""The weights of a card: where they are, where to get them, whether they are the right ones."""

import logging
from pathlib import Path

from occlusion_toolkit.errors import CheckpointError, ModelCardError
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.files.home import HOME_VARIABLE, toolkit_home
from occlusion_toolkit.models.cards import ModelCard, Weights

logger = logging.getLogger(__name__)


def locate_weights(weights: Weights, cards: Path) -> Path | None:
    """The file of weights, or None where it is not on this machine.

    Args:
        weights: what the card says about them.
        cards: folder of the card; its `weights/` is looked into before the one of the toolkit's home.
    """
    return find_weights(weights.file, cards)


def find_weights(file: str, cards: Path) -> Path | None:
    """The file of a name in `weights/` of a folder of cards or of the toolkit's home; None without it."""
    places = (folder / "weights" / file for folder in (cards, toolkit_home()))
    return next((path for path in places if path.is_file()), None)


def require_weights(name: str, weights: Weights, cards: Path) -> Path:
    """The file of weights.

    Raises:
        CheckpointError: it is not there; the message says where to get it, under which licence, and where
            to put it.
    """
    path = locate_weights(weights, cards)
    if path is not None:
        return path
    if weights.shipped:
        raise CheckpointError(
            f"The weights {weights.file} of {name} are missing beside its card; "
            "install the toolkit again, or clone it with all its files."
        )
    raise CheckpointError(
        f"The weights of {name} are not on this machine. Licence: {weights.licence}. {weights.how_to_get} "
        f"Then put it, as it is, at {toolkit_home() / 'weights' / weights.file} "
        f"(the folder {toolkit_home()} can be another: set {HOME_VARIABLE})."
    )


def verified_sha256(card: ModelCard, weights: Weights, path: Path) -> str:
    """Checksum of a file of weights, equal to the card's where that states one.

    Raises:
        ModelCardError: the file is another than the card describes.
    """
    found = sha256_file(path)
    if weights.sha256 is None:
        logger.warning("No checksum of %s is known; the sha256 of this file is %s.", weights.file, found)
    elif found != weights.sha256:
        raise ModelCardError(
            f"{path} is not the file that the card of {card.name} describes: sha256 {found} "
            f"instead of {weights.sha256}. Fetch it again, or correct the card if you replaced it."
        )
    return found
