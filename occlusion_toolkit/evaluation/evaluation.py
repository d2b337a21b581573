"""What an evaluation gives back: the errors of every person, and the tables that are made of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from occlusion_toolkit.evaluation.log import open_errors
from occlusion_toolkit.evaluation.published import PublishedTable
from occlusion_toolkit.files.atomic import make_folder, write_text
from occlusion_toolkit.files.latex import booktabs, latex_escaped
from occlusion_toolkit.models.cards import ErrorFigure
from occlusion_toolkit.sweep.maps import card_of, metric_name, save_maps
from occlusion_toolkit.sweep.protocol import ProtocolCard

_TITLES = {"mpjpe": "MPJPE", "pa_mpjpe": "PA-MPJPE", "pve": "PVE"}


class Evaluation:
    """Errors of one model or several on a data set, millimetres.

    Args:
        results: one container per model, without windows (`sweep.maps`): `clean_error` and `clean_pa_error`
            (image, joint), `clean_pve` (image), and `clean_NAME_error` of a metric of one's own.
        stated: for each model figures that its card states of the same people, by metric ("PA-MPJPE").
        published: the paper's table of the data set, where there is one.
        not_compared: for each model figures of its card by another protocol, by metric, in words.
    """

    def __init__(
        self,
        results: Sequence[xr.Dataset],
        stated: Sequence[Mapping[str, ErrorFigure]] | None = None,
        published: PublishedTable | None = None,
        not_compared: Sequence[Mapping[str, str]] | None = None,
    ) -> None:
        self.results = tuple(results)
        self.stated = tuple(stated or ({} for _ in results))
        self.published = published
        self.not_compared = tuple(not_compared or ({} for _ in results))

    @classmethod
    def open(cls, *paths: Path | str) -> Evaluation:
        """Reads stored results, a file per model.

        Raises:
            ResultError: a file is missing, damaged or holds something else.
        """
        return cls([open_errors(Path(path)) for path in paths])

    @property
    def cards(self) -> tuple[ProtocolCard, ...]:
        """What the numbers of each model mean."""
        return tuple(card_of(errors) for errors in self.results)

    def table(self) -> pd.DataFrame:
        """Means over samples, each counting once: a row per model, columns `samples`, `MPJPE`, ... in mm."""
        rows = [{"samples": len(found), **found.mean().to_dict()} for found in map(_by_sample, self.results)]
        names = pd.Index([card.model_card for card in self.cards], name="model")
        return pd.DataFrame(rows, names).rename(columns=_TITLES)

    def by_sequence(self, model: int = 0) -> pd.DataFrame:
        """Means over the samples of each sequence, in the order of the data set; see `table`."""
        groups = _by_sample(self.results[model]).groupby(level=0, sort=False)
        means = groups.mean()
        means.insert(0, "samples", groups.size())
        return means.rename(columns=_TITLES)

    def by_joint(self, model: int = 0) -> pd.DataFrame:
        """Means over samples of each joint; see `table`."""
        errors = self.results[model]
        means = {
            metric: errors[name].values.mean(axis=0, dtype=np.float64)
            for metric, name in _variables(errors).items()
            if "joint" in errors[name].dims
        }
        return pd.DataFrame(means, pd.Index(errors["joint"].values, name="joint")).rename(columns=_TITLES)

    def differences(self, model: int = 0) -> dict[str, float]:
        """By how much the means exceed the figures that the model's card states, mm."""
        row = self.table().iloc[model]
        return {metric: row[metric] - figure.value_mm for metric, figure in self.stated[model].items()}

    def latex(self) -> str:
        r"""A `tabular` (booktabs) of means; published lines stand below the measured ones."""
        table, card = self.table().drop(columns="samples"), self.cards[0]
        groups = [[_latex_row(str(name), row) for name, row in table.iterrows()]]
        if self.published is not None:
            source = rf"\multicolumn{{{1 + len(table.columns)}}}{{l}}{{\emph{{{self.published.source}}}}}"
            rows = [row.by_title() for row in self.published.rows]
            lines = [
                _latex_row(row.method, [values.get(column) for column in table.columns])
                for row, values in zip(self.published.rows, rows, strict=True)
            ]
            groups.append([source, *lines])
        titles = [rf"{latex_escaped(str(name))} $\downarrow$" for name in table.columns]
        notes = [f"% {card.dataset} {card.split}; mm; \\usepackage{{booktabs}}"]
        notes += [f"% {card.model_card}: protocol {card.hash}" for card in self.cards]
        if self.published is not None:
            notes.append(f"% {self.published.source}: {self.published.protocol}")
        return "\n".join([*notes, booktabs("l" + "r" * len(titles), " & ".join(["Method", *titles]), groups)])

    def as_json(self) -> dict[str, Any]:
        """Plain types only."""
        return {
            "models": [self._model_json(index) for index in range(len(self.results))],
            "published": None if self.published is None else asdict(self.published),
        }

    def save(self, path: Path | str) -> None:
        """Writes a file by its suffix.

        Args:
            path: .json gets everything but single samples, .csv and .tex the table, .h5 the errors of every
                sample of one model; any other path is a folder with such a .h5 file for each model.

        Raises:
            ResultError: the file cannot be written.
        """
        path = Path(path)
        if path.suffix == ".json":
            write_text(path, json.dumps(self.as_json(), indent=2) + "\n")
        elif path.suffix == ".csv":
            write_text(path, self.table().to_csv(lineterminator="\n"))
        elif path.suffix == ".tex":
            write_text(path, self.latex() + "\n")
        elif path.suffix == ".h5" and len(self.results) == 1:
            save_maps(path, self.results[0])
        else:
            make_folder(path)
            for card, errors in zip(self.cards, self.results, strict=True):
                save_maps(result_path(path, card), errors)

    def __repr__(self) -> str:
        card = self.cards[0]
        return (
            f"Evaluation({', '.join(card.model_card for card in self.cards)} on {card.dataset} {card.split})"
        )

    def _repr_html_(self) -> str:
        return str(self.table().to_html(float_format="{:.1f}".format))

    def _model_json(self, model: int) -> dict[str, Any]:
        card, overall = self.cards[model], self.table().iloc[model]
        differences = self.differences(model)
        return {
            "model": card.model_card,
            "protocol_hash": card.hash,
            "protocol": card.model_dump(mode="json"),
            "overall": _json_row(overall),
            "sequences": {name: _json_row(row) for name, row in self.by_sequence(model).iterrows()},
            "joints": {name: _json_row(row) for name, row in self.by_joint(model).iterrows()},
            "comparisons": {
                metric: {
                    "stated_mm": figure.value_mm,
                    "difference_mm": differences[metric],
                    "origin": figure.origin,
                    "reference": figure.reference,
                }
                for metric, figure in self.stated[model].items()
            },
            "not_compared": dict(self.not_compared[model]),
        }


