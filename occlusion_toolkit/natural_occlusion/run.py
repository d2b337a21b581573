"""From a survey to square against world."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from occlusion_toolkit.comparison.image_values import OVERALL
from occlusion_toolkit.comparison.sequence_sums import SequenceSums
from occlusion_toolkit.data.scene import SIGHTS
from occlusion_toolkit.errors import GroundTruthError, ResultError, UsageError
from occlusion_toolkit.natural_occlusion.natural import KIND, LAYOUT, SHOWN, VARIABLES, NaturalOcclusion
from occlusion_toolkit.natural_occlusion.rule import HIDDEN, STATES, states_of_joints
from occlusion_toolkit.surveys.partial import Progress, by_shard
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.maps import clean_of, metric_name, metric_parts, values_of, with_card


def natural(
    survey: Survey | Path | str,
    *,
    metric: str | None = None,
    keep: Path | str | None = None,
    progress: Progress | None = None,
) -> NaturalOcclusion:
    """Compares joints that the world hides with joints under squares, of the same survey (docs/natural.md).

    Args:
        survey: a complete survey with ground truth of people some of whom are occluded, or its folder.
        metric: `error`, `pa_error`, ...; None for the error of the first metric measured.
        keep: folder for what was read of each shard, so that a run that was stopped goes on; None keeps
            nothing.
        progress: called with images done and images in all.

    Raises:
        ResultError: the survey is not complete or not intact, or nobody in it is occluded.
        GroundTruthError: the survey has no truth, or does not know which joints are hidden.
        UsageError: the survey does not hold the metric, or it is no error.

    Example:
        >>> import tempfile
        >>> import occlusion_toolkit as ot
        >>> people = ot.open_dataset("open", limit=12)
        >>> sweep = ot.OcclusionSweep("pare-open", size=112, stride=112)
        >>> found = ot.natural(ot.survey(sweep, people, out=tempfile.mkdtemp()))
        >>> found.dataset["mean"].dims
        ('state', 'joint')
    """
    survey = survey if isinstance(survey, Survey) else Survey.open(survey)
    name = metric or metric_name(survey.card.metrics[0], "error")
    if metric_parts(name)[1] != "error":
        raise UsageError(f"give an error, such as error or pa_error, not {name!r}")
    shards = by_shard(
        survey,
        lambda maps: _read(survey, maps, name),
        f"{KIND}-images",
        LAYOUT,
        settings=name,
        keep=None if keep is None else Path(keep),
        progress=progress,
    )
    parts = list(shards)
    values = np.concatenate([part["states"].values for part in parts])
    sequences = [str(name) for part in parts for name in part["sequence"].values]
    _require_both(survey, values)
    return _pooled(survey, values, sequences, name)


def _read(survey: Survey, maps: xr.Dataset, metric: str) -> xr.Dataset:
    """The errors of some images by state."""
    if "sight" not in maps or not (maps["sight"].values != SIGHTS.index("unknown")).any():
        raise GroundTruthError(
            f"{survey.card.dataset or 'the data set'} does not tell which joints are hidden (no part masks, "
            "no key points); survey a data set that does, such as 'open' or '3dpw'"
        )
    windows = survey.grid.windows()
    errors = values_of(maps, metric).transpose("image", "joint", "row", "col").values.astype(np.float64)
    clean = clean_of(maps, metric)
    if clean is None:
        raise GroundTruthError(f"{metric} needs ground truth, and this survey was made without")
    states = [
        states_of_joints(
            errors[row].reshape(errors.shape[1], -1),
            clean.values[row].astype(np.float64),
            maps["true_joints_px"].values[row],
            maps["sight"].values[row],
            windows,
        )
        for row in range(len(errors))
    ]
    return xr.Dataset(
        {"states": (("image", "state", "joint"), np.stack(states))},
        {"sequence": ("image", maps["sequence"].values.astype(str))},
    )


def _require_both(survey: Survey, values: np.ndarray) -> None:
    """Makes sure that joints are hidden by the world, and others by squares.

    Raises:
        ResultError: they are not; the message says what to do.
    """
    hidden = [STATES.index(name) for name in HIDDEN]
    if not np.isfinite(values[:, hidden]).any():
        raise ResultError(
            "nobody in this survey is occluded by a thing or cut by the frame; survey people who are, such "
            "as 'open' or 3DPW-OCC"
        )
    if not np.isfinite(values[:, STATES.index("square")]).any():
        grid = survey.grid
        raise ResultError(
            f"no square of {grid.size} px, {grid.stride} px apart, covers the place of a joint; make the "
            "survey with a stride of at most the size"
        )


def _pooled(survey: Survey, values: np.ndarray, sequences: list[str], metric: str) -> NaturalOcclusion:
    shape = (len(STATES), values.shape[2] + 1)
    known = np.isfinite(values)
    sums = np.where(known, values, 0.0)
    # The mean counts every joint once, so that it is a mean over joints of images.
    totals = np.concatenate((sums, sums.sum(axis=2, keepdims=True)), axis=2)
    counts = np.concatenate((known, known.sum(axis=2, keepdims=True)), axis=2).astype(np.float64)
    tables = SequenceSums.of(totals.reshape(len(values), -1), sequences, counts.reshape(len(values), -1))
    hidden = [STATES.index(name) for name in HIDDEN]

    def with_hidden(table: np.ndarray) -> np.ndarray:
        by_state = table.reshape(-1, *shape)
        return np.concatenate((by_state, by_state[:, hidden].sum(axis=1, keepdims=True)), axis=1)

    shown = SequenceSums(
        tables.names,
        with_hidden(tables.sums).reshape(len(tables.names), -1),
        with_hidden(tables.counts).reshape(len(tables.names), -1),
    )
    interval = shown.interval()
    arrays = {
        "sums": tables.sums.reshape(-1, *shape),
        "counts": tables.counts.reshape(-1, *shape),
        "mean": interval.mean.reshape(len(SHOWN), -1),
        "ci_low": interval.low.reshape(len(SHOWN), -1),
        "ci_high": interval.high.reshape(len(SHOWN), -1),
        "joints_in_state": shown.counts.sum(axis=0).reshape(len(SHOWN), -1),
    }
    labels = {
        "sequence": list(tables.names),
        "counted": list(STATES),
        "state": list(SHOWN),
        "joint": [*survey.joint_names, OVERALL],
    }
    dataset = xr.Dataset(
        {name: (dimensions, arrays[name]) for name, dimensions in VARIABLES.items()},
        labels,
        {"metric": metric, "num_images": len(values)},
    )
    return NaturalOcclusion(with_card(dataset, survey.card.model_copy(update={"analysis": KIND})))
