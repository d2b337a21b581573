"""From surveys, or heatmaps of one image, to a comparison. Every shard is read once."""

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float64

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.comparison.comparison import Comparison
from occlusion_toolkit.comparison.entries import (
    SIZE_AREA,
    ComparedModel,
    Difference,
    ExampleRule,
    Interval,
    Pair,
)
from occlusion_toolkit.comparison.example import choose_example
from occlusion_toolkit.comparison.image_values import (
    CURVE_MM,
    EXTRA_QUANTITIES,
    FAILURE_MM,
    ImageValues,
    ImageValuesReader,
    Quantity,
    image_values,
    over_sizes,
    quantities_of,
)
from occlusion_toolkit.comparison.meshes import mesh_of
from occlusion_toolkit.comparison.results import (
    Result,
    check_allowed,
    comparable,
    grouped_by_size,
    names_of,
    opened,
    place_of,
    require_one_kind,
    seen_by_all,
    shared_metric,
)
from occlusion_toolkit.comparison.sequence_sums import SequenceSums, paired_with_gaps
from occlusion_toolkit.comparison.significance import (
    MeanInterval,
    adjusted_for_many,
    mean_interval,
    paired_difference,
)
from occlusion_toolkit.errors import ResultError, UsageError
from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps
from occlusion_toolkit.meshes.sensitivity_mesh import SensitivityMesh
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.maps import metric_names

MAIN_SIZE_PX = 40
"""Occluder of the tables where there are several, as in the paper; else the middle one."""

Progress = Callable[[int, int], None]

Windows = Bool[np.ndarray, "images rows cols"] | None
"""Which windows count; None for all."""


