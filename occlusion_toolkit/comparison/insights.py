"""What the other analyses of the same surveys say, for the page of a comparison.

Each entry of `ANALYSES` makes a section: a title, a sentence or two, a picture and a table. An analysis that
a survey cannot have (no masks, nobody occluded) says why in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.breaking_sizes.breaking_size import BreakingSize
from occlusion_toolkit.breaking_sizes.figure import breaking_size_figure
from occlusion_toolkit.breaking_sizes.run import sizes_of
from occlusion_toolkit.breaking_sizes.table import pairs_table as breaking_size_pairs
from occlusion_toolkit.comparison.interval_cells import text
from occlusion_toolkit.confidences.figure import confidence_figure
from occlusion_toolkit.confidences.run import confidence, confidences_of
from occlusion_toolkit.confidences.table import models_table as confidences_table
from occlusion_toolkit.errors import OcclusionToolkitError, ResultError
from occlusion_toolkit.flips.figure import reversals_figure
from occlusion_toolkit.flips.run import reversals
from occlusion_toolkit.influences.figure import influence_figure
from occlusion_toolkit.influences.run import influence
from occlusion_toolkit.natural_occlusion.figure import natural_figure
from occlusion_toolkit.natural_occlusion.run import natural
from occlusion_toolkit.natural_occlusion.table import models_table
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.maps import CONFIDENCE
from occlusion_toolkit.worst_pairs.figure import worst_pair_figure
from occlusion_toolkit.worst_pairs.table import pairs_table as worst_pair_pairs
from occlusion_toolkit.worst_pairs.worst_pair import WorstPair


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


@dataclass(frozen=True)
class DrawnInsight(Insight):
    """A section that surely has a picture and a table."""

    figure: Figure
    table: pd.DataFrame


def insights(
    surveys: Mapping[str, Survey], of_sizes: Mapping[str, Sequence[Survey]] | None = None
) -> list[Insight]:
    """The sections of some models on the same people, in the order of the page.

    Args:
        surveys: by the models' names; nothing gives no sections.
        of_sizes: the surveys of every model under squares of several sizes, where there are some.
    """
    sections = [_tried(title, partial(make, surveys)) for title, make in ANALYSES.items()] if surveys else []
    if of_sizes:
        sections.append(_tried(_BREAKING_SIZE, partial(_breaking_size, of_sizes)))
    return sections


def _tried(title: str, make: Callable[[], Insight]) -> Insight:
    try:
        return make()
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


def _confidence(surveys: Mapping[str, Survey]) -> Insight:
    names = {name: confidences_of(survey) for name, survey in surveys.items()}
    found = {
        name if of == CONFIDENCE else f"{name}-{of}": confidence(survey, of=of)
        for name, survey in surveys.items()
        for of in names[name]
    }
    if not found:
        raise ResultError("none of the models says how sure it is")
    told = [f"{name}: {one.verdict}" for name, one in found.items()]
    told += [f"{name} says nothing of how sure it is" for name, known in names.items() if not known]
    return Insight(
        _CONFIDENCE, f"{'; '.join(told)}.", confidence_figure(found), confidences_table(found).round(1)
    )


def _breaking_size(of_sizes: Mapping[str, Sequence[Survey]]) -> Insight:
    return breaking_size_insight({name: sizes_of(surveys) for name, surveys in of_sizes.items()})


def breaking_size_insight(found: Mapping[str, BreakingSize]) -> DrawnInsight:
    """The section of breaking sizes, by the models' names.

    Raises:
        ResultError: the models cannot be paired.
    """
    first = next(iter(found.values()))
    told = []
    for name, one in found.items():
        numbers = one.summary()
        broken = numbers["sizes"][str(one.sizes[-1])]
        told.append(
            f"{name}: squares of up to {one.sizes[-1]} px break {text(broken['broken'])} % of the places and "
            f"{text(broken['people_broken'], 0)} % of the people; a larger square hurts less at "
            f"{text(numbers['less_share'])} % of the places"
        )
    rule = f"Broken: {first.metric}, {first.joint} of joints, above {first.over_mm:g} mm. "
    table = breaking_size_pairs(found) if len(found) > 1 else first.table()
    return DrawnInsight(_BREAKING_SIZE, f"{rule}{'; '.join(told)}.", breaking_size_figure(found), table)


def worst_pair_insight(found: Mapping[str, WorstPair], bodies: Bodies | None = None) -> DrawnInsight:
    """The section of worst pairs, by the models' names.

    Raises:
        ResultError: the models cannot be paired, or a result cannot be drawn.
        BodyModelError: a body is not at hand.
    """
    first = next(iter(found.values()))
    told = []
    for name, one in found.items():
        numbers = one.summary()
        told.append(
            f"{name}: {text(numbers['pair_mm'])} mm under the worst two squares of {one.pair_size} px, "
            f"{text(numbers['single_mm'])} mm under the worst one of {one.size} px"
        )
    table = worst_pair_pairs(found) if len(found) > 1 else first.table()
    return DrawnInsight(
        _WORST_PAIR, f"{first.metric}: {'; '.join(told)}.", worst_pair_figure(found, bodies), table
    )


_BREAKING_SIZE = "Breaking size: how large the thing in front must be"
_WORST_PAIR = "Worst pair: two squares against one of the same area"
_INFLUENCE = "Influence: which hidden part corrupts which joint"
_REVERSALS = "Reversals: turned round, or left and right swapped"
_NATURAL = "Square against world: joints that the world hides"
_CONFIDENCE = "Confidence: does a model know when it is wrong?"

ANALYSES: dict[str, Callable[[Mapping[str, Survey]], Insight]] = {
    _INFLUENCE: _influence,
    _REVERSALS: _reversals,
    _NATURAL: _natural,
    _CONFIDENCE: _confidence,
}
"""Title of a section, and what makes it."""
