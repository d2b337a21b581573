"""What a recipe of the official world needs that users fetch themselves, read off its own command lines."""

import functools
import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from occlusion_toolkit.body.arrays import SMPL_TOPOLOGY
from occlusion_toolkit.body.smpl_files import H36M_REGRESSOR
from occlusion_toolkit.errors import OcclusionToolkitError
from occlusion_toolkit.files.home import toolkit_home
from occlusion_toolkit.models.cards import ModelCard, RegressorCard
from occlusion_toolkit.models.papers import paper_protocol
from occlusion_toolkit.models.registry import load_card
from occlusion_toolkit.studies.recipes import load_recipe, recipes

NEUTRAL, MALE, FEMALE = "SMPL neutral", "SMPL male", "SMPL female"
"""Names of the bodies."""

TEST, VALIDATION, TRAIN = "3dpw test", "3dpw validation", "3dpw train"
"""Names of the splits of 3DPW."""

THREEDOH = "3doh test"

_OF_DATASETS = {"3dpw": (TEST,), "3dpw-occ": (TEST, VALIDATION, TRAIN), "3doh": (THREEDOH,)}

_ROOT = Path("out")


def official_lines(recipe: Path) -> list[list[str]]:
    """The command lines of a recipe in the official world."""
    return load_recipe(recipe).command_lines("official", _ROOT)


def needs_of_line(
    words: Sequence[str], card_of: Callable[[str], RegressorCard] = load_card
) -> frozenset[str]:
    """Names of what one command line needs.

    Args:
        words: of the line.
        card_of: reads the card of a model.
    """
    models, datasets = values_of(words, "--model"), values_of(words, "--dataset")
    pictures = str(toolkit_home() / "data" / "3dpw")
    if any(word.startswith(pictures) for word in words):
        datasets = ["3dpw"]
    needs = {name for dataset in datasets for name in _OF_DATASETS.get(dataset, ())}
    for model in models:
        try:
            card = card_of(model)
        except OcclusionToolkitError:
            needs.add(model)
            continue
        if isinstance(card, ModelCard) and not card.weights.shipped:
            needs.add(card.weights.file)
        if card.body == SMPL_TOPOLOGY:
            needs |= {NEUTRAL, H36M_REGRESSOR}
        rule = next(iter(values_of(words, "--gt-gender")), paper_protocol(card).gender_rule)
        if rule == "gendered" and any(name.startswith("3dpw") for name in datasets):
            needs |= {MALE, FEMALE}
    return frozenset(needs)


def needs_of_recipes() -> dict[str, frozenset[str]]:
    """Names of what each recipe of the paper needs, by its name."""
    card_of = functools.cache(load_card)  # for this call only: users change their cards
    return {
        name: frozenset[str]().union(*(needs_of_line(words, card_of) for words in official_lines(path)))
        for name, path in recipes().items()
    }


def values_of(words: Iterable[str], option: str) -> list[str]:
    """What is given for an option on a command line."""
    several = list(words)
    return [value for word, value in itertools.pairwise(several) if word == option]
