"""The influence matrix of a regressor: by how much each joint's error grows when a part is hidden.

An `xarray.Dataset`, stored as it is:

    increase, ci_low, ci_high, q      (part, joint)            mm; NaN where no window hides the part
    images, seen_images               (part)                   images in which a window hides the part, shows
    it covered_increase, covered_low, covered_high  (sight, covered, joint)  mm, mean over windows
    covered_share                     (sight, covered, joint)  % of the windows
    increase_share, share_low, share_high        (covered, joint)  % of all that occlusion adds
    sums, counts                      (sequence, part, joint)  what pairs of models are made of
    covered_sums, covered_windows     (sequence, sight, covered, joint)

`joint` are the joints and, last, "mean". `covered` and `sight` are explained in `rule`.
"""

from __future__ import annotations

import base64
import io
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from occlusion_toolkit.comparison.sequence_sums import SequenceSums
from occlusion_toolkit.comparison.significance import FEWEST_SEQUENCES
from occlusion_toolkit.errors import ResultError, UsageError
from occlusion_toolkit.files.atomic import write_text
from occlusion_toolkit.files.netcdf import load_dataset, save_dataset
from occlusion_toolkit.influences.rule import COVERED
from occlusion_toolkit.plotting.style import save_picture
from occlusion_toolkit.sweep.maps import card_of
from occlusion_toolkit.sweep.protocol import ProtocolCard

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = "influence"
LAYOUT = 1

_MATRIX = ("part", "joint")
_COVERED = ("sight", "covered", "joint")
VARIABLES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("increase", "ci_low", "ci_high", "q"), _MATRIX),
    **dict.fromkeys(("images", "seen_images"), ("part",)),
    **dict.fromkeys(("covered_increase", "covered_low", "covered_high", "covered_share"), _COVERED),
    **dict.fromkeys(("increase_share", "share_low", "share_high"), ("covered", "joint")),
    **dict.fromkeys(("sums", "counts"), ("sequence", *_MATRIX)),
    **dict.fromkeys(("covered_sums", "covered_windows"), ("sequence", *_COVERED)),
}
"""Everything that is stored, with its dimensions."""


class Influence:
    """What hiding each part of the body does to each joint.

    Args:
        dataset: the labelled arrays, an `xarray.Dataset` like any other.
    """

    def __init__(self, dataset: xr.Dataset) -> None:
        self.dataset = dataset

    @classmethod
    def open(cls, path: Path | str) -> Influence:
        """Reads a stored influence matrix.

        Raises:
            ResultError: the file is missing, damaged, incomplete, or holds something else.
        """
        dataset = load_dataset(path, KIND, LAYOUT)
        for name, dimensions in VARIABLES.items():
            if (
                name not in dataset
                or dataset[name].dims != dimensions
                or dataset[name].dtype.kind not in "fi"
            ):
                raise ResultError(f"{str(path)!r} cannot be used: its {name} is missing or of another shape")
        card_of(dataset)
        return cls(dataset)

    @cached_property
    def card(self) -> ProtocolCard:
        """What the numbers mean."""
        return card_of(self.dataset)

    @property
    def metric(self) -> str:
        """What the cells are: `increase`, `pa_increase`, ..., or `displacement` without ground truth."""
        return str(self.dataset.attrs["metric"])

    @property
    def joints(self) -> tuple[str, ...]:
        """The joints in order, and "mean"."""
        return tuple(map(str, self.dataset["joint"].values))

    @property
    def sequences(self) -> int:
        """How many sequences it rests on."""
        return self.dataset.sizes["sequence"]

    @cached_property
    def sequence_sums(self) -> SequenceSums:
        """The cells as sums by sequence, row by row of the matrix."""
        count = self.sequences
        sums, counts = (self.dataset[name].values.reshape(count, -1) for name in ("sums", "counts"))
        return SequenceSums(tuple(map(str, self.dataset["sequence"].values)), sums, counts)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers must know, a sentence each."""
        found = []
        if self.sequences < FEWEST_SEQUENCES:
            found.append(
                f"no intervals and no tests: {self.sequences} of the {FEWEST_SEQUENCES} sequences that they "
                "need; survey more people"
            )
        never = [
            str(p)
            for p, count in zip(self.dataset["part"].values, self.dataset["images"].values, strict=True)
            if not count
        ]
        if never:
            found.append(
                f"no square hides half of {', '.join(never).replace('_', ' ')}; a larger --size or a "
                "smaller --stride would"
            )
        return tuple(found)

    def table(self) -> pd.DataFrame:
        """By joint: what windows over each kind of place add, the remote share, the worst part."""
        from occlusion_toolkit.influences.table import joints_table

        return joints_table(self)

    def cells(self) -> pd.DataFrame:
        """Every cell of the matrix, a row each."""
        from occlusion_toolkit.influences.table import cells_frame

        return cells_frame(self)

    def summary(self) -> dict[str, Any]:
        """The mean over joints in plain numbers: shares of the total increase, and notes."""
        from occlusion_toolkit.influences.table import summary

        return summary(self)

    def plot(self, path: Path | str | None = None, *, against: Influence | None = None) -> Figure:
        """The matrix, limb by limb; cells that are not significant are hatched.

        Args:
            path: where to write it, by suffix (.png, .pdf, .svg, .jpg); None to get the figure only.
            against: another model; its matrix and the difference are drawn, too.

        Raises:
            UsageError: the two are not of the same images.
            ResultError: the file cannot be written.
        """
        from occlusion_toolkit.influences.figure import influence_figure

        models = {self.card.model_card: self}
        if against is not None:
            name = against.card.model_card
            models[name if name not in models else f"{name} (2)"] = against
        return save_picture(influence_figure(models), path)

    def save(self, path: Path | str) -> None:
        """Writes everything (.h5), or the cells (.csv).

        Raises:
            UsageError: another suffix.
            ResultError: the file cannot be written.
        """
        path = Path(path)
        if path.suffix == ".h5":
            save_dataset(path, self.dataset, KIND, LAYOUT)
        elif path.suffix == ".csv":
            write_text(path, self.cells().to_csv(index=False, float_format="%.6g", lineterminator="\n"))
        else:
            raise UsageError(f"influence is written as .h5 or .csv, not as {path.name!r}")

    def __repr__(self) -> str:
        return (
            f"Influence({self.card.model_card}: {self.metric} of {len(self.joints) - 1} joints by "
            f"{self.dataset.sizes['part']} parts, {self.sequences} sequences)"
        )

    def _repr_html_(self) -> str:
        picture = io.BytesIO()
        self.plot().savefig(picture, format="png", dpi=110)
        encoded = base64.b64encode(picture.getvalue()).decode()
        return f'<img alt="{self!r}" src="data:image/png;base64,{encoded}">{self.table().to_html()}'


REMOTE = COVERED.index("remote")
