"""Errors of joints that the world hides beside errors of joints under squares.

An `xarray.Dataset`, stored as it is:

    sums, counts           (sequence, state, joint)  mm; errors of the images of each sequence, added up
    mean, ci_low, ci_high  (state, joint)            mm; `state` are those of `rule` and, last, "hidden"
    joints_in_state        (state, joint)            how many joints of images

`joint` are the joints and, last, "mean": all joints together, each counting once.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from occlusion_toolkit.comparison.interval_cells import cells
from occlusion_toolkit.comparison.sequence_sums import SequenceSums, ratio, resampled
from occlusion_toolkit.comparison.significance import FEWEST_SEQUENCES
from occlusion_toolkit.comparison.stored_result import StoredResult
from occlusion_toolkit.natural_occlusion.rule import HIDDEN, STATES
from occlusion_toolkit.plotting.style import save_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = "natural"
LAYOUT = 1

SHOWN = (*STATES, "hidden")
VARIABLES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("sums", "counts"), ("sequence", "counted", "joint")),
    **dict.fromkeys(("mean", "ci_low", "ci_high", "joints_in_state"), ("state", "joint")),
}
"""Everything that is stored, with its dimensions."""

FEWEST_HIDDEN = 5
"""A joint that is hidden in fewer images has no place in the rank correlation."""


class NaturalOcclusion(StoredResult):
    """Whether squares predict what the world does.

    Args:
        dataset: the labelled arrays, an `xarray.Dataset` like any other.
    """

    _kind, _layout, _variables, _called = KIND, LAYOUT, VARIABLES, "natural occlusion is"

    @property
    def joints(self) -> tuple[str, ...]:
        """The joints in order, and "mean"."""
        return tuple(map(str, self.dataset["joint"].values))

    @cached_property
    def ranked(self) -> tuple[str, ...]:
        """The joints of the rank correlations: hidden, and under a square, in five images or more."""
        count = self.dataset["joints_in_state"].isel(joint=slice(None, -1))
        enough = (count.sel(state="hidden") >= FEWEST_HIDDEN) & (count.sel(state="square") >= FEWEST_HIDDEN)
        return tuple(map(str, count["joint"].values[enough.values]))

    @cached_property
    def agreement(self) -> dict[str, dict[str, float | None]]:
        """How well squares predict the world, each with its 95 % interval over sequences.

        `rank_error`: Spearman's correlation over joints of the error under squares and the error of hidden
        joints. `rank_increase`: the same of what each adds to the error of joints in sight.
        `hidden_minus_square_mm`: mean over these joints of the difference.
        """
        tables = self._sums
        count = len(tables.names)
        found = resampled(self._statistic, tables, np.full(3, count))
        names = ("rank_error", "rank_increase", "hidden_minus_square_mm")
        return dict(zip(names, cells(found), strict=True))

    @property
    def verdict(self) -> str:
        """In words, whether squares predict the world, by the interval of the rank correlation of errors."""
        if len(self.ranked) < 3:
            return (
                f"nothing can be said: {len(self.ranked)} joints are hidden in {FEWEST_HIDDEN} images or "
                "more, 3 are needed; survey more people who are occluded"
            )
        rank = self.agreement["rank_error"]
        if rank["mean"] is None or rank["low"] is None or rank["high"] is None:
            return f"nothing can be said with fewer than {FEWEST_SEQUENCES} sequences; survey more people"
        interval = f"{rank['mean']:.2f} ({rank['low']:.2f} to {rank['high']:.2f})"
        if rank["low"] > 0:
            return f"squares rank the joints as the world does: rank correlation {interval}"
        if rank["high"] < 0:
            return f"squares rank the joints the other way round: rank correlation {interval}"
        return f"squares do not predict which joints the world hurts most: rank correlation {interval}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers must know, a sentence each."""
        sequences = self.dataset.sizes["sequence"]
        few = sequences < FEWEST_SEQUENCES
        return (
            (f"no intervals: {sequences} of the {FEWEST_SEQUENCES} sequences they need; survey more people",)
            if few
            else ()
        )

    def table(self) -> pd.DataFrame:
        """By joint: errors in sight, hidden and under squares, and how many are hidden."""
        from occlusion_toolkit.natural_occlusion.table import joints_table

        return joints_table(self)

    def states(self) -> pd.DataFrame:
        """Every mean with its interval, a row per state and joint."""
        from occlusion_toolkit.natural_occlusion.table import states_frame

        return states_frame(self)

    def summary(self) -> dict[str, Any]:
        """Plain numbers: the mean over all joints in every state, the agreement, the verdict and notes."""
        from occlusion_toolkit.natural_occlusion.table import summary

        return summary(self)

    def plot(self, path: Path | str | None = None) -> Figure:
        """Errors under squares against errors of hidden joints, with the line of identity.

        Raises:
            ResultError: the file cannot be written.
        """
        from occlusion_toolkit.natural_occlusion.figure import natural_figure

        return save_picture(natural_figure({self.card.model_card: self}), path)

    def _rows(self) -> pd.DataFrame:
        return self.states()

    def __repr__(self) -> str:
        return f"NaturalOcclusion({self.card.model_card}: {self.verdict})"

    @cached_property
    def _sums(self) -> SequenceSums:
        names = tuple(map(str, self.dataset["sequence"].values))
        flat = (self.dataset[name].values.reshape(len(names), -1) for name in ("sums", "counts"))
        return SequenceSums(names, *flat)

    def _statistic(self, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Two rank correlations over joints and the mean difference, row by row, (R, 3)."""
        shape = (len(sums), len(STATES), len(self.joints))
        chosen = [self.joints.index(name) for name in self.ranked]
        totals, numbers = (table.reshape(shape)[..., chosen] for table in (sums, counts))
        hidden = [STATES.index(name) for name in HIDDEN]
        world = ratio(totals[:, hidden].sum(axis=1), numbers[:, hidden].sum(axis=1))
        seen, square, uncovered = (
            ratio(totals[:, STATES.index(name)], numbers[:, STATES.index(name)])
            for name in ("seen", "square", "uncovered")
        )
        return np.stack(
            [
                _spearman(square, world),
                _spearman(square - uncovered, world - seen),
                (world - square).mean(axis=1) if chosen else np.full(len(sums), np.nan),
            ],
            axis=1,
        )


def _spearman(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Rank correlation of every row, (R,); NaN with fewer than three columns, or where a value is missing."""
    if one.shape[1] < 3:
        return np.full(len(one), np.nan)
    known = np.isfinite(one).all(axis=1) & np.isfinite(other).all(axis=1)
    ranks = [stats.rankdata(np.where(known[:, None], table, 0.0), axis=1) for table in (one, other)]
    first, second = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    spread = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    together = (first * second).sum(axis=1)
    found = np.divide(together, spread, out=np.full(len(one), np.nan), where=spread > 0)
    return np.where(known, found, np.nan)
