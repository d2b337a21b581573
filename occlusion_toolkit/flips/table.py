"""Reversals as frames: a row per thing that can be reversed, a row per image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from occlusion_toolkit.comparison.interval_cells import Cell, cells, plain, text
from occlusion_toolkit.comparison.sequence_sums import SequenceSums

if TYPE_CHECKING:
    from occlusion_toolkit.flips.reversals import Reversals

_NUMBERS = {
    "windows": "reversed windows, %",
    "images": "images with any, %",
    "mean_share": "share of the mean error, %",
    "worst_share": "share of the worst window's error, %",
    "worst_reversed": "worst window is reversed, %",
}
"""Every number of a row that has an interval, and what it is."""


def numbers(found: Reversals, against: str, kind: str) -> dict[str, Cell]:
    """The numbers of one row: `mean`, `low` and `high` of each of `_NUMBERS`, and errors in mm."""
    data = found.dataset.sel(against=against, kind=kind)
    reversed_windows = data["reversed_windows"].values
    mean, worst = data["mean_mm"].values, data["worst_mm"].values
    without, worst_without = data["mean_without_mm"].values, data["worst_without_mm"].values
    known = np.isfinite(without)
    columns = {
        "windows": (reversed_windows, np.ones_like(mean)),
        "images": (100.0 * (reversed_windows > 0), np.ones_like(mean)),
        "mean_share": (np.where(known, 100 * (mean - without), np.nan), mean),
        "worst_share": (np.where(known, 100 * (worst - worst_without), np.nan), worst),
        "worst_reversed": (100 * data["worst_reversed"].values, np.ones_like(mean)),
    }
    sums = SequenceSums.of(
        np.stack([values for values, _ in columns.values()], axis=1),
        found.sequences,
        np.stack([weights for _, weights in columns.values()], axis=1),
    )
    rows = dict(zip(columns, cells(sums.interval()), strict=True))

    def over(values: np.ndarray) -> float | None:
        return plain(float(values[known].mean())) if known.any() else None

    errors = {"all": over(mean), "without": over(without)}
    worsts = {"all": over(worst), "without": over(worst_without)}
    return rows | {"mean_mm": errors, "worst_mm": worsts}


def reversals_table(found: Reversals) -> pd.DataFrame:
    """Texts: a row for each kind against the clean estimate and, with ground truth, against the truth."""
    rows = {}
    for against in found.against:
        for kind in found.dataset["kind"].values:
            told = numbers(found, against, str(kind))
            rows[f"{kind}, against the {'clean estimate' if against == 'clean' else 'truth'}"] = {
                title: text(told[name]) for name, title in _NUMBERS.items()
            } | {
                "mean, without [mm]": _pair(told["mean_mm"]),
                "worst, without [mm]": _pair(told["worst_mm"]),
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def images_frame(found: Reversals) -> pd.DataFrame:
    """One row per image, kind and reference."""
    names = [
        "reversed_windows",
        "mean_mm",
        "worst_mm",
        "mean_without_mm",
        "worst_without_mm",
        "worst_reversed",
    ]
    frame = found.dataset[names].to_dataframe().reset_index()
    labels = [name for name in ("sequence", "frame", "file") if name in frame]
    return frame.assign(model=found.card.model_card)[["model", *labels, "against", "kind", *names]]


def summary(found: Reversals) -> dict[str, Any]:
    """Everything of the table in plain numbers."""
    data = found.dataset
    rates = data["part_rate"].sel(against="clean", kind="either")
    parts = {str(part): plain(float(rates.sel(part=part))) for part in rates["part"].values}
    clean = data["clean_reversed"].sel(kind="either").values
    return {
        "model": found.card.model_card,
        "dataset": found.card.dataset_and_split,
        "metric": found.metric,
        "images": data.sizes["image"],
        "sequences": len(set(found.sequences)),
        "against": {
            against: {str(kind): numbers(found, against, str(kind)) for kind in data["kind"].values}
            for against in found.against
        },
        "clean_reversed_percent": plain(100 * float(clean.mean())),
        "where": found.where(),
        "hidden_part_percent": {name: rate for name, rate in parts.items() if rate is not None},
        "protocol": found.card.hash,
        "notes": list(found.notes),
    }


def _pair(cell: Cell) -> str:
    return "" if cell["all"] is None else f"{cell['all']:.0f}, {cell['without']:.0f}"
