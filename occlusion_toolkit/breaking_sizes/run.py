"""From a regressor and people to its breaking sizes: a sweep for each size, or sweeps that are there."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float64

from occlusion_toolkit.breaking_sizes.asked import check_joint, check_metric
from occlusion_toolkit.breaking_sizes.breaking_size import KIND, BreakingSize
from occlusion_toolkit.breaking_sizes.rule import (
    OVER_MM,
    area_mm,
    breaking_sizes,
    hurts_less,
    recovers,
)
from occlusion_toolkit.comparison.results import Result
from occlusion_toolkit.data.people import People
from occlusion_toolkit.data.scene import NO_MASK
from occlusion_toolkit.errors import ResultError, UsageError
from occlusion_toolkit.find.crop import Crop
from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
from occlusion_toolkit.heatmaps.run import RESULT, finished
from occlusion_toolkit.models.registry import AnyRegressor
from occlusion_toolkit.surveys.run import survey
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.maps import added_metric, clean_of, values_of, with_card

SIZES = tuple(range(8, 121, 16))
"""Sides of the squares, pixels of the crop, unless others are asked for."""

STRIDE = 28
"""Step between the places, pixels of the crop, unless a sweep says another."""

Progress = Callable[[int, int], None]
"""Told how much is done of how much: images (or passes, of one crop), for all sizes together."""

_NAMES = ("sequence", "frame", "person", "file")


def breaking_size(
    sweep: OcclusionSweep | AnyRegressor,
    who: Crop | People | str,
    *,
    sizes: Sequence[int] = SIZES,
    over_mm: float = OVER_MM,
    metric: str | None = None,
    joint: str = "mean",
    keep: Path | str | None = None,
    progress: Progress | None = None,
) -> BreakingSize:
    """Finds, place by place, the smallest square that breaks the estimate (docs/breaking-size.md).

    Args:
        sweep: what is done with every size; its own size does not matter. A regressor stands for a sweep
            every 28 px.
        who: one person (`read_crop`), a data set, or its name.
        sizes: sides of the squares, pixels of the crop, all even or all odd: they are centred at the same
            places.
        over_mm: what breaks: a value above this.
        metric: of what: `increase` over the clean error (where there is a truth, unless another is asked
            for), `error`, `displacement` from the clean estimate (where there is none), `pa_increase`, ...
        joint: that must break; "mean" for the mean over joints.
        keep: folder for the sweeps, each saved as it is made, so that a run that was stopped goes on
            (SURVEYS/MODEL-SIZEpx, as of `compare`); None keeps nothing.
        progress: called with what is done and what there is.

    Raises:
        UsageError: the sizes are too few or not of one parity, the grid is not centred, or there is no such
            joint or metric.
        GridError: a square is larger than the crop.
        GroundTruthError: the metric needs a truth.
        RunError: `keep` holds other surveys.

    Example:
        >>> import occlusion_toolkit as ot
        >>> crop = ot.read_crop("examples/photo.jpg", bbox=(258, 107, 382, 707))
        >>> sweep = ot.OcclusionSweep("pare-open", stride=56)
        >>> found = ot.breaking_size(sweep, crop, sizes=(40, 80), over_mm=100.0)
        >>> found.dataset["breaking_px"].shape
        (1, 4, 4)
    """
    sweep = sweep if isinstance(sweep, OcclusionSweep) else OcclusionSweep(sweep, stride=STRIDE)
    sizes = tuple(sorted(set(sizes)))
    _check(sweep, sizes, joint)
    check_metric(metric, sweep, who)
    sweep = sweep.changed(model=sweep.regressor)  # loaded once for all sizes

    def told(number: int) -> Progress | None:
        return (
            None
            if progress is None
            else lambda done, total: progress(number * total + done, len(sizes) * total)
        )

    with tempfile.TemporaryDirectory() if keep is None else nullcontext(str(keep)) as folder:
        results: list[Result] = []
        for number, size in enumerate(sizes):
            place = Path(folder) / f"{sweep.regressor.card.name}-{size}px"
            of_size = sweep.changed(size=size)
            if isinstance(who, Crop):
                results.append(_swept(of_size, who, None if keep is None else place, told(number)))
            else:
                results.append(survey(of_size, who, out=place, resume=True, progress=told(number)))
        return sizes_of(results, over_mm=over_mm, metric=metric, joint=joint)


def sizes_of(
    results: Sequence[Result], *, over_mm: float = OVER_MM, metric: str | None = None, joint: str = "mean"
) -> BreakingSize:
    """The breaking sizes of sweeps that are there, of one model and the same people, a size each.

    Args:
        results: complete surveys, or the maps of one image.
        over_mm: as of `breaking_size`.
        metric: see there.
        joint: see there.

    Raises:
        UsageError: there are too few, they do not hold the metric, or there is no such joint.
        ResultError: they differ in more than the size, or a survey is not complete or not intact.
        GroundTruthError: the metric needs a truth.
    """
    results = sorted(results, key=lambda result: result.card.windows.size)
    sizes = tuple(result.card.windows.size for result in results)
    _require_one_protocol(results)
    first = results[0].card
    metric = metric or added_metric(first)
    read = [_read(result, metric, joint) for result in results]
    if any(other.labels != read[0].labels for other in read[1:]):
        raise ResultError("these sweeps are not of the same images; make them from the same data set")
    clean = read[0].clean
    values = np.stack([one.values for one in read], axis=1)
    over = values > over_mm
    broken = np.logical_or.accumulate(over, axis=1)
    dose = values.mean(axis=(2, 3))
    back = (recovers(values, over_mm).sum(axis=(1, 2)), broken[:, -1].sum(axis=(1, 2)))
    arrays = {
        "breaking_px": (("image", "row", "col"), breaking_sizes(values, sizes, over_mm)),
        "dose_mm": (("image", "size"), dose),
        "worst_mm": (("image", "size"), values.max(axis=(2, 3))),
        "over_share": (("image", "size"), 100 * over.mean(axis=(2, 3))),
        "broken_share": (("image", "size"), 100 * broken.mean(axis=(2, 3))),
        "clean_mm": (("image",), clean),
        "area_mm": (("image",), area_mm(dose, sizes, clean)),
        "less_share": (("image",), 100 * hurts_less(values).mean(axis=(1, 2))),
        "recovers": (
            ("image",),
            np.divide(100.0 * back[0], back[1], out=np.full(len(clean), np.nan), where=back[1] > 0),
        ),
        "body_share": (("y", "x"), read[0].body),
    }
    grid = results[-1].card.windows
    names = {name: ("image", np.array(each)) for name, each in read[0].labels.items()}
    places = {"row": grid.centres(), "col": grid.centres(), "size": np.array(sizes)}
    dataset = xr.Dataset(arrays, names | places)
    if isinstance(results[0], OcclusionMaps) and len(clean) == 1:
        dataset["crop"] = (("y", "x", "rgb"), results[0].detail("crop"))
    card = results[-1].card.model_copy(update={"analysis": KIND})
    return BreakingSize(
        with_card(dataset.assign_attrs(metric=metric, joint=joint, over_mm=float(over_mm)), card)
    )


def _check(sweep: OcclusionSweep, sizes: tuple[int, ...], joint: str) -> None:
    """Refuses what no sweep should be started for."""
    for size in sizes:
        Grid(sweep.grid.kind, size, sweep.grid.stride, sweep.grid.resolution)
    _check_sizes(sizes)
    if sweep.grid.kind != "centred":
        raise UsageError(
            f"the grid {sweep.grid.kind!r} puts squares of other sizes at other places; take a centred one"
        )
    check_joint(joint, sweep.joint_set.joint_names)


def _check_sizes(sizes: tuple[int, ...]) -> None:
    if len(set(sizes)) < 2:
        raise UsageError("one size says nothing about how large a square must be; give two sizes or more")
    if len({size % 2 for size in sizes}) > 1:
        raise UsageError(
            f"even and odd sizes ({', '.join(map(str, sizes))}) are half a pixel apart in their centres; "
            "give sizes that are all even or all odd"
        )


def _require_one_protocol(results: Sequence[Result]) -> None:
    """Makes sure that sweeps differ in the size of the square alone.

    Raises:
        UsageError: there are too few sizes, or their places differ.
        ResultError: they differ in more.
    """
    cards = [result.card for result in results]
    _check_sizes(tuple(card.windows.size for card in cards))
    first = cards[0]
    for other in cards[1:]:
        same = other.model_copy(update={"grid": first.grid, "occluder": first.occluder})
        lines = first.differences(same)
        for name, before, now in (
            ("model_card", first.model_card, other.model_card),
            ("weights_sha256", first.weights_sha256, other.weights_sha256),
            ("occluder", _paint(first.occluder), _paint(other.occluder)),
        ):
            lines += [f"{name}: {before} and {now}"] if before != now else []
        if not np.array_equal(first.windows.centres(), other.windows.centres()):
            lines.append(f"places of the squares: {first.windows} and {other.windows}")
        if lines:
            raise ResultError(
                "breaking sizes are of sweeps that differ in the size of the square alone:\n  "
                + "\n  ".join(lines)
            )


def _paint(spec: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is pasted, whatever its size: blur and pictures have that of the square."""
    return {name: value for name, value in (spec or {}).items() if name in ("name", "rgb", "seed", "sha256")}


