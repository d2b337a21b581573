"""Where a person is turned round or left and right change places, and how much of the error that is.

An `xarray.Dataset`, stored as it is:

    rate              (against, kind, row, col)   % of the images that are reversed under the window
    part_rate         (against, kind, part)       % of the windows that hide the part; NaN without masks
    body_share        (y, x)                      share of the images that show the body at a pixel; NaN
                                                  without masks
    crop              (y, x, rgb)                 of a single image
    reversed_windows  (image, against, kind)      % of an image's windows
    mean_mm, worst_mm (image)                     mean over joints, then over windows; the largest
    mean_without_mm, worst_without_mm  (image, against, kind)   of the windows that are not reversed; NaN
                                                  where all are
    worst_reversed    (image, against, kind)      whether the worst window is reversed, 0 or 1
    clean_reversed    (image, kind)               whether the clean estimate is, against the truth; NaN
                                                  without a truth

`against` is "clean" (the clean estimate: what the square does) and, with ground truth, "truth"; `kind` is
explained in `rule`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from occlusion_toolkit.comparison.significance import FEWEST_SEQUENCES
from occlusion_toolkit.comparison.stored_result import StoredResult
from occlusion_toolkit.plotting.style import save_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = "reversals"
LAYOUT = 1

_PER_IMAGE = ("image", "against", "kind")
VARIABLES: dict[str, tuple[str, ...]] = {
    "rate": ("against", "kind", "row", "col"),
    "part_rate": ("against", "kind", "part"),
    "body_share": ("y", "x"),
    **dict.fromkeys(("mean_mm", "worst_mm"), ("image",)),
    **dict.fromkeys(
        ("reversed_windows", "mean_without_mm", "worst_without_mm", "worst_reversed"), _PER_IMAGE
    ),
    "clean_reversed": ("image", "kind"),
}
"""Everything that is stored besides the crop, with its dimensions."""


class Reversals(StoredResult):
    """How often, where and at what price a regressor turns people round or swaps their sides.

    Args:
        dataset: the labelled arrays, an `xarray.Dataset` like any other.
    """

    _kind, _layout, _variables, _called = KIND, LAYOUT, VARIABLES, "reversals are"
    _types = "f"

    @property
    def against(self) -> tuple[str, ...]:
        """What people are compared with: "clean" and, with ground truth, "truth"."""
        return tuple(map(str, self.dataset["against"].values))

    @property
    def sequences(self) -> tuple[str, ...]:
        """Name of each image's sequence."""
        return tuple(map(str, self.dataset["sequence"].values))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers must know, a sentence each."""
        count = len(set(self.sequences))
        found = []
        if len(self.sequences) > 1 and count < FEWEST_SEQUENCES:
            found.append(
                f"no intervals: {count} of the {FEWEST_SEQUENCES} sequences they need; survey more people"
            )
        if self.dataset["body_share"].isnull().all():
            found.append(
                "nothing is said about parts: the data set has no part masks, such as those of 'open'"
            )
        return tuple(found)

    def table(self) -> pd.DataFrame:
        """A row for each thing that can be reversed, against the clean estimate and against the truth."""
        from occlusion_toolkit.flips.table import reversals_table

        return reversals_table(self)

    def images(self) -> pd.DataFrame:
        """Every number of every image, a row each."""
        from occlusion_toolkit.flips.table import images_frame

        return images_frame(self)

    def summary(self) -> dict[str, Any]:
        """The numbers of the table, plain, with their intervals, and notes."""
        from occlusion_toolkit.flips.table import summary

        return summary(self)

    def where(self) -> dict[str, float] | None:
        """Where the square stands that reverses most images, against the clean estimate.

        Returns:
            `row` and `col` of its centre in pixels of the crop and the `rate` in %; None where nothing
            reverses.
        """
        rate = self.dataset["rate"].sel(against="clean", kind="either")
        if not float(rate.max()):
            return None
        row, col = np.unravel_index(int(rate.values.argmax()), rate.shape)
        return {
            "row": float(rate["row"][row]),
            "col": float(rate["col"][col]),
            "rate": float(rate.max()),
        }

    def plot(self, path: Path | str | None = None) -> Figure:
        """Where the square must stand, and the error with and without reversals.

        Raises:
            ResultError: the file cannot be written.
        """
        from occlusion_toolkit.flips.figure import reversals_figure

        return save_picture(reversals_figure({self.card.model_card: self}), path)

    def _rows(self) -> pd.DataFrame:
        return self.images()

    def __repr__(self) -> str:
        rate = float(self.dataset["reversed_windows"].sel(against="clean", kind="either").mean())
        return (
            f"Reversals({self.card.model_card}: {rate:.1f} % of the windows of {len(self.sequences)} images)"
        )
