"""How large a square must be, place by place, until an estimate breaks, and what each size does.

An `xarray.Dataset`, stored as it is:

    breaking_px   (image, row, col)  side of the smallest square, centred there, that is over the threshold;
                                     NaN where none is
    dose_mm       (image, size)      mean over places
    worst_mm      (image, size)      the worst place
    over_share    (image, size)      % of the places where a square of this size is over the threshold
    broken_share  (image, size)      % of the places where one of this size or a smaller one is
    clean_mm      (image)            without a square: the clean error; 0 for increase and displacement
    area_mm       (image)            mean of `dose_mm` over all sizes from no square to the largest
    less_share    (image)            % of the places where some larger square hurts less than a smaller one
    recovers      (image)            % of the broken places that a larger square does not break; NaN without
    body_share    (y, x)             share of the images that show the body at a pixel; NaN without masks
    crop          (y, x, rgb)        of a single image

The attributes `metric`, `joint` ("mean" for the mean over joints) and `over_mm` say what breaks; see `rule`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from occlusion_toolkit.comparison.swept_result import SweptResult
from occlusion_toolkit.plotting.style import save_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = "breaking-size"
LAYOUT = 1

BY_SIZE = ("dose_mm", "worst_mm", "over_share", "broken_share")
"""The numbers of every image and size."""

BY_IMAGE = ("clean_mm", "area_mm", "less_share", "recovers")
"""The numbers of every image."""

VARIABLES: dict[str, tuple[str, ...]] = {
    "breaking_px": ("image", "row", "col"),
    **dict.fromkeys(BY_SIZE, ("image", "size")),
    **dict.fromkeys(BY_IMAGE, ("image",)),
    "body_share": ("y", "x"),
}
"""Everything that is stored besides the crop, with its dimensions."""


class BreakingSize(SweptResult):
    """How large a square must be, place by place, until a regressor breaks.

    Args:
        dataset: the labelled arrays, an `xarray.Dataset` like any other.
    """

    _kind, _layout, _variables, _called = KIND, LAYOUT, VARIABLES, "breaking sizes are"
    _types = "f"

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sides of the squares that were tried, pixels of the crop, increasing."""
        return tuple(map(int, self.dataset["size"].values))

    @property
    def over_mm(self) -> float:
        """The threshold."""
        return float(self.dataset.attrs["over_mm"])

    @property
    def smallest_px(self) -> np.ndarray:
        """Side of the smallest square that breaks each image anywhere, (N,); infinite where none does."""
        found = self.dataset["breaking_px"].values.reshape(len(self.sequences), -1)
        return np.asarray(np.where(np.isnan(found), np.inf, found).min(axis=1))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers must know, a sentence each."""
        found = self._few_sequences()
        if not np.isfinite(self.smallest_px).any():
            most = float(self.dataset["worst_mm"].max())
            found.append(
                f"nothing breaks: the worst square of up to {self.sizes[-1]} px gives {most:.0f} mm, the "
                f"threshold is {self.over_mm:g}; take a lower one, or larger squares"
            )
        return (*found, *self._gaps(self.sizes))

    def table(self) -> pd.DataFrame:
        """A row for each size: what squares of it do, and what they break."""
        from occlusion_toolkit.breaking_sizes.table import sizes_table

        return sizes_table(self)

    def images(self) -> pd.DataFrame:
        """Every number of every image and size, a row each."""
        from occlusion_toolkit.breaking_sizes.table import images_frame

        return images_frame(self)

    def summary(self) -> dict[str, Any]:
        """The numbers of the table, plain, with their intervals, and notes."""
        from occlusion_toolkit.breaking_sizes.table import summary

        return summary(self)

    def plot(self, path: Path | str | None = None) -> Figure:
        """The map, the curve over the size, and the distribution.

        Raises:
            ResultError: the file cannot be written.
        """
        from occlusion_toolkit.breaking_sizes.figure import breaking_size_figure

        return save_picture(breaking_size_figure({self.card.model_card: self}), path)

    def __repr__(self) -> str:
        broken = float(self.dataset["broken_share"].isel(size=-1).mean())
        return (
            f"BreakingSize({self.card.model_card}: squares of up to {self.sizes[-1]} px break "
            f"{broken:.1f} % of the places of {len(self.sequences)} images)"
        )
