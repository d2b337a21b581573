"""Two or more models on the same crops under the same windows: numbers, differences and their certainty."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float64

from occlusion_toolkit.comparison.given import Swept
from occlusion_toolkit.comparison.numbers import (
    FAILURE_MM,
    ImageNumbers,
    Quantity,
    image_numbers,
)
from occlusion_toolkit.comparison.significance import (
    MeanInterval,
    PairedDifference,
    adjusted_for_many,
    mean_interval,
    paired_difference,
)
from occlusion_toolkit.errors import ResultError, UsageError
from occlusion_toolkit.surveys.stored import ReadOut
from occlusion_toolkit.sweep.protocol import ProtocolCard


@dataclass(frozen=True)
class ModelFigures:
    """One model.

    Attributes:
        name: id of its card; where two share one, with the start of their weights' checksum.
        numbers: per image.
        means: every quantity per column, with its interval.
        failure_curve: share of windows over each threshold of `numbers.CURVE_MM`, with its interval, in %.
    """

    name: str
    numbers: ImageNumbers
    means: dict[Quantity, MeanInterval]
    failure_curve: MeanInterval


@dataclass(frozen=True)
class PairFigures:
    """Two models.

    Attributes:
        first: name of one.
        second: name of the other.
        differences: first minus second, of every quantity per column.
        q: permutation p-values adjusted over joints (Benjamini and Hochberg), of every quantity, (J + 1,);
            the last one, the mean over joints, is one test and needs no adjustment.
    """

    first: str
    second: str
    differences: dict[Quantity, PairedDifference]
    q: dict[Quantity, Float64[np.ndarray, " columns"]]


@dataclass(frozen=True)
class Comparison:
    """The answer.

    Attributes:
        models: in the order they were given.
        pairs: every two of them.
        exceptions: differences between the protocols that were allowed, a line each.
    """

    models: tuple[ModelFigures, ...]
    pairs: tuple[PairFigures, ...]
    exceptions: tuple[str, ...]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """What was compared, in the order of tables."""
        return tuple(self.models[0].means)

    @property
    def columns(self) -> tuple[str, ...]:
        """The joints, then the mean over them."""
        return self.models[0].numbers.columns


def compare_surveys(
    surveys: Sequence[Swept],
    *,
    read_out: ReadOut | None = None,
    aligned: bool = False,
    failure_mm: float = FAILURE_MM,
    allow: Collection[str] = (),
) -> Comparison:
    """Compares the models of two or more surveys, or of two or more heatmaps of one image.

    Args:
        surveys: complete ones, of the same images under the same windows.
        read_out: "error" or "displacement"; error where all have it when None.
        aligned: compare errors after Procrustes alignment.
        failure_mm: error above which a window counts as a failure.
        allow: fields of the protocol card that may differ nevertheless.

    Raises:
        ResultError: a survey is not complete, or they cannot be compared; the message names the lines of
            their protocol cards that differ.
        UsageError: there are fewer than two surveys, or two of the same model with the same weights.
    """
    if len(surveys) < 2:
        raise UsageError("a comparison needs two results or more")
    exceptions = check_comparable(surveys, allow)
    names = _names(surveys)
    wanted: ReadOut = read_out or (
        "error" if all("error" in survey.card.read_outs for survey in surveys) else "displacement"
    )
    models = tuple(
        _figures(name, image_numbers(survey, wanted, aligned=aligned, failure_mm=failure_mm))
        for name, survey in zip(names, surveys, strict=True)
    )
    return Comparison(models, tuple(_pair(*two) for two in combinations(models, 2)), exceptions)


def check_comparable(surveys: Sequence[Swept], allow: Collection[str] = ()) -> tuple[str, ...]:
    """Makes sure that surveys differ in their models alone.

    Args:
        surveys: two or more.
        allow: fields of the protocol card that may differ nevertheless.

    Returns:
        The differences that were allowed, a line each.

    Raises:
        ResultError: they differ in more; every line that differs is named.
        UsageError: a field to allow does not exist.
    """
    allowed: list[str] = []
    refused: list[str] = []
    check_allowed(allow)
    first = surveys[0]
    for survey in surveys[1:]:
        lines = first.card.differences(survey.card)
        if first.joint_set != survey.joint_set:
            lines.append(f"joint_set: {first.joint_set} and {survey.joint_set}")
        if first.num_images != survey.num_images:
            lines.append(f"images: {first.num_images} and {survey.num_images}")
        for line in lines:
            (allowed if line.split(":")[0] in allow else refused).append(
                f"{first.card.model_card} and {survey.card.model_card}: {line}"
            )
    if refused:
        raise ResultError(
            "these results were not made by the same protocol, so their numbers do not compare:\n  "
            + "\n  ".join(refused)
            + "\nrepeat one of them with the settings of the other, or allow a difference by its name"
        )
    return tuple(allowed)


def check_allowed(allow: Collection[str]) -> None:
    """Makes sure that what is allowed to differ are lines of protocol cards.

    Raises:
        UsageError: a field to allow does not exist.
    """
    unknown = sorted(set(allow) - set(ProtocolCard.model_fields))
    if unknown:
        raise UsageError(
            f"{', '.join(unknown)} cannot be allowed to differ; it is not one of: "
            + ", ".join(sorted(set(ProtocolCard.model_fields) - ProtocolCard.MAY_DIFFER))
        )


def adjusted_over_joints(p_values: Float64[np.ndarray, " columns"]) -> Float64[np.ndarray, " columns"]:
    """P-values adjusted for the number of joints; the last, of the mean over joints, stays as it is."""
    return np.append(adjusted_for_many(p_values[:-1]), p_values[-1])


def _names(surveys: Sequence[Swept]) -> list[str]:
    """The models' ids, told apart by their weights where two have the same."""
    ids = [survey.card.model_card for survey in surveys]
    names = [
        name if ids.count(name) == 1 else f"{name} ({(survey.card.weights_sha256 or 'no checksum')[:8]})"
        for name, survey in zip(ids, surveys, strict=True)
    ]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"{', '.join(twice)} is given twice; compare two different models")
    return names


def _figures(name: str, numbers: ImageNumbers) -> ModelFigures:
    return ModelFigures(
        name=name,
        numbers=numbers,
        means={
            quantity: mean_interval(values, numbers.sequences) for quantity, values in numbers.values.items()
        },
        failure_curve=mean_interval(numbers.failure_curve, numbers.sequences),
    )


def _pair(first: ModelFigures, second: ModelFigures) -> PairFigures:
    for one, other in zip(first.numbers.images, second.numbers.images, strict=True):
        if (one.sequence, one.frame, one.person) != (other.sequence, other.frame, other.person):
            raise ResultError(
                f"{first.name} and {second.name} were not surveyed on the same people: {one} and {other}"
            )
    differences = {
        quantity: paired_difference(values, second.numbers.values[quantity], first.numbers.sequences)
        for quantity, values in first.numbers.values.items()
    }
    q = {quantity: adjusted_over_joints(found.p_permutation) for quantity, found in differences.items()}
    return PairFigures(first.name, second.name, differences, q)
