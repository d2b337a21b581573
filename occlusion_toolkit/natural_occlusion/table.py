"""Square against world as frames, for one model and for several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from occlusion_toolkit.comparison.interval_cells import plain

if TYPE_CHECKING:
    from occlusion_toolkit.natural_occlusion.natural import NaturalOcclusion


def joints_table(found: NaturalOcclusion) -> pd.DataFrame:
    """By joint: mean errors in mm, and in how many images it is hidden by the world."""
    data = found.dataset
    rows = {}
    for joint in found.joints:
        mean = data["mean"].sel(joint=joint)
        rows[joint] = {
            "in sight [mm]": float(mean.sel(state="seen")),
            "hidden [mm]": float(mean.sel(state="hidden")),
            "under a square [mm]": float(mean.sel(state="square")),
            "the same, clean [mm]": float(mean.sel(state="uncovered")),
            "behind the body [mm]": float(mean.sel(state="body")),
            "hidden in": int(data["joints_in_state"].sel(state="hidden", joint=joint)),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def states_frame(found: NaturalOcclusion) -> pd.DataFrame:
    """One row per state and joint."""
    frame = found.dataset[["mean", "ci_low", "ci_high", "joints_in_state"]].to_dataframe().reset_index()
    names = {"mean": "mean_mm", "ci_low": "low_mm", "ci_high": "high_mm", "joints_in_state": "count"}
    frame = frame.rename(columns=names).assign(model=found.card.model_card, metric=found.metric)
    return frame[["model", "metric", "state", "joint", "mean_mm", "low_mm", "high_mm", "count"]]


def models_table(models: Mapping[str, NaturalOcclusion]) -> pd.DataFrame:
    """By model, the mean over all joints: in sight, hidden, under a square; and what the squares miss."""
    rows = {}
    for name, found in models.items():
        mean = found.dataset["mean"].sel(joint="mean")
        missed = found.agreement["hidden_minus_square_mm"]["mean"]
        rows[name] = {
            "in sight [mm]": float(mean.sel(state="seen")),
            "hidden [mm]": float(mean.sel(state="hidden")),
            "under a square [mm]": float(mean.sel(state="square")),
            "hidden - square, same joints [mm]": np.nan if missed is None else missed,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def rank_of_models(models: Mapping[str, NaturalOcclusion]) -> float | None:
    """Spearman's correlation over models of the error under squares and that of hidden joints.

    None with fewer than three models. Of three, one order of six agrees in full by chance.
    """
    if len(models) < 3:
        return None
    table = models_table(models)
    found = stats.spearmanr(table["under a square [mm]"], table["hidden [mm]"]).statistic
    return plain(found)


def summary(found: NaturalOcclusion) -> dict[str, Any]:
    """Plain numbers of the mean over joints, and the agreement."""
    data = found.dataset.sel(joint="mean")

    def number(name: str, state: str) -> float | None:
        return plain(float(data[name].sel(state=state)))

    return {
        "model": found.card.model_card,
        "dataset": found.card.dataset_and_split,
        "metric": found.metric,
        "images": int(found.dataset.attrs["num_images"]),
        "sequences": found.dataset.sizes["sequence"],
        "states": {
            str(state): {
                "mean_mm": number("mean", str(state)),
                "low_mm": number("ci_low", str(state)),
                "high_mm": number("ci_high", str(state)),
                "joints": int(data["joints_in_state"].sel(state=state)),
            }
            for state in found.dataset["state"].values
        },
        "joints_ranked": list(found.ranked),
        "agreement": found.agreement,
        "verdict": found.verdict,
        "protocol": found.card.hash,
        "notes": list(found.notes),
    }
