"""What the other analyses of the same surveys say, for the page of a comparison.

Each entry of `ANALYSES` makes a section: a title, a sentence or two, a picture and a table. An analysis that
a survey cannot have (no masks, nobody occluded) says why in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from occlusion_toolkit.errors import OcclusionToolkitError
from occlusion_toolkit.flips.figure import reversals_figure
from occlusion_toolkit.flips.run import reversals
from occlusion_toolkit.influences.figure import influence_figure
from occlusion_toolkit.influences.run import influence
from occlusion_toolkit.natural_occlusion.figure import natural_figure
from occlusion_toolkit.natural_occlusion.run import natural
from occlusion_toolkit.natural_occlusion.table import models_table
from occlusion_toolkit.surveys.survey import Survey


@dataclass(frozen=True)
class Insight:
    """One section of the page.

    Attributes:
        title: of the section.
        text: what it says, in words, or why there is nothing to say.
        figure: the picture; None where there is none.
        table: below it; None where there is none.
    """

    title: str
    text: str
    figure: Figure | None = None
    table: pd.DataFrame | None = None


def insights(surveys: Mapping[str, Survey]) -> list[Insight]:
    """The sections of some models on the same people, in the order of the page.

    Args:
        surveys: by the models' names; nothing gives no sections.
    """
    return [_tried(title, make, surveys) for title, make in ANALYSES.items()] if surveys else []


def _tried(
    title: str, make: Callable[[Mapping[str, Survey]], Insight], surveys: Mapping[str, Survey]
) -> Insight:
    try:
        return make(surveys)
    except OcclusionToolkitError as error:
        return Insight(title, f"Not for these surveys: {error}.")


def _influence(surveys: Mapping[str, Survey]) -> Insight:
    found = {name: influence(survey) for name, survey in surveys.items()}
    told = []
    for name, one in found.items():
        remote = one.summary()["windows_over"]["remote"]
        if remote["share_of_increase"] is not None:
            told.append(
                f"{name}: {remote['share_of_increase']:.0f} % of what the square adds comes from those that "
                f"touch neither a joint's limb nor a neighbour of it ({remote['increase_mm']:.1f} mm each)"
            )
    rows = {
        (name, joint.replace("_", " ")): row
        for name, one in found.items()
        for joint, row in one.table().round(1).to_dict("index").items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return Insight(_INFLUENCE, f"{'; '.join(told)}.", influence_figure(found), table)


def _reversals(surveys: Mapping[str, Survey]) -> Insight:
    found = {name: reversals(survey) for name, survey in surveys.items()}
    told = []
    for name, one in found.items():
        numbers = one.summary()["against"]["clean"]["either"]
        told.append(
            f"{name}: {numbers['windows']['mean']:.1f} % of the windows, "
            f"{numbers['images']['mean']:.0f} % of the people under some window"
        )
    table = pd.concat({name: one.table() for name, one in found.items()})
    return Insight(_REVERSALS, f"{'; '.join(told)}.", reversals_figure(found), table)


def _natural(surveys: Mapping[str, Survey]) -> Insight:
    found = {name: natural(survey) for name, survey in surveys.items()}
    told = "; ".join(f"{name}: {one.verdict}" for name, one in found.items())
    return Insight(_NATURAL, f"{told}.", natural_figure(found), models_table(found).round(1))


_INFLUENCE = "Influence: which hidden part corrupts which joint"
_REVERSALS = "Reversals: turned round, or left and right swapped"
_NATURAL = "Square against world: joints that the world hides"

ANALYSES: dict[str, Callable[[Mapping[str, Survey]], Insight]] = {
    _INFLUENCE: _influence,
    _REVERSALS: _reversals,
    _NATURAL: _natural,
}
"""Title of a section, and what makes it."""
