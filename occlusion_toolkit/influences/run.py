"""From a survey to its influence matrix. Shards are read one by one, and what is read of each can be kept."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
import xarray as xr

from occlusion_toolkit.attention_maps.run import visible_parts
from occlusion_toolkit.body.joint_output import JOINTS_ALONE
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.body.parts import PART_NAMES
from occlusion_toolkit.comparison.image_values import OVERALL
from occlusion_toolkit.comparison.sequence_sums import SequenceSums, ratio, resampled
from occlusion_toolkit.comparison.significance import adjusted_for_many
from occlusion_toolkit.data.scene import NO_MASK, SIGHTS
from occlusion_toolkit.errors import GroundTruthError, ResultError, UsageError
from occlusion_toolkit.influences.influence import KIND, LAYOUT, VARIABLES, Influence
from occlusion_toolkit.influences.rule import COVERED, IN_SIGHT, image_influence
from occlusion_toolkit.surveys.partial import Progress, by_shard
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.maps import added_metric, metric_parts, values_of, with_card

Masks = Literal["true", "estimate"]
"""Where parts are: in the data set's masks, or where the clean estimate shows them."""

FEWEST_HIDDEN = 0.1
"""A grid that hides fewer of the parts that are seen is too coarse, or its square too small."""


def influence(
    survey: Survey | Path | str,
    *,
    metric: str | None = None,
    masks: Masks = "true",
    keep: Path | str | None = None,
    progress: Progress | None = None,
) -> Influence:
    """How much each joint's error grows when a window hides half of a part or more (docs/influence.md).

    Args:
        survey: a complete survey, or its folder.
        metric: `increase`, `pa_increase`, `displacement`, ...; None for the increase of the error, or the
            displacement where there is no truth.
        masks: "true" for the masks of the data set; "estimate" for the parts of the clean estimates, drawn.
        keep: folder for what was read of each shard, so that a run that was stopped goes on; None keeps
            nothing.
        progress: called with images done and images in all.

    Raises:
        ResultError: the survey is not complete or not intact; or its windows hide too few of the parts.
        GroundTruthError: the survey has no masks, or no truth for the metric.
        UsageError: the survey does not hold the metric.
        BodyModelError: the body to draw is not at hand.

    Example:
        >>> import tempfile
        >>> import occlusion_toolkit as ot
        >>> people = ot.open_dataset("open", limit=2)
        >>> sweep = ot.OcclusionSweep("pare-open", size=80, stride=56)
        >>> found = ot.influence(ot.survey(sweep, people, out=tempfile.mkdtemp()))
        >>> found.dataset["increase"].sel(part="head", joint="left_wrist").dims
        ()
    """
    survey = survey if isinstance(survey, Survey) else Survey.open(survey)
    name = metric or added_metric(survey.card)
    if metric_parts(name)[1] == "error":
        raise UsageError(f"influence is what hiding a part adds; give {name.replace('error', 'increase')!r}")
    shards = by_shard(
        survey,
        lambda maps: _read(survey, maps, name, masks),
        f"{KIND}-images",
        LAYOUT,
        settings=f"{name} {masks}",
        keep=None if keep is None else Path(keep),
        progress=progress,
    )
    images = xr.concat(
        list(shards), "image", data_vars="minimal", coords="minimal", compat="override", join="override"
    )
    _require_hidden(survey, images)
    return _pooled(survey, images, name, masks)


def _read(survey: Survey, maps: xr.Dataset, metric: str, masks: Masks) -> xr.Dataset:
    """What the windows of some images do, by image."""
    windows, names = survey.grid.windows(), survey.joint_names
    values = values_of(maps, metric).transpose("image", "joint", "row", "col").values.astype(np.float64)
    sight = (
        maps["sight"].values
        if "sight" in maps
        else np.full(values.shape[:2], SIGHTS.index("unknown"), np.uint8)
    )
    found = [
        image_influence(values[row].reshape(len(names), -1), parts, sight[row], windows, names)
        for row, parts in enumerate(_parts(survey, maps, masks))
    ]
    return xr.Dataset(
        {
            "by_part": (("image", "part", "joint"), np.stack([one.by_part for one in found])),
            "seen": (("image", "part"), np.stack([one.seen for one in found]).astype(np.uint8)),
            "covered_sums": (
                ("image", "sight", "covered", "joint"),
                np.stack([one.covered_sums for one in found]),
            ),
            "covered_windows": (
                ("image", "sight", "covered", "joint"),
                np.stack([one.covered_windows for one in found]),
            ),
        },
        {"sequence": ("image", maps["sequence"].values.astype(str))},
    )