def _swept(
    sweep: OcclusionSweep, crop: Crop, folder: Path | None, progress: Progress | None
) -> OcclusionMaps:
    """The sweep of one crop; the one that is kept in a folder, where it is the same."""
    try:
        kept = None if folder is None else finished(folder, sweep, crop)
    except ResultError as error:
        raise ResultError(str(error).removesuffix(", or --overwrite")) from error
    if kept is not None:
        return kept
    maps = sweep(crop, progress)
    if folder is not None:
        maps.save(folder / RESULT)
    return maps


@dataclass(frozen=True)
class _Read:
    """What is read of one size.

    Attributes:
        labels: names of the images.
        values: of every place, (N, rows, cols), mm.
        clean: without a square, (N,), mm.
        body: share of the images that show the body at a pixel; NaN without masks.
    """

    labels: dict[str, list[object]]
    values: Float64[np.ndarray, "images rows cols"]
    clean: Float64[np.ndarray, " images"]
    body: Float64[np.ndarray, "resolution resolution"]


def _read(result: Result, metric: str, joint: str) -> _Read:
    labels: dict[str, list[object]] = {}
    values, clean = [], []
    body = np.zeros((result.card.windows.resolution,) * 2)
    for maps in result.shards() if isinstance(result, Survey) else [result.dataset]:
        check_joint(joint, list(map(str, maps["joint"].values)))
        of_joints = values_of(maps, metric).transpose("image", "joint", "row", "col").astype(np.float64)
        chosen = of_joints.mean("joint") if joint == "mean" else of_joints.sel(joint=joint)
        values.append(chosen.values)
        before = clean_of(maps, metric)
        if before is None:
            clean.append(np.zeros(len(chosen)))
        else:
            of_clean = before.mean("joint") if joint == "mean" else before.sel(joint=joint)
            clean.append(of_clean.values.astype(np.float64))
        if "parts" in maps and not (maps["parts"].values == NO_MASK).any():
            body += (maps["parts"].values > 0).sum(axis=0)
        for name in _NAMES:
            if name in maps.coords:
                labels.setdefault(name, []).extend(maps[name].values.tolist())
    if "sequence" not in labels:
        labels["sequence"] = list(labels["file"])
    everybody = np.concatenate(clean)
    share = body / len(everybody) if body.any() else np.full(body.shape, np.nan)
    return _Read(labels, np.concatenate(values), everybody, share)