def compare(
    *results: Result | Path | str,
    metric: str | None = None,
    failure_mm: float = FAILURE_MM,
    allow: Collection[str] = (),
    example: ExampleRule = "hardest",
    meshes: bool = False,
    seen_only: bool = False,
    bodies: Bodies | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compares models on the same people under the same windows, with sequences as the units of statistics.

    Args:
        results: two or more surveys, or their folders; or heatmaps of one image, or their files. Surveys of
            every model under squares of several sizes give curves over the size, too.
        metric: what to compare, such as "error", "pa_error" or "mine_error"; None for the error where all
            have it, and the displacement otherwise.
        failure_mm: error above which a window counts as a failure.
        allow: fields of the protocol card that may differ nevertheless.
        example: which image to look at.
        meshes: also pool the surveys on the body, where that was not done; otherwise it is done when the
            meshes are asked for.
        seen_only: count, image by image, the windows that every model can see, and no others. Networks with
            crops of their own do not see all of the reference square; elsewhere their maps are zero.
        bodies: where body models come from; by default the open body, and SMPL from the toolkit's folder.
        progress: called with images pooled and images in all.

    Raises:
        ResultError: a result is missing, damaged or not complete, or they cannot be compared; the message
            names the lines of their protocol cards that differ.
        UsageError: there are fewer than two results, one is given twice, or not all have the metric.

    Example:
        >>> import tempfile
        >>> import occlusion_toolkit as ot
        >>> from occlusion_toolkit.data.people import EvenlySpaced
        >>> people, folder = EvenlySpaced(ot.open_dataset("open"), 2), tempfile.mkdtemp()
        >>> sweeps = [ot.OcclusionSweep(name, size=112, stride=112) for name in ("pare-open", "hmr-open")]
        >>> surveys = [ot.survey(sweep, people, out=f"{folder}/{sweep.model}") for sweep in sweeps]
        >>> list(ot.compare(*surveys).table().columns)
        ['pare-open', 'hmr-open']
    """
    check_allowed(allow)
    bodies = bodies or Bodies()
    everything = [opened(result, bodies) for result in results]
    require_one_kind(everything)
    by_size = grouped_by_size(everything)
    size = MAIN_SIZE_PX if MAIN_SIZE_PX in by_size else sorted(by_size)[len(by_size) // 2]
    exceptions = [comparable(same_size, allow) for same_size in by_size.values()]
    compared = by_size[size]
    names = names_of([result.card for result in compared])
    chosen = metric or shared_metric(compared)
    quantities = quantities_of(chosen)
    for result in everything:
        if chosen not in (held := metric_names(result.card)):
            raise UsageError(f"{place_of(result)!r} holds no {chosen!r}; it holds: {', '.join(held)}")
    pooling = meshes and len({result.card.shown_on for result in compared}) == 1
    pooled: dict[str, SensitivityMesh] = {}
    values = []
    seen = {each: seen_by_all(results) if seen_only else None for each, results in by_size.items()}
    for name, result in zip(names, compared, strict=True):
        found, mesh = _read(result, chosen, failure_mm, pooling, progress, seen[size])
        values.append(found)
        if mesh is not None:
            pooled[name] = mesh
    _require_same_people(values)
    quantities += tuple(
        extra for extra in EXTRA_QUANTITIES if all(_is_known(found, extra.name) for found in values)
    )
    areas, curves = _over_sizes(by_size, size, values, chosen, seen)
    sequences = values[0].sequences
    comparison = Comparison(
        metric=chosen,
        columns=values[0].columns,
        quantities=quantities,
        failure_mm=failure_mm,
        seen_only=seen_only,
        thresholds_mm=tuple(CURVE_MM.tolist()),
        sizes_px=tuple(by_size) if areas else (),
        sequences=len(set(sequences)),
        frames=len(sequences),
        example=choose_example(values, example),
        models=tuple(
            ComparedModel(
                name=name,
                card=found.card,
                result=place_of(result),
                quantities={
                    quantity.name: _interval(_mean(found.values[quantity.name], sequences))
                    for quantity in quantities
                },
                failure_curve=_interval(mean_interval(found.failure_curve, sequences)),
                size_curve=_interval(mean_interval(curves[index], sequences)) if areas else None,
                size_area=_interval(mean_interval(areas[index], sequences)) if areas else None,
            )
            for index, (name, result, found) in enumerate(zip(names, compared, values, strict=True))
        ),
        pairs=tuple(
            _pair(names, values, areas, pair, quantities) for pair in combinations(range(len(names)), 2)
        ),
        exceptions=tuple(dict.fromkeys(line for lines in exceptions for line in lines)),
    )
    named = dict(zip(names, compared, strict=True))
    surveys = {name: result for name, result in named.items() if isinstance(result, Survey)}
    maps = {
        name: result.focused(chosen) for name, result in named.items() if isinstance(result, OcclusionMaps)
    }
    of_sizes: dict[str, list[Survey]] = {name: [] for name in surveys} if len(by_size) > 1 else {}
    for name, of_size in of_sizes.items():
        every = (of_models[names.index(name)] for of_models in by_size.values())
        of_size += [one for one in every if isinstance(one, Survey)]
    return comparison.with_results(
        surveys=surveys, maps=maps, meshes=pooled, surveys_of_sizes=of_sizes, bodies=bodies
    )


def _read(
    result: Result,
    metric: str,
    failure_mm: float,
    pooling: bool,
    progress: Progress | None,
    counted: Windows = None,
) -> tuple[ImageValues, SensitivityMesh | None]:
    """The numbers of every image and, where it is wanted, the mesh: each shard is read once for both."""
    if isinstance(result, OcclusionMaps):
        return image_values(result.card, [result.dataset], metric, failure_mm, counted), None
    reader, mesh, seen = ImageValuesReader(result.card, metric, failure_mm, counted), None, 0

    def watch(shard: xr.Dataset) -> None:
        nonlocal seen
        reader.add(shard)
        seen += 1

    if pooling:
        mesh = mesh_of(result, metric, watch=watch, progress=progress)
    if not seen:
        for shard in result.shards():
            reader.add(shard)
    return reader.values(), mesh


def _require_same_people(values: Sequence[ImageValues]) -> None:
    """Makes sure that all numbers are of the same images in the same order.

    Raises:
        ResultError: they are not.
    """
    first = values[0]
    for found in values[1:]:
        if [image[:3] for image in found.images] != [image[:3] for image in first.images]:
            raise ResultError(
                f"{first.card.model_card} and {found.card.model_card} were not surveyed on the same people; "
                "make the surveys from the same data set"
            )


def _over_sizes(
    by_size: dict[int, list[Result]],
    size: int,
    values: Sequence[ImageValues],
    metric: str,
    seen: Mapping[int, Windows],
) -> tuple[list[Float64[np.ndarray, "images columns"]], list[Float64[np.ndarray, "images sizes"]]]:
    """Of every model, the area under its curve over sizes, and the mean over joints for every size.

    Nothing where there is one size.
    """
    if len(by_size) < 2:
        return [], []
    areas, curves = [], []
    for index, found in enumerate(values):
        over = [
            found if each == size else _read(results[index], metric, FAILURE_MM, False, None, seen[each])[0]
            for each, results in by_size.items()
        ]
        _require_same_people(over)
        areas.append(over_sizes(tuple(by_size), over))
        curves.append(np.stack([one.values["occluded"][:, -1] for one in over], axis=1))
    return areas, curves


def _pair(
    names: Sequence[str],
    values: Sequence[ImageValues],
    areas: Sequence[Float64[np.ndarray, "images columns"]],
    pair: tuple[int, int],
    quantities: Sequence[Quantity],
) -> Pair:
    first, second = pair
    tested = {
        quantity.name: (values[first].values[quantity.name], values[second].values[quantity.name])
        for quantity in quantities
    }
    if areas:
        tested[SIZE_AREA] = (areas[first], areas[second])
    return Pair(
        first=names[first],
        second=names[second],
        differences={
            quantity: _difference(one, other, values[first].sequences)
            for quantity, (one, other) in tested.items()
        },
    )


def _difference(
    one: Float64[np.ndarray, "images columns"],
    other: Float64[np.ndarray, "images columns"],
    sequences: Sequence[str],
) -> Difference:
    has_gaps = not (np.isfinite(one) & np.isfinite(other)).all()
    found = (paired_with_gaps if has_gaps else paired_difference)(one, other, sequences)
    # Adjusted for the number of joints; the last, of the mean over joints, is one test.
    q = np.append(adjusted_for_many(found.p_permutation[:-1]), found.p_permutation[-1])
    rows = {field: getattr(found, field) for field in Difference.model_fields if hasattr(found, field)}
    return Difference(
        interval=_interval(found.difference),
        **{field: tuple(row.tolist()) for field, row in (rows | {"q": q}).items()},
    )


def _is_known(values: ImageValues, quantity: str) -> bool:
    """Whether a model has a quantity in any image."""
    return quantity in values.values and bool(np.isfinite(values.values[quantity]).any())


def _mean(rows: Float64[np.ndarray, "images columns"], sequences: Sequence[str]) -> MeanInterval:
    """Means with their intervals; images without a value are left out."""
    if np.isfinite(rows).all():
        return mean_interval(rows, sequences)
    return SequenceSums.of(rows, sequences).interval()


def _interval(found: MeanInterval) -> Interval:
    return Interval(**{field: tuple(getattr(found, field).tolist()) for field in Interval.model_fields})
