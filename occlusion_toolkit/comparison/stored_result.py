"""What the results of analyses of surveys share: one file, one table, one picture."""

from __future__ import annotations

import base64
import html
import io
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

import pandas as pd
import xarray as xr

from occlusion_toolkit.errors import ResultError, UsageError
from occlusion_toolkit.files.atomic import write_text
from occlusion_toolkit.files.netcdf import load_dataset, save_dataset
from occlusion_toolkit.sweep.maps import card_of
from occlusion_toolkit.sweep.protocol import ProtocolCard

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_Stored = TypeVar("_Stored", bound="StoredResult")


class StoredResult(ABC):
    """Labelled arrays with a protocol card that are stored as they are.

    Args:
        dataset: the labelled arrays, an `xarray.Dataset` like any other.
    """

    _kind: ClassVar[str]
    _layout: ClassVar[int]
    _variables: ClassVar[Mapping[str, tuple[str, ...]]]
    """What a file must hold, with its dimensions."""
    _types: ClassVar[str] = "fi"
    """Kinds of numbers that these are, as numpy calls them."""
    _called: ClassVar[str]
    """How a message begins that says how it is written."""

    def __init__(self, dataset: xr.Dataset) -> None:
        self.dataset = dataset

    @classmethod
    def open(cls: type[_Stored], path: Path | str) -> _Stored:
        """Reads a stored result.

        Raises:
            ResultError: the file is missing, damaged, incomplete, or holds something else.
        """
        dataset = load_dataset(path, cls._kind, cls._layout)
        for name, dimensions in cls._variables.items():
            found = dataset.get(name)
            if found is None or found.dims != dimensions or found.dtype.kind not in cls._types:
                raise ResultError(f"{str(path)!r} cannot be used: its {name} is missing or of another shape")
        card_of(dataset)
        return cls(dataset)

    @cached_property
    def card(self) -> ProtocolCard:
        """What the numbers mean."""
        return card_of(self.dataset)

    @property
    def metric(self) -> str:
        """Of the numbers: `error`, `increase`, `pa_error`, ..., or `displacement` without ground truth."""
        return str(self.dataset.attrs["metric"])

    @abstractmethod
    def table(self) -> pd.DataFrame:
        """The numbers that answer the question."""

    @abstractmethod
    def plot(self, path: Path | str | None = None) -> Figure:
        """The picture."""

    @abstractmethod
    def _rows(self) -> pd.DataFrame:
        """Every number, as the CSV file holds them."""

    def save(self, path: Path | str) -> None:
        """Writes everything (.h5), or a row for each number (.csv).

        Raises:
            UsageError: another suffix.
            ResultError: the file cannot be written.
        """
        path = Path(path)
        if path.suffix == ".h5":
            save_dataset(path, self.dataset, self._kind, self._layout)
        elif path.suffix == ".csv":
            write_text(path, self._rows().to_csv(index=False, float_format="%.6g", lineterminator="\n"))
        else:
            raise UsageError(f"{self._called} written as .h5 or .csv, not as {path.name!r}")

    def _repr_html_(self) -> str:
        picture = io.BytesIO()
        self.plot().savefig(picture, format="png", dpi=110)
        encoded = base64.b64encode(picture.getvalue()).decode()
        title = html.escape(repr(self))  # it holds what a stranger's file says
        return f'<img alt="{title}" src="data:image/png;base64,{encoded}">{self.table().to_html()}'
