"""Whether a regressor's confidence knows its errors.

An `xarray.Dataset`, stored as it is; each number with `_low` and `_high`, the ends of its 95 % interval:

    value              (quantity, under, joint)   `quantity`: mean, area, best (mm), gained (%), half
                                                  (percentage points), rank_error, rank_displacement
    risk, over         (under, joint, coverage)   among the surest entries: mean (mm), over the threshold (%)
    tenth_over         (under, joint, tenth)      % over the threshold in each tenth, the surest first
    tenth_confidence   (under, joint, tenth)      mean confidence in it
    entries            (under, joint)             how many numbers this is of
    chosen             (chosen)                   coverages that tables show

`under` is "squares" (every window counts once) or "clean" (the crops without a square). `joint` are the
joints; "all joints", where every joint of every pass is an entry; and "person", where every pass is one, with
the means over its joints. What the quantities are is in `rule`.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from occlusion_toolkit.comparison.significance import FEWEST_SEQUENCES
from occlusion_toolkit.comparison.stored_result import StoredResult
from occlusion_toolkit.plotting.style import save_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = "confidence"
LAYOUT = 1

UNDER = ("squares", "clean")
EVERY, PERSON = "all joints", "person"
RANKS = ("rank_error", "rank_displacement")


def _with_ends(name: str, dimensions: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys((name, f"{name}_low", f"{name}_high"), dimensions)


VARIABLES: dict[str, tuple[str, ...]] = {
    **_with_ends("value", ("quantity", "under", "joint")),
    **_with_ends("risk", ("under", "joint", "coverage")),
    **_with_ends("over", ("under", "joint", "coverage")),
    **_with_ends("tenth_over", ("under", "joint", "tenth")),
    "tenth_confidence": ("under", "joint", "tenth"),
    "entries": ("under", "joint"),
}
"""Everything that is stored, with its dimensions."""


class Confidence(StoredResult):
    """Whether a regressor's confidence knows its errors.

    Args:
        dataset: the labelled arrays, an `xarray.Dataset` like any other.
    """

    _kind, _layout, _variables, _called = KIND, LAYOUT, VARIABLES, "confidence is"

    @property
    def of(self) -> str:
        """Which confidence it is: `confidence`, or the name of one of several."""
        return str(self.dataset.attrs["confidence"])

    @property
    def name(self) -> str:
        """The model, and which of its confidences where that has a name."""
        return self.card.model_card + ("" if self.of == KIND else f"-{self.of}")

    @property
    def joints(self) -> tuple[str, ...]:
        """The joints in order, "all joints" and "person"."""
        return tuple(map(str, self.dataset["joint"].values))

    @property
    def over_mm(self) -> float:
        """The threshold in mm."""
        return float(self.dataset.attrs["over_mm"])

    @property
    def sequences(self) -> int:
        """How many sequences it rests on."""
        return int(self.dataset.attrs["num_sequences"])

    def number(self, quantity: str, under: str = "squares", joint: str = EVERY) -> dict[str, float | None]:
        """A quantity with its interval: `mean`, `low` and `high`; None where there is none."""
        from occlusion_toolkit.confidences.table import interval

        place = {"quantity": quantity, "under": under, "joint": joint}
        return interval(self.dataset, "value", place)

    @property
    def wrong_joints(self) -> tuple[str, ...]:
        """Joints at which the model is confidently wrong under squares, by the rule of the verdict."""
        data = self.dataset.sel(under="squares").drop_sel(joint=[EVERY, PERSON])
        base = data["over"].sel(coverage=1.0)
        wrong = (data["value_low"].sel(quantity="half") >= 0) & (base > 0) & (base < 100)
        return tuple(map(str, data["joint"].values[wrong.values]))

    @cached_property
    def verdict(self) -> str:
        """In words, whether confidence knows; of all joints under squares.

        By the interval of *half*: how many more of the surest half of the entries than of all are over the
        threshold. All of it below 0: confidence knows. None of it below 0: the model is confidently wrong.
        """
        base = float(self.dataset["over"].sel(under="squares", joint=EVERY, coverage=1.0))
        half = float(self.dataset["over"].sel(under="squares", joint=EVERY, coverage=0.5))
        low, high = (self.number("half")[end] for end in ("low", "high"))
        what = f"{half:.0f} % of the surest half are over {self.over_mm:g} mm, of all {base:.0f} %"
        if not 0 < base < 100:
            number = "no joint" if base == 0 else "every joint"
            return f"nothing can be said: {number} is over {self.over_mm:g} mm; choose another threshold"
        if low is None or high is None:
            return (
                f"nothing can be said with fewer than {FEWEST_SEQUENCES} sequences; survey more people "
                f"({what})"
            )
        if low >= 0:
            return f"confidently wrong: {what}"
        if self.wrong_joints:
            what += f"; confidently wrong at {', '.join(self.wrong_joints).replace('_', ' ')}"
        if high < 0:
            return f"its confidence knows: {what}"
        return f"its confidence does not tell right from wrong: {what}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers must know, a sentence each."""
        if self.sequences >= FEWEST_SEQUENCES:
            return ()
        return (
            f"no intervals: {self.sequences} of the {FEWEST_SEQUENCES} sequences they need; survey more "
            "people",
        )

    def table(self) -> pd.DataFrame:
        """By joint, under squares: area, what is gained, rank correlations, the share over the threshold."""
        from occlusion_toolkit.confidences.table import joints_table

        return joints_table(self)

    def numbers(self) -> pd.DataFrame:
        """Every number with its interval, a row each."""
        from occlusion_toolkit.confidences.table import numbers_frame

        return numbers_frame(self)

    def summary(self) -> dict[str, Any]:
        """Plain numbers of all joints and of persons, clean and under squares, the verdict and notes."""
        from occlusion_toolkit.confidences.table import summary

        return summary(self)

    def plot(self, path: Path | str | None = None) -> Figure:
        """Risk against coverage, what is over the threshold by tenths, and what is gained by joint.

        Raises:
            ResultError: the file cannot be written.
        """
        from occlusion_toolkit.confidences.figure import confidence_figure

        return save_picture(confidence_figure({self.name: self}), path)

    def _rows(self) -> pd.DataFrame:
        return self.numbers()

    def __repr__(self) -> str:
        return f"Confidence({self.name}: {self.verdict})"
