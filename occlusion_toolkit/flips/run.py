"""From a survey, or the sweep of one image, to its reversals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from occlusion_toolkit.body.parts import PART_NAMES
from occlusion_toolkit.data.scene import NO_MASK
from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.flips.reversals import KIND, LAYOUT, Reversals
from occlusion_toolkit.flips.rule import KINDS, check_joints, reversed_windows
from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps
from occlusion_toolkit.influences.rule import hides
from occlusion_toolkit.surveys.manifest import MANIFEST_NAME
from occlusion_toolkit.surveys.partial import Progress, by_shard
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.maps import default_metric, values_of, with_card


def reversals(
    result: Survey | OcclusionMaps | Path | str,
    *,
    metric: str | None = None,
    keep: Path | str | None = None,
    progress: Progress | None = None,
) -> Reversals:
    """Finds the windows that turn a person round, or swap left and right (docs/reversals.md).

    Args:
        result: a complete survey or its folder; or the maps of one image, or their file.
        metric: of the errors that reversals explain, such as `pa_error`; None for the error, or the
            displacement where there is no truth. What counts as reversed does not depend on it.
        keep: folder for what was read of each shard, so that a run that was stopped goes on; None keeps
            nothing.
        progress: called with images done and images in all.

    Raises:
        ResultError: the survey is not complete or not intact, or the file is none.
        UsageError: the result does not hold the metric, or no hips.
        GroundTruthError: the metric needs a truth.

    Example:
        >>> import occlusion_toolkit as ot
        >>> crop = ot.read_crop("examples/photo.jpg", bbox=(258, 107, 382, 707))
        >>> found = ot.reversals(ot.OcclusionSweep("pare-open", size=40, stride=56)(crop))
        >>> found.against
        ('clean',)
    """
    result = _opened(result)
    check_joints(result.joint_names)
    name = metric or default_metric(result.card)
    if isinstance(result, Survey):
        shards = list(
            by_shard(
                result,
                lambda maps: _read(maps, result.grid, name),
                f"{KIND}-images",
                LAYOUT,
                settings=name,
                keep=None if keep is None else Path(keep),
                progress=progress,
            )
        )
    else:
        shards = [_read(result.dataset, result.grid, name)]
    images = xr.concat(
        [shard[list(_PER_IMAGE)] for shard in shards],
        "image",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="override",
    )
    count = images.sizes["image"]
    total = {key: np.sum([shard[key].values for shard in shards], axis=0) for key in _SUMS}
    parts = np.divide(
        100 * total["part_reversed"],
        total["part_windows"],
        out=np.full(total["part_reversed"].shape, np.nan),
        where=total["part_windows"] > 0,
    )
    body = total["body"] / count if total["body"].any() else np.full(total["body"].shape, np.nan)
    dataset = images.assign(
        rate=(("against", "kind", "row", "col"), 100 * total["reversed"] / count),
        part_rate=(("against", "kind", "part"), parts),
        body_share=(("y", "x"), body),
    ).assign_coords({"part": list(PART_NAMES), "row": shards[0]["row"], "col": shards[0]["col"]})
    if "crop" in maps_of(result):
        dataset["crop"] = (("y", "x", "rgb"), maps_of(result)["crop"].values[0])
    card = result.card.model_copy(update={"analysis": KIND})
    return Reversals(with_card(dataset.assign_attrs(metric=name), card))


_PER_IMAGE = (
    *("reversed_windows", "mean_mm", "worst_mm", "mean_without_mm", "worst_without_mm"),
    *("worst_reversed", "clean_reversed"),
)
_SUMS = ("reversed", "part_reversed", "part_windows", "body")


def maps_of(result: Survey | OcclusionMaps) -> xr.Dataset:
    """The maps of a single image; nothing of a survey, which keeps no crops."""
    return result.dataset if isinstance(result, OcclusionMaps) else xr.Dataset()


def _read(maps: xr.Dataset, grid: Grid, metric: str) -> xr.Dataset:
    """What is reversed in some images, image by image, and what is summed over them.

    Raises:
        ResultError: the maps have no joints under every window.
    """
    if "joints_m" not in maps:
        raise ResultError("these maps have no joints under every window; make them again with this toolkit")
    names = tuple(map(str, maps["joint"].values))
    joints = maps["joints_m"].transpose("image", "row", "col", "joint", "xyz").values
    references = {"clean": maps["clean_joints_m"].values}
    if "true_joints_m" in maps:
        references["truth"] = maps["true_joints_m"].values
    errors = values_of(maps, metric).mean("joint").transpose("image", "row", "col").values
    errors = errors.reshape(len(errors), -1).astype(np.float64)
    windows = joints.reshape(len(joints), -1, *joints.shape[3:])
    found = np.stack(
        [
            [reversed_windows(windows[row], reference[row], names) for reference in references.values()]
            for row in range(len(windows))
        ]
    )  # (image, against, kind, window)
    without = np.where(found, np.nan, errors[:, None, None])
    some = np.asarray(np.isfinite(without).any(axis=-1))
    worst = np.take_along_axis(found, errors.argmax(axis=1)[:, None, None, None], axis=-1)[..., 0]
    clean = np.full((len(windows), len(KINDS)), np.nan)
    if "truth" in references:
        clean = np.stack(
            [
                reversed_windows(one[None], true, names)[:, 0]
                for one, true in zip(references["clean"], references["truth"], strict=True)
            ]
        ).astype(np.float64)
    per_image = ("image", "against", "kind")
    arrays = {
        "reversed_windows": (per_image, 100 * found.mean(axis=-1)),
        "mean_mm": (("image",), errors.mean(axis=1)),
        "worst_mm": (("image",), errors.max(axis=1)),
        "mean_without_mm": (per_image, np.nanmean(np.where(some[..., None], without, 0.0), axis=-1)),
        "worst_without_mm": (per_image, np.nanmax(np.where(some[..., None], without, 0.0), axis=-1)),
        "worst_reversed": (per_image, worst.astype(np.float64)),
        "clean_reversed": (("image", "kind"), clean),
        "reversed": (
            ("against", "kind", "row", "col"),
            found.sum(axis=0, dtype=np.float64).reshape(*found.shape[1:3], grid.rows, grid.cols),
        ),
        **_parts(maps, found, grid),
    }
    for name in ("mean_without_mm", "worst_without_mm"):
        arrays[name] = (per_image, np.where(some, arrays[name][1], np.nan))
    names_of_images = {
        key: ("image", maps[key].values.astype(str) if key != "frame" else maps[key].values)
        for key in ("sequence", "frame", "file")
        if key in maps.coords
    }
    if "sequence" not in names_of_images:
        names_of_images["sequence"] = ("image", maps["file"].values.astype(str))
    labels = {"against": list(references), "kind": list(KINDS), "row": maps["row"], "col": maps["col"]}
    return xr.Dataset(arrays, labels | names_of_images)


def _parts(maps: xr.Dataset, found: np.ndarray, grid: Grid) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """By part the windows that hide it, those of them that are reversed, and where the body is."""
    size = grid.resolution
    reverse = np.zeros((*found.shape[1:3], len(PART_NAMES)))
    count, body = np.zeros_like(reverse), np.zeros((size, size))
    for row, labels in enumerate(maps["parts"].values if "parts" in maps else ()):
        if (labels != NO_MASK).all():
            hidden, _ = hides(labels, grid.windows())
            reverse += found[row].astype(np.float64) @ hidden.astype(np.float64)
            count += hidden.sum(axis=0)
            body += labels > 0
    dimensions = ("against", "kind", "part")
    return {
        "part_reversed": (dimensions, reverse),
        "part_windows": (dimensions, count),
        "body": (("y", "x"), body),
    }


def _opened(result: Survey | OcclusionMaps | Path | str) -> Survey | OcclusionMaps:
    if isinstance(result, Survey | OcclusionMaps):
        return result
    path = Path(result)
    if (path / MANIFEST_NAME).is_file():
        return Survey.open(path)
    file = path / "result.h5" if path.is_dir() else path
    if not file.is_file():
        raise ResultError(f"{str(result)!r} is neither the folder of a survey nor the result of `heatmap`")
    return OcclusionMaps.open(file)
