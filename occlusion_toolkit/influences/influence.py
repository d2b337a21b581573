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

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from occlusion_toolkit.comparison.sequence_sums import SequenceSums
from occlusion_toolkit.comparison.significance import FEWEST_SEQUENCES
from occlusion_toolkit.comparison.stored_result import StoredResult
from occlusion_toolkit.plotting.style import save_picture

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


class Influence(StoredResult):
    """What hiding each part of the body does to each joint.

    Args:
        dataset: the labelled arrays, an `xarray.Dataset` like any other.
    """

    _kind, _layout, _variables, _called = KIND, LAYOUT, VARIABLES, "influence is"

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

    def _rows(self) -> pd.DataFrame:
        return self.cells()

    def __repr__(self) -> str:
        return (
            f"Influence({self.card.model_card}: {self.metric} of {len(self.joints) - 1} joints by "
            f"{self.dataset.sizes['part']} parts, {self.sequences} sequences)"
        )
