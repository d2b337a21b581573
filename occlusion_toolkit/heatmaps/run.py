"""Heatmaps of images into folders, one for each; nothing that is there is replaced unasked."""

from __future__ import annotations

import csv
import io
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from occlusion_toolkit.errors import DamagedError, OcclusionToolkitError, ResultError
from occlusion_toolkit.files.atomic import staging_folder, write_text
from occlusion_toolkit.files.texts import storable
from occlusion_toolkit.find.crop import Crop
from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
from occlusion_toolkit.heatmaps.pictures import PICTURES, draw_all
from occlusion_toolkit.heatmaps.table import HeatmapTable

logger = logging.getLogger(__name__)

RESULT, TABLE = "result.h5", "table.csv"

FILES = (*PICTURES, TABLE, RESULT)
"""What the folder of an image gets."""

Stage = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]
"""Told what begins ("windows", "pictures"); gives a block that takes how much is done of how much."""


@dataclass(frozen=True)
class Heatmap:
    """One image of a run.

    Attributes:
        image: its file.
        folder: of its results.
        table: its numbers; None where the image could not be used.
        seconds: of the sweep; None where it was done before.
        problem: why it could not be used.
    """

    image: Path
    folder: Path
    table: HeatmapTable | None
    seconds: float | None = None
    problem: str | None = None

    @property
    def files(self) -> list[Path]:
        """What its folder got."""
        return [] if self.table is None else [self.folder / name for name in FILES]


def heatmaps(
    sweep: OcclusionSweep,
    images: Mapping[Path, Path],
    read: Callable[[Path], Crop],
    *,
    metric: str,
    joints: Sequence[str],
    resume: bool = False,
    overwrite: bool = False,
    seen_only: bool = False,
    summary: Path | None = None,
    drawing: Mapping[str, Any],
    stage: Stage,
) -> Iterator[Heatmap]:
    """Sweeps images one after the other and writes the results of each into its folder, whole or not at all.

    Args:
        sweep: the settings.
        images: the folder of every image.
        read: cuts the person out of an image.
        metric: what is shown.
        joints: what is drawn.
        resume: keep the results that are there, where they are of the same image and settings.
        overwrite: replace results that are there.
        seen_only: leave windows that the network cannot see out of the means of tables.
        summary: file that the caller writes of all, which is not replaced unasked either.
        drawing: arguments of `draw_all`.
        stage: shows progress.

    Yields:
        Every image as soon as it is done. Of several, one that cannot be used has its problem and the others
        go on.

    Raises:
        ResultError: a folder holds a result, and neither `resume` nor `overwrite` is set, or another one.
        OcclusionToolkitError: the only image cannot be used, or the sweep fails.
    """
    if not (resume or overwrite):
        taken = [path for path in (folder / RESULT for folder in images.values()) if path.is_file()]
        if summary is not None and summary.is_file():
            taken.append(summary)
        _require_none(taken)
    for image, folder in images.items():
        try:
            crop = read(image)
        except OcclusionToolkitError as error:
            if len(images) == 1:
                raise
            yield Heatmap(image, folder, None, problem=str(error))
            continue
        kept = finished(folder, sweep, crop) if resume and not overwrite else None
        if kept is not None and kept.metric == metric and kept.joints == tuple(joints) and _has_all(folder):
            yield Heatmap(image, folder, kept.table(seen_only=seen_only))
            continue
        with staging_folder(folder) as staging:
            started = time.perf_counter()
            if kept is None:
                with stage("windows") as report:
                    maps = sweep(crop, report).focused(metric, joints)
            else:
                maps = kept.focused(metric, joints)
            seconds = time.perf_counter() - started
            maps.save(staging / RESULT)
            table = maps.table(seen_only=seen_only)
            write_text(staging / TABLE, table.to_csv())
            with stage("pictures") as report:
                draw_all(maps, staging, progress=report, **drawing)
        yield Heatmap(image, folder, table, seconds if kept is None else None)


def images_csv(done: Sequence[Heatmap]) -> str:
    """A line for each image: its numbers over the joints (mm, pixels of the crop), or its problem."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["image", "folder", "clean_mm", "mean_mm", "worst_mm", "y0", "y1", "x0", "x1", "problem"])
    for each in done:
        cells: list[object] = [""] * 7
        if each.table is not None:
            row = each.table.overall
            numbers = [row.clean_mm, row.mean_mm, row.worst_mm]
            cells = [*("" if value is None else f"{value:.3f}" for value in numbers), *row.worst_window]
        lines.writerow(
            [storable(str(each.image)), storable(each.folder.name), *cells, storable(each.problem or "")]
        )
    return text.getvalue()


def finished(folder: Path, sweep: OcclusionSweep, crop: Crop) -> OcclusionMaps | None:
    """The result in a folder, if a sweep of a crop would give the same; None where there is none.

    One that is damaged is set aside.

    Raises:
        ResultError: it is of another crop, or was made with other settings; the message says which. Or it is
            no result of this version.
    """
    path = folder / RESULT
    if not path.is_file():
        return None
    try:
        maps = OcclusionMaps.open(path, sweep.bodies, sweep.occluder)
    except DamagedError as error:
        aside = path.with_suffix(".damaged")
        path.replace(aside)
        logger.warning("%s; it is set aside as %s and made again", error, aside.name)
        return None
    wanted = sweep.card_of([crop])
    lines = maps.card.differences(wanted)
    for name in ("model_card", "weights_sha256", "metrics"):
        before, now = getattr(maps.card, name), getattr(wanted, name)
        lines += [f"{name}: {before} and {now}"] if before != now else []
    if str(maps.detail("file_sha256")) != crop.sha256:
        lines.insert(0, f"image: {maps.detail('file')} and {crop.file}")
    elif not np.array_equal(maps.detail("crop"), crop.pixels):
        lines.insert(0, "the box of the person")
    if crop.truth is not None and "true_rotmats" in maps.dataset:
        now = crop.truth.parameters.rotmats.cpu().numpy().astype(np.float32)[0]
        lines += [] if np.array_equal(maps.detail("true_rotmats"), now) else ["the ground truth"]
    if lines:
        raise ResultError(
            f"{str(folder)!r} holds another result and cannot be continued; what differs:\n  "
            + "\n  ".join(lines)
            + "\nchoose another folder, or --overwrite"
        )
    return maps


def _require_none(taken: Sequence[Path]) -> None:
    if taken:
        others = "" if len(taken) == 1 else f" (and {len(taken) - 1} more)"
        raise ResultError(
            f"{str(taken[0].parent)!r} holds a result already, {taken[0].name}{others}; --resume keeps it, "
            "--overwrite replaces it, and another --out leaves it alone"
        )


def _has_all(folder: Path) -> bool:
    return all((folder / name).is_file() for name in FILES)
