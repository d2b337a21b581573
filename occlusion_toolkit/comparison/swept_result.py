"""What results of analyses share that sweep people by themselves: images of sequences, a joint, notes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import pandas as pd

from occlusion_toolkit.comparison.results import require_one_protocol
from occlusion_toolkit.comparison.significance import FEWEST_SEQUENCES
from occlusion_toolkit.comparison.stored_result import StoredResult
from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.plotting.metric_text import joint_title, metric_text


class SweptResult(StoredResult):
    """Numbers of images, of a joint or of the mean over joints.

    Args:
        dataset: the labelled arrays, an `xarray.Dataset` like any other.
    """

    @property
    def joint(self) -> str:
        """The joint that the numbers are of, or "mean" for the mean over joints."""
        return str(self.dataset.attrs["joint"])

    @property
    def measured(self) -> str:
        """What the numbers are of, in words."""
        joint = "mean over joints" if self.joint == "mean" else joint_title(self.joint)
        return f"{metric_text(self.metric)}, {joint}"

    @property
    def sequences(self) -> tuple[str, ...]:
        """Name of each image's sequence."""
        return tuple(map(str, self.dataset["sequence"].values))

    @property
    @abstractmethod
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers must know, a sentence each."""

    @abstractmethod
    def images(self) -> pd.DataFrame:
        """Every number of every image."""

    @abstractmethod
    def summary(self) -> dict[str, Any]:
        """The numbers of the table, plain, with their intervals, and notes."""

    def _rows(self) -> pd.DataFrame:
        return self.images()

    def _few_sequences(self) -> list[str]:
        """That there are no intervals, where there are none."""
        count = len(set(self.sequences))
        if len(self.sequences) == 1 or count >= FEWEST_SEQUENCES:
            return []
        return [f"no intervals: {count} of the {FEWEST_SEQUENCES} sequences they need; take more people"]

    def _gaps(self, sizes: Sequence[int]) -> list[str]:
        """That squares of these sizes leave gaps between the places, where they do."""
        stride = self.card.windows.stride
        small = [size for size in sizes if size < stride]
        if not small:
            return []
        which = f"{small[0]} px" if len(small) == 1 else f"{small[0]} to {small[-1]} px"
        return [
            f"squares of {which} leave gaps at a stride of {stride} px, where nothing was tried; a stride of "
            f"{small[0]} or less leaves none"
        ]


def require_same(first: SweptResult, second: SweptResult, settings: Sequence[str]) -> None:
    """Make sure that two results differ in the model alone.

    Args:
        first: one result.
        second: another of the same kind.
        settings: properties that must agree, beside the protocol.

    Raises:
        ResultError: they differ in more.
    """
    require_one_protocol([first.card, second.card], ())
    for name in settings:
        one, other = getattr(first, name), getattr(second, name)
        if one != other:
            called = "threshold" if name == "over_mm" else name
            raise ResultError(
                f"{first.card.model_card} and {second.card.model_card} differ in their {called} ({one} and "
                f"{other}), so that they cannot be paired; make both with the same settings"
            )
