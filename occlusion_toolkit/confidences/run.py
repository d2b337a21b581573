"""From a survey to what its confidence knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from occlusion_toolkit.comparison.image_values import FAILURE_MM
from occlusion_toolkit.comparison.sequence_sums import SequenceSums, Statistic, resampled
from occlusion_toolkit.confidences.confidence import (
    EVERY,
    KIND,
    LAYOUT,
    PERSON,
    RANKS,
    UNDER,
    VARIABLES,
    Confidence,
)
from occlusion_toolkit.confidences.rule import (
    QUANTITIES,
    TENTHS,
    by_step,
    curve_numbers,
    rank_correlation,
    steps,
)
from occlusion_toolkit.errors import ResultError, UsageError
from occlusion_toolkit.surveys.partial import Progress, by_shard
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.maps import (
    CONFIDENCE,
    clean_of,
    confidence_names,
    default_metric,
    metric_name,
    metric_parts,
    values_of,
    with_card,
)

CHOSEN = (0.25, 0.5, 0.75)
"""Coverages at which tables give the share over the threshold, unless others are asked for."""

CURVE = np.arange(1, 21) / 20
"""Coverages of curves."""

RESAMPLES = 1999
"""Fewer than elsewhere: ranks are taken again in each."""


def confidence(
    survey: Survey | Path | str,
    *,
    of: str | None = None,
    metric: str | None = None,
    over_mm: float = FAILURE_MM,
    coverages: Sequence[float] = CHOSEN,
    keep: Path | str | None = None,
    progress: Progress | None = None,
) -> Confidence:
    """Whether a regressor's confidence knows its errors (docs/confidence.md).

    Args:
        survey: a complete survey of a network that says how sure it is, or its folder.
        of: which confidence, where there are several, such as `peak` or `entropy` of attention; None for the
            first by name.
        metric: what is risked: `error`, `pa_error`, ...; None for the error, or the displacement where there
            is no truth.
        over_mm: errors over it count as failures.
        coverages: shares of the surest entries at which tables tell the failures, over 0 and up to 1.
        keep: folder for what was read of each shard, so that a run that was stopped goes on; None keeps
            nothing.
        progress: called with images done and images in all.

    Raises:
        ResultError: the survey is not complete or not intact, or its network says nothing of how sure it is.
        GroundTruthError: the metric needs a truth that the survey does not have.
        UsageError: there is no such confidence or metric, or a coverage or the threshold is out of range.

    Example:
        >>> import tempfile
        >>> import occlusion_toolkit as ot
        >>> people = ot.open_dataset("open", limit=2)
        >>> sweep = ot.OcclusionSweep("pare-open", size=112, stride=112)
        >>> found = ot.confidence(ot.survey(sweep, people, out=tempfile.mkdtemp()), of="peak")
        >>> found.dataset["risk"].dims
        ('under', 'joint', 'coverage')
    """
    survey = survey if isinstance(survey, Survey) else Survey.open(survey)
    name = metric or default_metric(survey.card)
    if metric_parts(name)[1] == "increase":
        raise UsageError(f"a risk is an error; give {name.replace('increase', 'error')!r}, not {name!r}")
    if not over_mm > 0:
        raise UsageError(f"a threshold of {over_mm:g} mm has nothing below it; give more than 0")
    wrong = [f"{share:g}" for share in coverages if not 0 < share <= 1]
    if wrong:
        raise UsageError(f"a coverage is a share over 0 and up to 1, not {', '.join(wrong)}")
    chosen = _chosen(survey, of)
    shards = by_shard(
        survey,
        lambda maps: _read(survey, maps, chosen, name),
        f"{KIND}-images",
        LAYOUT,
        settings=f"{chosen} {name}",
        keep=None if keep is None else Path(keep),
        progress=progress,
    )
    parts = list(shards)
    sequences = [str(sequence) for part in parts for sequence in part["sequence"].values]
    entries = {
        under: [np.concatenate([part[f"{what}_{under}"].values for part in parts]) for what in _WHAT]
        for under in UNDER
    }
    return _pooled(survey, entries, sequences, chosen, name, over_mm, tuple(coverages))


_WHAT = ("confidence", "value", "displacement")


def confidences_of(survey: Survey) -> tuple[str, ...]:
    """The names of a survey's confidences, as `confidence` takes them; nothing where it has none.

    Raises:
        ResultError: the survey is not complete or not intact.
    """
    survey.shards()  # says what is missing
    names = confidence_names(survey.shard(0))
    return tuple(name.removeprefix(f"{CONFIDENCE}_") for name in names)


def _chosen(survey: Survey, of: str | None) -> str:
    """The confidence that is asked for.

    Raises:
        ResultError: the survey has none.
        UsageError: it has others.
    """
    known = confidences_of(survey)
    if not known:
        raise ResultError(
            f"this survey of {survey.card.model_card} holds no confidence; survey a network that has one "
            "(blazepose, pare-open, or your own with RegressorOutput(..., confidence=...)), with this toolkit"
        )
    if of is not None and of not in known:
        raise UsageError(f"{survey.card.model_card} has no confidence {of!r}; it has: {', '.join(known)}")
    return of or known[0]


def _read(survey: Survey, maps: xr.Dataset, of: str, metric: str) -> xr.Dataset:
    """What is read of some images: confidence, errors and displacements of every joint and pass."""
    variable = of if of == CONFIDENCE else f"{CONFIDENCE}_{of}"
    if variable not in maps:
        raise ResultError(f"some images of this survey of {survey.card.model_card} hold no {variable}")
    moved = metric_name(metric_parts(metric)[0], "displacement")

    def under_windows(values: xr.DataArray) -> np.ndarray:
        by_joint = values.transpose("image", "joint", "row", "col").values
        return np.asarray(by_joint.reshape(*by_joint.shape[:2], -1), dtype=np.float32)

    sure = maps[f"clean_{variable}"].values[..., None].astype(np.float32)
    clean = clean_of(maps, metric)
    arrays = {
        "confidence_squares": under_windows(maps[variable]),
        "value_squares": under_windows(values_of(maps, metric)),
        "displacement_squares": under_windows(values_of(maps, moved)),
        "confidence_clean": sure,
        "value_clean": np.zeros_like(sure) if clean is None else clean.values[..., None].astype(np.float32),
        "displacement_clean": np.zeros_like(sure),
    }
    return xr.Dataset(
        {
            name: (("image", "joint", "window" if name.endswith("squares") else "one"), values)
            for name, values in arrays.items()
        },
        {"sequence": ("image", maps["sequence"].values.astype(str))},
    )


def _pooled(
    survey: Survey,
    entries: dict[str, list[NDArray[np.float32]]],
    sequences: list[str],
    of: str,
    metric: str,
    over_mm: float,
    chosen: tuple[float, ...],
) -> Confidence:
    order, numbers = np.unique(sequences, return_inverse=True)
    names = tuple(map(str, order))
    joints = [*survey.joint_names, EVERY, PERSON]
    coverages = np.unique([*CURVE, *chosen])
    width = len(QUANTITIES) + 2 * len(coverages) + 2 * TENTHS
    found = np.full((3, len(UNDER), len(joints), width + len(RANKS)), np.nan)
    counts = np.zeros((len(UNDER), len(joints)), dtype=np.int64)
    for row, under in enumerate(UNDER):
        if under == "clean" and metric_parts(metric)[1] == "displacement":
            continue  # nothing has moved yet
        for column, joint in enumerate(joints):
            sure, value, moved = _column(entries[under], column, joint)
            whose = np.repeat(numbers, len(sure) // len(numbers))
            known = np.isfinite(sure)
            counts[row, column] = known.sum()
            if known.any():
                given = (sure[known], value[known], whose[known], names)
                found[:, row, column, :width] = _curves(*given, over_mm, coverages)
                for place, other in enumerate((value, moved) if under == "squares" else (value,), width):
                    found[:, row, column, place] = _ranks(sure[known], other[known], *given[2:])
    cuts = np.cumsum([len(QUANTITIES), len(coverages), len(coverages), TENTHS, TENTHS])
    quantities, risk, over, tenth_over, tenth_sure, ranks = np.split(found, cuts, axis=-1)
    values = np.moveaxis(np.concatenate((quantities, ranks), axis=-1), -1, 1)
    arrays = {
        name + end: table[place]
        for name, table in {"value": values, "risk": risk, "over": over, "tenth_over": tenth_over}.items()
        for place, end in enumerate(("", "_low", "_high"))
    } | {"tenth_confidence": tenth_sure[0], "entries": counts}
    labels = {
        "quantity": [*QUANTITIES, *RANKS],
        "under": list(UNDER),
        "joint": joints,
        "coverage": coverages,
        "tenth": np.arange(1, TENTHS + 1),
        "chosen": list(chosen),
    }
    facts = {
        "metric": metric,
        "confidence": of,
        "over_mm": float(over_mm),
        "num_images": len(sequences),
        "num_sequences": len(names),
    }
    dataset = xr.Dataset({name: (dims, arrays[name]) for name, dims in VARIABLES.items()}, labels, facts)
    return Confidence(with_card(dataset, survey.card.model_copy(update={"analysis": KIND})))


def _column(
    entries: list[NDArray[np.float32]], column: int, joint: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The entries of a joint, of all, or of persons: image by image, (N,) each."""
    if joint == EVERY:
        chosen = entries
    elif joint == PERSON:
        known = np.isfinite(entries[0])  # joints without a part have no confidence
        count = known.sum(axis=1)
        chosen = [
            np.divide(
                np.where(known, one, 0).sum(axis=1, dtype=np.float64),
                count,
                out=np.full(count.shape, np.nan),
                where=count > 0,
            )
            for one in entries
        ]
    else:
        chosen = [one[:, column] for one in entries]
    one, two, three = (values.ravel().astype(np.float64) for values in chosen)
    return one, two, three


