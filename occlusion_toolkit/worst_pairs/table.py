"""Worst pairs as frames: a row per thing that is compared, per image, and per pair of models."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jaxtyping import Float64

from occlusion_toolkit.comparison.interval_cells import Cell, difference_cells, mean_cells, text
from occlusion_toolkit.comparison.swept_result import require_same

if TYPE_CHECKING:
    from occlusion_toolkit.worst_pairs.worst_pair import WorstPair

_PAIRED = ("single_mm", "pair_mm", "worse_mm")
"""What is compared between two models."""


def numbers(found: WorstPair) -> dict[str, Cell]:
    """Means over images with their intervals.

    `worse_mm` is pair minus single; `alone_mm` the worse of the pair's squares by itself; `beyond_sum_mm`
    what the pair adds beyond the sum of what its squares add by themselves; `worse_share` the % of the images
    whose pair is worse than every single square.
    """
    columns = _columns(found)
    return dict(
        zip(columns, mean_cells(np.stack(list(columns.values()), axis=1), found.sequences), strict=True)
    )


def numbers_table(found: WorstPair) -> pd.DataFrame:
    """Texts: a row for each thing that is compared."""
    told, one, two = numbers(found), found.size, found.pair_size
    titles = {
        "clean_mm": "no square [mm]",
        "single_mm": f"worst square of {one} px [mm]",
        "pair_mm": f"worst pair of {two} px [mm]",
        "worse_mm": "pair - square [mm]",
        "alone_mm": "the pair's worse square alone [mm]",
        "beyond_sum_mm": "beyond what both add alone [mm]",
        "worse_share": "pair is worse, % of people",
    }
    rows = {title: {"mean": text(told[name])} for name, title in titles.items()}
    return pd.DataFrame.from_dict(rows, orient="index")


def images_frame(found: WorstPair) -> pd.DataFrame:
    """One row per image: errors in mm, and the three windows in pixels of the crop."""
    data = found.dataset
    frame = pd.DataFrame(
        {name: data[name].values for name in ("sequence", "frame", "person", "file") if name in data.coords}
    )
    columns = _columns(found)
    for name in ("clean_mm", "single_mm", "pair_mm", "worse_mm"):
        frame[name] = columns[name]
    windows = {
        "single": data["single_window"].values,
        "first": data["pair_windows"].values[:, 0],
        "second": data["pair_windows"].values[:, 1],
    }
    for number, name in enumerate(("first", "second")):
        frame[f"{name}_alone_mm"] = data["alone_mm"].values[:, number]
    for name, edges in windows.items():
        for number, edge in enumerate(("y0", "y1", "x0", "x1")):
            frame[f"{name}_{edge}"] = edges[:, number]
    frame["passes"] = data["passes"].values
    facts = {"model": found.card.model_card, "metric": found.metric, "joint": found.joint}
    frame = frame.assign(**facts)
    return frame[[*facts, *(name for name in frame if name not in facts)]]


def pairs(models: Mapping[str, WorstPair]) -> dict[tuple[str, str], dict[str, Cell]]:
    """Every two models on the same images: first minus second, with p-values.

    Raises:
        ResultError: they differ in more than the model.
    """
    found = {}
    for (one, first), (other, second) in combinations(models.items(), 2):
        require_same(first, second, ("metric", "joint"))
        told = difference_cells(_paired(first), _paired(second), first.sequences)
        found[one, other] = dict(zip(_PAIRED, told, strict=True))
    return found


def pairs_table(models: Mapping[str, WorstPair]) -> pd.DataFrame:
    """Texts: every two models; nothing for one."""
    titles = {"single_mm": "square [mm]", "pair_mm": "pair [mm]", "worse_mm": "pair - square [mm]"}
    rows = {
        f"{one} - {other}": {title: text(told[name]) for name, title in titles.items()}
        for (one, other), told in pairs(models).items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def summary(found: WorstPair) -> dict[str, Any]:
    """Everything of the table in plain numbers, and the image that is shown."""
    data, shown = found.dataset, found.shown
    row = found.images().iloc[shown]
    return {
        "model": found.card.model_card,
        "dataset": found.card.dataset_and_split,
        "metric": found.metric,
        "joint": found.joint,
        "size_px": found.size,
        "pair_size_px": found.pair_size,
        "beam": int(data.attrs["beam"]),
        "places": len(found.card.windows),
        "images": len(found.sequences),
        "sequences": len(set(found.sequences)),
        **numbers(found),
        "shown": {
            "sequence": str(row["sequence"]),
            "single_mm": float(row["single_mm"]),
            "pair_mm": float(row["pair_mm"]),
            "single_window": data["single_window"].values[shown].tolist(),
            "pair_windows": data["pair_windows"].values[shown].tolist(),
        },
        "passes": int(data["passes"].sum()),
        "protocol": found.card.hash,
        "notes": list(found.notes),
    }


def _columns(found: WorstPair) -> dict[str, Float64[np.ndarray, " images"]]:
    data = found.dataset
    clean, single, pair = (data[name].values for name in ("clean_mm", "single_mm", "pair_mm"))
    alone = data["alone_mm"].values
    added = alone if found.metric.endswith("increase") else alone - clean[:, None]
    whole = pair if found.metric.endswith("increase") else pair - clean
    return {
        "clean_mm": clean,
        "single_mm": single,
        "pair_mm": pair,
        "worse_mm": pair - single,
        "alone_mm": alone.max(axis=1),
        "beyond_sum_mm": whole - added.sum(axis=1),
        "worse_share": 100.0 * (pair > single),
    }


def _paired(found: WorstPair) -> Float64[np.ndarray, "images columns"]:
    columns = _columns(found)
    return np.stack([columns[name] for name in _PAIRED], axis=1)
