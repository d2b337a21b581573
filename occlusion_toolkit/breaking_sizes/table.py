"""Breaking sizes as frames: a row per size, a row per image and size, a row per pair of models."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jaxtyping import Float64

from occlusion_toolkit.breaking_sizes.breaking_size import BY_IMAGE, BY_SIZE
from occlusion_toolkit.comparison.interval_cells import Cell, difference_cells, mean_cells, plain, text
from occlusion_toolkit.comparison.swept_result import require_same

if TYPE_CHECKING:
    from occlusion_toolkit.breaking_sizes.breaking_size import BreakingSize


def by_size(found: BreakingSize) -> dict[int, dict[str, Cell]]:
    """The numbers of every size, with intervals over sequences.

    `dose_mm`, `over` and `broken` are means over places, `worst_mm` of the worst places, `people_broken` is
    the % of the images that a square of this size or a smaller one breaks anywhere.
    """
    data = found.dataset
    columns = {
        "dose_mm": data["dose_mm"].values,
        "worst_mm": data["worst_mm"].values,
        "over": data["over_share"].values,
        "broken": data["broken_share"].values,
        "people_broken": 100.0 * (found.smallest_px[:, None] <= np.array(found.sizes)),
    }
    cells = {name: mean_cells(values, found.sequences) for name, values in columns.items()}
    return {size: {name: cells[name][place] for name in columns} for place, size in enumerate(found.sizes)}


def overall(found: BreakingSize) -> dict[str, Cell]:
    """The area under the curve, where larger squares hurt less, and which places recover."""
    data = found.dataset
    names = ("area_mm", "less_share", "recovers", "clean_mm")
    cells = mean_cells(np.stack([data[name].values for name in names], axis=1), found.sequences)
    return dict(zip(names, cells, strict=True))


def sizes_table(found: BreakingSize) -> pd.DataFrame:
    """Texts: a row for each size."""
    titles = {
        "dose_mm": "mean of places [mm]",
        "worst_mm": "worst place [mm]",
        "over": "places over it, %",
        "broken": "places broken so far, %",
        "people_broken": "people broken so far, %",
    }
    rows = {
        f"{size} px": {title: text(row[name]) for name, title in titles.items()}
        for size, row in by_size(found).items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def images_frame(found: BreakingSize) -> pd.DataFrame:
    """One row per image and size."""
    frame = found.dataset[[*BY_SIZE, *BY_IMAGE]].to_dataframe().reset_index()
    smallest = np.repeat(found.smallest_px, len(found.sizes))
    frame = frame.assign(
        model=found.card.model_card,
        metric=found.metric,
        joint=found.joint,
        over_mm=found.over_mm,
        smallest_px=np.where(np.isfinite(smallest), smallest, np.nan),
    )
    labels = [name for name in ("sequence", "frame", "person", "file") if name in frame]
    settings = ["model", "metric", "joint", "over_mm"]
    return frame[[*settings, *labels, "smallest_px", "size", *BY_SIZE, *BY_IMAGE]]


def pairs_table(models: Mapping[str, BreakingSize]) -> pd.DataFrame:
    """Texts: every two models on the same images; nothing for one model.

    Raises:
        ResultError: they differ in more than the model.
    """
    rows = {
        f"{one} - {other}": {
            "area [mm]": text(numbers["area_mm"]),
            "places broken, %": text(numbers["broken"]),
            "people broken, %": text(numbers["people_broken"]),
            "first breaks earlier, % of places": text(numbers["earlier"]),
            "second earlier, %": text(numbers["later"]),
        }
        for (one, other), numbers in pairs(models).items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def pairs(models: Mapping[str, BreakingSize]) -> dict[tuple[str, str], dict[str, Cell]]:
    """Every two models: first minus second of the area and of what the largest square breaks, with p-values.

    `earlier` is the % of places at which a smaller square breaks the first model than the second (which may
    not break at all), `later` the other way round.

    Raises:
        ResultError: they differ in more than the model.
    """
    found = {}
    for (one, first), (other, second) in combinations(models.items(), 2):
        require_same(first, second, ("sizes", "metric", "joint", "over_mm"))
        told = difference_cells(_paired(first), _paired(second), first.sequences)
        numbers = dict(zip(("area_mm", "broken", "people_broken"), told, strict=True))
        sizes = [np.nan_to_num(each.dataset["breaking_px"].values, nan=np.inf) for each in (first, second)]
        shares = [100.0 * earlier.mean(axis=(1, 2)) for earlier in (sizes[0] < sizes[1], sizes[1] < sizes[0])]
        earlier, later = mean_cells(np.stack(shares, axis=1), first.sequences)
        found[one, other] = numbers | {"earlier": earlier, "later": later}
    return found


def summary(found: BreakingSize) -> dict[str, Any]:
    """Everything of the table in plain numbers."""
    smallest = found.smallest_px
    middle = float(np.median(smallest))
    return {
        "model": found.card.model_card,
        "dataset": found.card.dataset_and_split,
        "metric": found.metric,
        "joint": found.joint,
        "over_mm": found.over_mm,
        "images": len(found.sequences),
        "sequences": len(set(found.sequences)),
        "places": int(found.dataset["breaking_px"][0].size),
        "sizes": {str(size): row for size, row in by_size(found).items()},
        **overall(found),
        "smallest_px": plain(float(smallest.min())),
        "median_person_px": plain(middle),
        "protocol": found.card.hash,
        "notes": list(found.notes),
    }


def _paired(found: BreakingSize) -> Float64[np.ndarray, "images columns"]:
    """What is paired of every image: the area, and the places and people that the largest square breaks."""
    broken = found.dataset["broken_share"].values[:, -1]
    return np.stack([found.dataset["area_mm"].values, broken, 100.0 * np.isfinite(found.smallest_px)], axis=1)
