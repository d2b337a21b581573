"""The worst pair of squares of every image, against the worst single square of the same area.

An `xarray.Dataset`, stored as it is:

    clean_mm       (image)                the error without a square; 0 for displacement
    single_mm      (image)                under the worst single square
    pair_mm        (image)                under the worst pair that was found
    alone_mm       (image, square)        under each square of that pair by itself
    single_window  (image, edge)          y0, y1, x0, x1 in pixels of the crop, ends exclusive
    pair_windows   (image, square, edge)
    passes         (image)                of the network
    rotmats, betas, camera                (image, under, ...) estimates without a square, under the single one
                                          and under the pair; of networks that give joints alone `joints_m`
                                          and `joints_px`
    crop           (y, x, rgb)            of the image whose pair is worst against its single square

The attributes `metric`, `joint` ("mean" for the mean over joints), `beam` and `shown` (which image `crop` is
of) say how it was found; see `rule`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from occlusion_toolkit.comparison.swept_result import SweptResult
from occlusion_toolkit.plotting.style import save_picture
from occlusion_toolkit.worst_pairs.rule import pair_size

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = "worst-pair"
LAYOUT = 1

VARIABLES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("clean_mm", "single_mm", "pair_mm", "passes"), ("image",)),
    "alone_mm": ("image", "square"),
    "single_window": ("image", "edge"),
    "pair_windows": ("image", "square", "edge"),
}
"""Everything that is stored besides estimates and the crop, with its dimensions."""


class WorstPair(SweptResult):
    """What two squares do that one of the same area does not.

    Args:
        dataset: the labelled arrays, an `xarray.Dataset` like any other.
    """

    _kind, _layout, _variables, _called = KIND, LAYOUT, VARIABLES, "worst pairs are"

    @property
    def size(self) -> int:
        """Side of the single square, pixels of the crop."""
        return self.card.windows.size

    @property
    def pair_size(self) -> int:
        """Side of each square of the pair."""
        return pair_size(self.size)

    @property
    def shown(self) -> int:
        """The image that pictures are of: whose pair is worst against its single square."""
        return int(self.dataset.attrs["shown"])

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers must know, a sentence each."""
        found = self._few_sequences()
        places = len(self.card.windows)
        beam = int(self.dataset.attrs["beam"])
        if beam < places:
            found.append(
                f"worse pairs may exist: every second square was tried beside {beam} of {places} first ones; "
                f"a beam of {places} tries all"
            )
        return (*found, *self._gaps([self.pair_size]))

    def table(self) -> pd.DataFrame:
        """A row for each thing that is compared, with its interval."""
        from occlusion_toolkit.worst_pairs.table import numbers_table

        return numbers_table(self)

    def images(self) -> pd.DataFrame:
        """Every number of every image, a row each."""
        from occlusion_toolkit.worst_pairs.table import images_frame

        return images_frame(self)

    def summary(self) -> dict[str, Any]:
        """The numbers of the table, plain, with their intervals, and notes."""
        from occlusion_toolkit.worst_pairs.table import summary

        return summary(self)

    def plot(self, path: Path | str | None = None) -> Figure:
        """The crop under the worst single square and under the worst pair, with what the network makes of it.

        Raises:
            ResultError: the file cannot be written.
            BodyModelError: the body is not at hand.
        """
        from occlusion_toolkit.worst_pairs.figure import worst_pair_figure

        return save_picture(worst_pair_figure({self.card.model_card: self}), path)

    def __repr__(self) -> str:
        worse = float((self.dataset["pair_mm"] - self.dataset["single_mm"]).mean())
        return (
            f"WorstPair({self.card.model_card}: two squares of {self.pair_size} px are {worse:.0f} mm worse "
            f"than one of {self.size} px, {np.size(self.dataset['pair_mm'])} images)"
        )
