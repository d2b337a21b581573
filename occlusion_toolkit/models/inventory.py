"""What can be run on this machine: every model with a name, and what it lacks."""

from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

from occlusion_toolkit.errors import ModelCardError
from occlusion_toolkit.models.cards import ModelCard, RegressorCard, read_card
from occlusion_toolkit.models.plugins import load_plugin
from occlusion_toolkit.models.registry import find_source, model_sources
from occlusion_toolkit.models.weight_files import locate_weights


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


def _model(name: str, source: Path | EntryPoint) -> Model:
    if isinstance(source, EntryPoint):
        return Model(name, load_plugin(source)[1], None, None)
    card = read_card(source)
    return Model(card.name, card, source, locate_weights(card.weights, source.parent))