def _parts(survey: Survey, maps: xr.Dataset, masks: Masks) -> np.ndarray:
    """Part labels of some crops, (N, R, R).

    Raises:
        GroundTruthError: they are asked of the data set, which has none; or of a network without a body.
    """
    if masks == "estimate":
        if survey.card.body == JOINTS_ALONE:
            raise GroundTruthError(
                f"{survey.card.model_card} gives joints alone, no body whose parts could be drawn; take the "
                "masks of a data set that has them (--masks true), or another network"
            )
        estimates = BodyParameters(
            *(torch.from_numpy(maps[f"clean_{name}"].values) for name in ("rotmats", "betas", "camera"))
        )
        drawn = [
            visible_parts(estimates[row : row + 1], survey.body, survey.grid.resolution)
            for row in range(len(estimates))
        ]
        return np.stack(drawn).astype(np.uint8)
    parts = maps["parts"].values if "parts" in maps else None
    if parts is None or (parts == NO_MASK).any():
        raise GroundTruthError(
            f"{survey.card.dataset or 'the data set'} has no part masks; take the parts of the clean "
            "estimates instead (--masks estimate, masks='estimate')"
        )
    return np.asarray(parts)


def _require_hidden(survey: Survey, images: xr.Dataset) -> None:
    """Makes sure that the windows hide parts at all.

    Raises:
        ResultError: they hide next to none.
    """
    seen = images["seen"].values > 0
    hidden = np.isfinite(images["by_part"].values[..., -1]) & seen
    if not seen.any():
        raise ResultError("none of the images shows any part of the body; check the crops and the masks")
    share = hidden.sum() / seen.sum()
    if share < FEWEST_HIDDEN:
        grid = survey.grid
        raise ResultError(
            f"squares of {grid.size} px, {grid.stride} px apart, hide half of only {100 * share:.0f} % of "
            f"the parts that are seen, too few for the rule; make the survey with --size 40 or more and "
            f"--stride {min(16, grid.stride)} or less"
        )


def _pooled(survey: Survey, images: xr.Dataset, metric: str, masks: Masks) -> Influence:
    sequences = images["sequence"].values.tolist()
    by_part = images["by_part"].values
    shape = by_part.shape[1:]
    cells = SequenceSums.of(by_part.reshape(len(by_part), -1), sequences)
    interval = cells.interval()
    q = adjusted_for_many(_without_mean(cells.p_values().reshape(shape)))
    covered_values = images["covered_sums"].values
    covered = SequenceSums.of(
        covered_values.reshape(len(by_part), -1),
        sequences,
        images["covered_windows"].values.reshape(len(by_part), -1),
    )
    kinds = covered_values.shape[1:]
    means = covered.interval()
    shares = resampled(lambda sums, _: _shares(sums, kinds), covered, np.array(len(covered.names)))
    totals = covered.counts.sum(axis=0).reshape(kinds)
    arrays = {
        "increase": interval.mean.reshape(shape),
        "ci_low": interval.low.reshape(shape),
        "ci_high": interval.high.reshape(shape),
        "q": q,
        "images": np.isfinite(by_part[..., -1]).sum(axis=0),
        "seen_images": images["seen"].values.astype(np.int64).sum(axis=0),
        "covered_increase": means.mean.reshape(kinds),
        "covered_low": means.low.reshape(kinds),
        "covered_high": means.high.reshape(kinds),
        "covered_share": 100 * ratio(totals, np.broadcast_to(totals.sum(axis=1, keepdims=True), kinds)),
        "increase_share": shares.mean.reshape(kinds[1:]),
        "share_low": shares.low.reshape(kinds[1:]),
        "share_high": shares.high.reshape(kinds[1:]),
        "sums": cells.sums.reshape(-1, *shape),
        "counts": cells.counts.reshape(-1, *shape),
        "covered_sums": covered.sums.reshape(-1, *kinds),
        "covered_windows": covered.counts.reshape(-1, *kinds),
    }
    labels = {
        "part": list(PART_NAMES),
        "joint": [*survey.joint_names, OVERALL],
        "sight": list(IN_SIGHT),
        "covered": list(COVERED),
        "sequence": list(cells.names),
    }
    dataset = xr.Dataset(
        {name: (dimensions, arrays[name]) for name, dimensions in VARIABLES.items()},
        labels,
        {"metric": metric, "masks": masks, "num_images": len(by_part)},
    )
    card = survey.card.model_copy(
        update={"analysis": KIND, "rasterizer": "builtin" if masks == "estimate" else None}
    )
    return Influence(with_card(dataset, card))


def _without_mean(p_values: np.ndarray) -> np.ndarray:
    """P-values (24, J + 1), the mean's left out: it is no cell of its own."""
    return np.concatenate((p_values[:, :-1], np.full_like(p_values[:, -1:], np.nan)), axis=1)


def _shares(sums: np.ndarray, kinds: tuple[int, ...]) -> np.ndarray:
    """Share of each kind of window in all that windows add to each joint, %, (R, 4 (J + 1))."""
    of_all = sums.reshape(len(sums), *kinds)[:, IN_SIGHT.index("all")]
    total = np.broadcast_to(of_all.sum(axis=1, keepdims=True), of_all.shape)
    return 100 * ratio(of_all, total).reshape(len(sums), -1)