def _curves(
    sure: NDArray[np.float64],
    value: NDArray[np.float64],
    whose: NDArray[np.int64],
    names: tuple[str, ...],
    over_mm: float,
    coverages: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The numbers of `curve_numbers` with their intervals, (3, M)."""
    codes, levels = steps(sure), steps(value)
    codes, ones = codes.max() - codes, np.ones(len(sure))  # the surest first

    def table(weights: NDArray[np.floating], by: NDArray[np.int64]) -> NDArray[np.float64]:
        return by_step(weights, by, whose, len(names))

    count, level_count = table(ones, codes), table(ones, levels)
    over = (value > over_mm).astype(np.float64)
    sums = np.concatenate(
        [table(value, codes), table(over, codes), table(sure, codes), table(value, levels)], axis=1
    )
    counts = np.concatenate([count, count, count, level_count], axis=1)
    width = count.shape[1]

    def numbers(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
        errors, over, confidence, by_error = np.split(sums, [width, 2 * width, 3 * width], axis=1)
        return curve_numbers(
            errors, over, confidence, counts[:, :width], (by_error, counts[:, 3 * width :]), coverages
        )

    return _interval(numbers, SequenceSums(names, sums, counts), whose)


def _ranks(
    sure: NDArray[np.float64],
    other: NDArray[np.float64],
    whose: NDArray[np.int64],
    names: tuple[str, ...],
) -> NDArray[np.float64]:
    """Spearman's correlation of confidence and something else, with its interval, (3,)."""
    first, second = steps(sure), steps(other)
    width = int(second.max()) + 1
    pairs, cells = np.unique(first * width + second, return_inverse=True)
    counts = by_step(np.ones(len(sure)), cells, whose, len(names))
    tables = SequenceSums(names, counts, counts)

    def correlation(_: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
        return rank_correlation(counts, pairs // width, pairs % width)[:, None]

    return _interval(correlation, tables, whose)[:, 0]


def _interval(statistic: Statistic, tables: SequenceSums, whose: NDArray[np.int64]) -> NDArray[np.float64]:
    found = resampled(statistic, tables, np.array(len(np.unique(whose))), resamples=RESAMPLES)
    return np.stack([found.mean, found.low, found.high])
