"""A comparison in the form that is stored and that tables, figures and the report are made from."""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlusion_toolkit.comparison.comparison import Comparison, adjusted_over_joints, check_comparable
from occlusion_toolkit.comparison.given import Swept
from occlusion_toolkit.comparison.numbers import CURVE_MM, ImageNumbers, image_numbers, over_sizes
from occlusion_toolkit.comparison.significance import (
    MeanInterval,
    PairedDifference,
    mean_interval,
    paired_difference,
)
from occlusion_toolkit.comparison.stored import (
    StoredComparison,
    StoredDifference,
    StoredInterval,
    StoredModel,
    StoredPair,
    StoredQuantity,
)
from occlusion_toolkit.errors import UsageError

SIZE_AREA = "size_area"
"""Name of the area under the curve over occluder sizes among the differences of a pair."""


def record(
    comparison: Comparison,
    surveys: Sequence[Swept],
    folder: Path,
    by_size: Mapping[int, Sequence[Swept]] | None = None,
    allow: Collection[str] = (),
) -> StoredComparison:
    """Gathers a comparison for storage.

    Args:
        comparison: of the surveys.
        surveys: the surveys, in the order of its models.
        folder: where the file will be, so that it can point at the surveys below it.
        by_size: surveys with occluders of several sizes, by side in pixels, each in the order of the models;
            None where one size was asked.
        allow: fields of the protocol card that may differ nevertheless.

    Raises:
        ResultError: surveys of one size cannot be compared, or are not complete.
        UsageError: there are sizes, but fewer than two, or the surveys differ in number.
    """
    first = comparison.models[0]
    areas: list[NDArray[np.float64]] = []
    curves: list[MeanInterval] = []
    if by_size:
        for per_model in _numbers_by_model(comparison, by_size, allow):
            areas.append(over_sizes(by_size, per_model))
            overall = np.stack([numbers.occluded[:, -1] for numbers in per_model], axis=1)
            curves.append(mean_interval(overall, first.numbers.sequences))
    models = tuple(
        StoredModel(
            name=model.name,
            card=model.numbers.card,
            survey=_pointer(survey.folder, folder),
            quantities={quantity.name: _interval(found) for quantity, found in model.means.items()},
            failure_curve=_interval(model.failure_curve),
            size_curve=_interval(curves[index]) if curves else None,
            size_area=_interval(mean_interval(areas[index], first.numbers.sequences)) if areas else None,
        )
        for index, (model, survey) in enumerate(zip(comparison.models, surveys, strict=True))
    )
    names = [model.name for model in comparison.models]
    pairs = []
    for pair in comparison.pairs:
        differences = {
            quantity.name: _difference(found, pair.q[quantity])
            for quantity, found in pair.differences.items()
        }
        if areas:
            one, other = areas[names.index(pair.first)], areas[names.index(pair.second)]
            found = paired_difference(one, other, first.numbers.sequences)
            differences[SIZE_AREA] = _difference(found, adjusted_over_joints(found.p_permutation))
        pairs.append(StoredPair(first=pair.first, second=pair.second, differences=differences))
    return StoredComparison(
        read_out="error" if first.numbers.read_out == "error" else "displacement",
        aligned=first.numbers.aligned,
        columns=comparison.columns,
        quantities=tuple(
            StoredQuantity(
                name=quantity.name,
                title=quantity.title,
                unit="mm" if quantity.unit == "mm" else "%",
                definition=quantity.definition,
            )
            for quantity in comparison.quantities
        ),
        failure_mm=first.numbers.failure_mm,
        thresholds_mm=tuple(CURVE_MM.tolist()),
        sizes_px=tuple(by_size or ()),
        sequences=len(set(first.numbers.sequences)),
        frames=len(first.numbers.sequences),
        models=models,
        pairs=tuple(pairs),
        exceptions=comparison.exceptions,
    )


def _numbers_by_model(
    comparison: Comparison, by_size: Mapping[int, Sequence[Swept]], allow: Collection[str]
) -> list[list[ImageNumbers]]:
    """Numbers of every model, one per size, in the order of the sizes."""
    settings = comparison.models[0].numbers
    for size, surveys in by_size.items():
        if len(surveys) != len(comparison.models):
            raise UsageError(f"size {size} has {len(surveys)} surveys for {len(comparison.models)} models")
        check_comparable(surveys, allow)
    return [
        [
            image_numbers(
                surveys[index],
                settings.read_out,
                aligned=settings.aligned,
                failure_mm=settings.failure_mm,
            )
            for surveys in by_size.values()
        ]
        for index in range(len(comparison.models))
    ]


def _pointer(survey: Path, folder: Path) -> str:
    """Path of a survey as seen from the folder of the comparison, with forward slashes."""
    return Path(os.path.relpath(survey, folder)).as_posix()


def _interval(found: MeanInterval) -> StoredInterval:
    return StoredInterval(
        mean=tuple(found.mean.tolist()), low=tuple(found.low.tolist()), high=tuple(found.high.tolist())
    )


def _difference(found: PairedDifference, q: NDArray[np.float64]) -> StoredDifference:
    return StoredDifference(
        interval=_interval(found.difference),
        p_permutation=tuple(found.p_permutation.tolist()),
        q=tuple(q.tolist()),
        p_t_sequences=tuple(found.p_t_sequences.tolist()),
        p_t_frames=tuple(found.p_t_frames.tolist()),
        effect=tuple(found.effect.tolist()),
        share_smaller=tuple(found.share_smaller.tolist()),
    )
