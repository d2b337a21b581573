"""How long the official runs take on this machine, extrapolated from how fast their networks are here."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from occlusion_toolkit.errors import OcclusionToolkitError
from occlusion_toolkit.models.cards import ModelCard
from occlusion_toolkit.models.registry import load_card
from occlusion_toolkit.studies.needs import TEST, THREEDOH, values_of
from occlusion_toolkit.sweep.grid import Grid

PUBLISHED_PEOPLE = {TEST: 35_515, THREEDOH: 1_290}
"""People of the lists that others evaluate on, for data sets that are not here."""

_SEARCHES = ("breaking-size", "worst-pair")
"""Commands whose passes depend on what they find."""

_BATCH = 8

_SECONDS = 2.0


@dataclass(frozen=True)
class Estimate:
    """What a recipe takes.

    Attributes:
        passes: forward passes of all its networks; None where nobody knows how many.
        seconds: time of these passes, one after the other; None likewise.
    """

    passes: int | None
    seconds: float | None


@torch.inference_mode()
def seconds_per_pass(card: ModelCard, device: torch.device) -> float:
    """How long one crop takes in a network of this architecture with random weights, in batches of 8.

    Args:
        card: says which network.
        device: where.
    """
    network = card.network.build().eval().to(device)
    size = card.preprocessing.resolution
    crops = torch.zeros(_BATCH, 3, size, size, device=device)
    network(crops)  # the first pass is slower than the rest
    count, began = 0, time.perf_counter()
    while count == 0 or time.perf_counter() - began < _SECONDS:
        network(crops)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        count += 1
    return (time.perf_counter() - began) / (count * _BATCH)


def rates(models: Sequence[str], device: torch.device) -> dict[str, float]:
    """Seconds per pass of each model that has a card; equal architectures are measured once."""
    measured: dict[str, float] = {}
    found = {}
    for model in models:
        try:
            card = load_card(model)
        except OcclusionToolkitError:
            continue
        if isinstance(card, ModelCard):
            architecture = card.network.model_dump_json()
            if architecture not in measured:
                measured[architecture] = seconds_per_pass(card, device)
            found[model] = measured[architecture]
    return found


def estimate(
    lines: Sequence[Sequence[str]], pace: Mapping[str, float], people: Mapping[str, int]
) -> Estimate:
    """What the command lines of a recipe take; a sweep that two of them share counts once.

    Args:
        lines: the words of each.
        pace: seconds per pass by model.
        people: in each data set, by its name in `needs`.
    """
    # Steps that name the same folder, data and models do the same: the later one finds it done.
    options = ("--out", "--dataset", "--model")
    steps = {
        (words[0], *(value for name in options for value in values_of(words, name))): words
        for words in lines
        if values_of(words, "--model")
    }
    passes, seconds = 0, 0.0
    for words in steps.values():
        images = _images(words, people)
        if images is None or words[0] in _SEARCHES:
            return Estimate(None, None)
        windows = _windows(words)
        for model in values_of(words, "--model"):
            passes += images * (windows + 1)
            seconds += images * (windows + 1) * pace.get(model, 0.0)
    return Estimate(passes, seconds)


def _images(words: Sequence[str], people: Mapping[str, int]) -> int | None:
    """People that a command runs over; None where nobody knows how many there are."""
    counted = {**PUBLISHED_PEOPLE, **people}
    sets = {"3dpw": (TEST,), "3doh": (THREEDOH,), "3dpw-occ": ("3dpw-occ",)}
    names = [name for dataset in values_of(words, "--dataset") for name in sets.get(dataset, ())]
    if words[0] in ("heatmap", "attention"):
        return 1
    return None if any(name not in counted for name in names) else sum(counted[name] for name in names)


def _windows(words: Sequence[str]) -> int:
    """Windows per image; none for an evaluation, one for a look at attention."""
    if words[0] not in ("heatmap", "mesh"):
        return int(words[0] == "attention")
    stride = int(values_of(words, "--stride")[0])
    return len(Grid(kind="centred", size=40, stride=stride))
