"""An influence matrix as frames, and two of them as their difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from occlusion_toolkit.comparison.interval_cells import plain
from occlusion_toolkit.comparison.significance import adjusted_for_many
from occlusion_toolkit.influences.rule import COVERED, LIMB_NAMES, PART_ORDER, limb_of_joint, relation

if TYPE_CHECKING:
    from occlusion_toolkit.influences.influence import Influence


def joints_table(found: Influence) -> pd.DataFrame:
    """By joint: mm added over each kind of place, the remote share of the total, the worst part."""
    data = found.dataset
    means = data["covered_increase"].sel(sight="all")
    rows = {}
    for joint in found.joints:
        column = data["increase"].sel(joint=joint)
        most = int(np.argmax(np.nan_to_num(column.values, nan=-np.inf)))
        worst = "" if np.isnan(column.values).all() else str(column["part"].values[most])
        rows[joint] = {f"{name} [mm]": float(means.sel(covered=name, joint=joint)) for name in COVERED} | {
            "remote share [%]": float(data["increase_share"].sel(covered="remote", joint=joint)),
            "worst part": worst.replace("_", " "),
            "worst [mm]": float(column.max()),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def cells_frame(found: Influence) -> pd.DataFrame:
    """One row per part and joint."""
    data = found.dataset
    parts = [str(data["part"].values[index]) for index in PART_ORDER]
    rows = []
    for part in parts:
        for joint in found.joints:
            cell = data.sel(part=part, joint=joint)
            limb = limb_of_joint(joint)
            rows.append(
                {
                    "model": found.card.model_card,
                    "metric": found.metric,
                    "part": part,
                    "joint": joint,
                    "limb_of_joint": "" if limb is None else LIMB_NAMES[limb],
                    "part_is": relation(list(data["part"].values).index(part), joint) or "",
                    **{name: float(cell[name]) for name in ("increase", "ci_low", "ci_high", "q")},
                    "images": int(cell["images"]),
                }
            )
    return pd.DataFrame(rows).rename(
        columns={name: f"{name}_mm" for name in ("increase", "ci_low", "ci_high")}
    )


def difference(first: Influence, second: Influence) -> pd.DataFrame:
    """First minus second, a row per part and joint, with q-values of paired tests over sequences.

    Raises:
        UsageError: they are not of the same images.
    """
    paired = first.sequence_sums.minus(second.sequence_sums)
    interval, p_values = paired.interval(), paired.p_values()
    shape = first.dataset["increase"].shape
    is_mean = np.zeros(shape, dtype=bool)
    is_mean[:, -1] = True
    q = adjusted_for_many(np.where(is_mean.ravel(), np.nan, p_values))
    index = pd.MultiIndex.from_product([first.dataset["part"].values, first.joints], names=["part", "joint"])
    numbers = {"difference_mm": interval.mean, "low_mm": interval.low, "high_mm": interval.high, "q": q}
    return pd.DataFrame(numbers, index=index)


def summary(found: Influence) -> dict[str, Any]:
    """The numbers of the mean over joints, plain."""
    data = found.dataset.sel(joint="mean")

    def number(value: Any) -> float | None:
        return plain(float(value))

    covered = {
        name: {
            "increase_mm": number(data["covered_increase"].sel(sight="all", covered=name)),
            "low_mm": number(data["covered_low"].sel(sight="all", covered=name)),
            "high_mm": number(data["covered_high"].sel(sight="all", covered=name)),
            "share_of_windows": number(data["covered_share"].sel(sight="all", covered=name)),
            "share_of_increase": number(data["increase_share"].sel(covered=name)),
            "share_low": number(data["share_low"].sel(covered=name)),
            "share_high": number(data["share_high"].sel(covered=name)),
        }
        for name in COVERED
    }
    tested = np.isfinite(found.dataset["q"].values)
    return {
        "model": found.card.model_card,
        "dataset": found.card.dataset_and_split,
        "metric": found.metric,
        "masks": str(found.dataset.attrs["masks"]),
        "images": int(found.dataset.attrs["num_images"]),
        "sequences": found.sequences,
        "windows_over": covered,
        "cells_tested": int(tested.sum()),
        "cells_significant": int((found.dataset["q"].values[tested] < 0.05).sum()),
        "protocol": found.card.hash,
        "notes": list(found.notes),
    }
