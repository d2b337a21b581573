"""What confidence knows as frames, for one model and for several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from occlusion_toolkit.comparison.interval_cells import Cell, plain
from occlusion_toolkit.comparison.results import names_of

if TYPE_CHECKING:
    from occlusion_toolkit.confidences.confidence import Confidence

_UNITS = {"mean": "mm", "area": "mm", "best": "mm", "gained": "%", "half": "percentage points"}


def interval(data: xr.Dataset, name: str, place: Mapping[str, Any]) -> Cell:
    """A stored number with its ends; None where there is none."""
    ends = {"mean": "", "low": "_low", "high": "_high"}
    return {key: plain(float(data[name + end].sel(place))) for key, end in ends.items()}


def joints_table(found: Confidence) -> pd.DataFrame:
    """By joint, under squares."""
    data = found.dataset.sel(under="squares")
    rows = {}
    for joint in found.joints:
        value, over = data["value"].sel(joint=joint), data["over"].sel(joint=joint)
        rows[joint] = {
            "mean [mm]": float(value.sel(quantity="mean")),
            "area [mm]": float(value.sel(quantity="area")),
            "gained [%]": float(value.sel(quantity="gained")),
            "rank, error": float(value.sel(quantity="rank_error")),
            "rank, moved": float(value.sel(quantity="rank_displacement")),
            "over [%]": float(over.sel(coverage=1.0)),
            **{
                f"surest {100 * share:g} %": float(over.sel(coverage=share))
                for share in found.dataset["chosen"].values
            },
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def numbers_frame(found: Confidence) -> pd.DataFrame:
    """One row per number: quantities, curves and tenths."""
    data, frames = found.dataset, []
    for name, along in {"value": None, "risk": "coverage", "over": "coverage", "tenth_over": "tenth"}.items():
        columns = {name + end: key for end, key in (("", "value"), ("_low", "low"), ("_high", "high"))}
        frame = data[list(columns)].to_dataframe().reset_index().rename(columns=columns)
        if along is not None:
            frame = frame.rename(columns={along: "at"}).assign(quantity=name)
        frames.append(frame)
    whole = pd.concat(frames, ignore_index=True)
    units = _UNITS | {"risk": "mm", "over": "%", "tenth_over": "%"}
    whole["unit"] = whole["quantity"].map(units).fillna("1")
    whole = whole.assign(
        model=found.card.model_card, confidence=found.of, metric=found.metric, over_mm=found.over_mm
    )
    return whole[
        [
            *("model", "confidence", "metric", "over_mm", "under", "joint"),
            *("quantity", "at", "value", "low", "high", "unit"),
        ]
    ]


def by_name(results: Sequence[Confidence]) -> dict[str, Confidence]:
    """Results of several models, or of several confidences of one, by their names.

    Raises:
        UsageError: one is given twice.
    """
    found = {}
    for of in dict.fromkeys(one.of for one in results):
        alike = [one for one in results if one.of == of]
        for name, one in zip(names_of([one.card for one in alike]), alike, strict=True):
            found[one.name.replace(one.card.model_card, name, 1)] = one
    return found


def models_table(models: Mapping[str, Confidence]) -> pd.DataFrame:
    """By model, of all joints under squares, and of persons."""
    rows = {}
    for name, found in models.items():
        value = found.dataset["value"].sel(under="squares")
        every, person = value.sel(joint="all joints"), value.sel(joint="person")
        rows[name] = {
            "mean [mm]": float(every.sel(quantity="mean")),
            "area [mm]": float(every.sel(quantity="area")),
            "gained [%]": float(every.sel(quantity="gained")),
            "gained, persons [%]": float(person.sel(quantity="gained")),
            "surest half, over [points]": float(every.sel(quantity="half")),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def summary(found: Confidence) -> dict[str, Any]:
    """Plain numbers."""
    data = found.dataset
    shares = [*data["chosen"].values, 1.0]

    def told(under: str, joint: str) -> dict[str, Any]:
        place = {"under": under, "joint": joint}
        return {
            "entries": int(data["entries"].sel(place)),
            **{
                str(quantity): interval(data, "value", place | {"quantity": quantity})
                for quantity in data["quantity"].values
            },
            "over_percent": {
                f"{share:g}": interval(data, "over", place | {"coverage": share}) for share in shares
            },
        }

    return {
        "model": found.card.model_card,
        "confidence": found.of,
        "dataset": found.card.dataset_and_split,
        "metric": found.metric,
        "over_mm": found.over_mm,
        "images": int(data.attrs["num_images"]),
        "sequences": found.sequences,
        **{
            str(under): {joint: told(str(under), joint) for joint in found.joints}
            for under in data["under"].values
        },
        "verdict": found.verdict,
        "confidently_wrong_at": list(found.wrong_joints),
        "protocol": found.card.hash,
        "notes": list(found.notes),
    }