def result_path(folder: Path, card: ProtocolCard) -> Path:
    """The file of an evaluation: its name holds the protocol's hash, so protocols never mix."""
    return folder / f"{card.model_card}-{card.hash}.h5"


def _variables(errors: xr.Dataset) -> dict[str, str]:
    """Names of the container by metric."""
    card = card_of(errors)
    names = {metric: f"clean_{metric_name(metric, 'error')}" for metric in card.metrics}
    return names | ({"pve": "clean_pve"} if card.pve_alignment else {})


def _by_sample(errors: xr.Dataset) -> pd.DataFrame:
    """The mean over joints of every sample by metric, the sequences as index."""
    means = {
        metric: errors[name].values.astype(np.float64).reshape(errors.sizes["image"], -1).mean(axis=1)
        for metric, name in _variables(errors).items()
    }
    return pd.DataFrame(means, pd.Index(errors["sequence"].values, name="sequence"))


def _json_row(row: pd.Series[Any]) -> dict[str, int | float]:
    keys = {title: f"{metric}_mm" for metric, title in _TITLES.items()} | {"samples": "samples"}
    return {
        keys.get(str(name), f"{name}_mm"): int(value) if name == "samples" else float(value)
        for name, value in row.items()
    }


def _latex_row(name: str, values_mm: Sequence[float | None] | pd.Series[Any]) -> str:
    cells = ["--" if value is None else f"{value:.1f}" for value in values_mm]
    return " & ".join([latex_escaped(name), *cells])
