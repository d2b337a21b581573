"""What can be compared: surveys of data sets, or heatmaps of one person in one image."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Bool

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.comparison.comparison import NAME, Comparison
from occlusion_toolkit.errors import ResultError, UsageError
from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps
from occlusion_toolkit.meshes.sensitivity_mesh import SensitivityMesh
from occlusion_toolkit.plotting.figure_files import result_file
from occlusion_toolkit.surveys.manifest import MANIFEST_NAME
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.maps import default_metric
from occlusion_toolkit.sweep.occluders import describe
from occlusion_toolkit.sweep.protocol import ProtocolCard

Result = Survey | OcclusionMaps

_Named = TypeVar("_Named", OcclusionMaps, SensitivityMesh)

_HEATMAP_NAME = "result.h5"
_OF_SURVEYS = (MANIFEST_NAME, "mesh.h5")
"""Files by which a user may name the folder of a survey."""


def check_allowed(allow: Collection[str]) -> None:
    """Makes sure that what is allowed to differ are fields of protocol cards.

    Raises:
        UsageError: a field to allow does not exist.
    """
    unknown = sorted(set(allow) - set(ProtocolCard.model_fields))
    if unknown:
        raise UsageError(
            f"{', '.join(unknown)} cannot be allowed to differ; it is not one of: "
            + ", ".join(sorted(set(ProtocolCard.model_fields) - ProtocolCard.MAY_DIFFER))
        )


def opened(result: Result | Path | str, bodies: Bodies) -> Result:
    """A result that a user gives, by itself, its file or its folder."""
    if isinstance(result, Survey | OcclusionMaps):
        return result
    path = Path(result)
    folder = path.parent if path.name in _OF_SURVEYS else path
    if (folder / MANIFEST_NAME).is_file():
        return Survey.open(folder, bodies)
    file = folder / _HEATMAP_NAME if (folder / _HEATMAP_NAME).is_file() else path
    if file.is_file():
        maps = OcclusionMaps.open(file, bodies)
        maps.dataset.encoding["source"] = str(file)
        return maps
    return Survey.open(folder, bodies)


def place_of(result: Result) -> str:
    """Where a result is; "" for maps that are in no file."""
    if isinstance(result, Survey):
        return str(result.folder)
    return str(result.dataset.encoding.get("source", ""))


def require_one_kind(results: Sequence[Result]) -> None:
    """Makes sure that results are all surveys, or all heatmaps that show the same.

    Raises:
        UsageError: they are surveys and heatmaps mixed.
        ResultError: heatmaps are of different images, boxes, joints or metrics.
    """
    maps = [result for result in results if isinstance(result, OcclusionMaps)]
    if not maps:
        return
    if len(maps) < len(results):
        raise UsageError("surveys and heatmaps of one image are given; compare results of one kind")

    def shown(result: OcclusionMaps) -> dict[str, object]:
        names = ("file_sha256", "box_centre_px", "box_size_px")
        found = {name: result.dataset[name].values.tolist() for name in names}
        return found | {"metric": result.metric, "joints": result.joints}

    first = shown(maps[0])
    for other in maps[1:]:
        for name, value in shown(other).items():
            if value != first[name]:
                raise ResultError(
                    f"{place_of(other)!r} and {place_of(maps[0])!r} do not show the same, {name}: "
                    f"{value} and {first[name]}; make them from the same image with the same options"
                )


def grouped_by_size(results: Sequence[Result]) -> dict[int, list[Result]]:
    """Results by the size of the occluder, where all of several models have every size; else in one group."""
    sizes = sorted({result.card.windows.size for result in results})
    models: dict[tuple[str, str | None], dict[int, Result]] = {}
    for result in results:
        found = models.setdefault((result.card.model_card, result.card.weights_sha256), {})
        found[result.card.windows.size] = result
    if len(models) < 2 or len(results) != len(models) * len(sizes):
        return {results[0].card.windows.size if results else 0: list(results)}
    if any(len(found) < len(sizes) for found in models.values()):
        return {sizes[0]: list(results)}
    return {size: [found[size] for found in models.values()] for size in sizes}


def comparable(results: Sequence[Result], allow: Collection[str]) -> list[str]:
    """Makes sure that results differ in their models alone.

    Returns:
        The differences that were allowed, a line each.

    Raises:
        UsageError: there are fewer than two.
        ResultError: they differ in more; every line that differs is named.
    """
    if len(results) < 2:
        raise UsageError("a comparison needs two results or more")
    counts = [
        result.num_images if isinstance(result, Survey) else result.dataset.sizes["image"]
        for result in results
    ]
    return require_one_protocol([result.card for result in results], allow, counts)


def require_one_protocol(
    cards: Sequence[ProtocolCard], allow: Collection[str], counts: Sequence[int] = ()
) -> list[str]:
    """Makes sure that models are measured by the same rules.

    Args:
        cards: of the models.
        allow: fields that may differ.
        counts: of the images of each, where they are known.

    Returns:
        The differences that were allowed, a line each.

    Raises:
        ResultError: they differ in more; every line that differs is named.
    """
    allowed: list[str] = []
    refused: list[str] = []
    for number, other in enumerate(cards[1:], start=1):
        lines = cards[0].differences(other)
        if counts and counts[0] != counts[number]:
            lines.append(f"images: {counts[0]} and {counts[number]}")
        for line in lines:
            (allowed if line.split(":")[0] in allow else refused).append(
                f"{cards[0].model_card} and {other.model_card}: {line}"
            )
    if refused:
        genders = any(": gender_rule: " in line for line in refused)
        raise ResultError(
            "these are not measured by the same protocol, so their numbers do not compare:\n  "
            + "\n  ".join(refused)
            + "\nmeasure all with the same settings, or allow a difference by its name"
            + ("; --gt-gender neutral is the rule of PARE's script, gendered SPIN's" if genders else "")
        )
    return allowed


def seen_by_all(results: Sequence[Result]) -> Bool[np.ndarray, "images rows cols"] | None:
    """Windows that every model of some results can see, image by image; None where all see all of them.

    Raises:
        ResultError: a survey is damaged, or the models leave nothing of an image to compare.
    """
    together: np.ndarray | None = None
    for result in results:
        parts = [result.dataset] if isinstance(result, OcclusionMaps) else result.shards()
        seen = [part["seen"].values.astype(bool) for part in parts if "seen" in part]
        if seen:
            own = np.concatenate(seen)
            together = own if together is None else together & own
    if together is not None and not together.any(axis=(1, 2)).all():
        raise ResultError("there are images of which no window is seen by every model; compare all windows")
    return together


def names_of(cards: Sequence[ProtocolCard]) -> list[str]:
    """The models' ids; where several are the same, with their weights, their occluder or its size.

    Raises:
        UsageError: two results have nothing that tells them apart.
    """
    names = [card.model_card for card in cards]
    for details in (
        [(card.weights_sha256 or "no checksum")[:8] for card in cards],
        [describe(card.occluder) for card in cards],
        [f"{card.windows.size} px" for card in cards],
    ):
        alike = [
            {detail for detail, other in zip(details, names, strict=True) if other == name} for name in names
        ]
        names = [
            f"{name} ({detail})" if len(found) > 1 else name
            for name, detail, found in zip(names, details, alike, strict=True)
        ]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"{', '.join(twice)} is given twice; compare two different models")
    return names


def shared_metric(results: Sequence[Result]) -> str:
    """The error where all have it, the displacement otherwise, of the first metric measured."""
    metrics = [default_metric(result.card) for result in results]
    return next((name for name in metrics if name.endswith("displacement")), metrics[0])


def maps_by_model(*paths: Path | str) -> dict[str, OcclusionMaps]:
    """Heatmaps of one image by the models' names: a file or folder for each model, or one of `compare`.

    Raises:
        ResultError: a file is missing, damaged or holds something else.
        UsageError: two are of the same model.
    """
    if compared := _compared(paths):
        return compared.maps
    return _by_model([OcclusionMaps.open(result_file(Path(path), _HEATMAP_NAME)) for path in paths])


def meshes_by_model(*paths: Path | str) -> dict[str, SensitivityMesh]:
    """Sensitivity meshes by the models' names: a file or folder for each model, or a folder of `compare`.

    Raises:
        ResultError: a file is missing, damaged or holds something else.
        UsageError: two are of the same model.
    """
    if compared := _compared(paths):
        return compared.meshes()
    return _by_model([SensitivityMesh.open(result_file(Path(path), "mesh.h5")) for path in paths])


def _compared(paths: Sequence[Path | str]) -> Comparison | None:
    """The comparison of a path, where one is all that is given."""
    only = result_file(Path(paths[0]), NAME)
    return Comparison.open(only) if len(paths) == 1 and only.name == NAME and only.is_file() else None


def _by_model(results: Sequence[_Named]) -> dict[str, _Named]:
    names = names_of([result.card for result in results])
    return dict(zip(names, results, strict=True))
