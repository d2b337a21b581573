"""What a map shows, in words: the text of titles, colour bars and captions."""

from enum import StrEnum

import numpy as np
from jaxtyping import Float


class Quantity(StrEnum):
    """A read-out of a sweep. Only `DISPLACEMENT` can be had without ground truth."""

    ERROR = "error"
    INCREASE = "increase"
    DISPLACEMENT = "displacement"

    @property
    def label(self) -> str:
        """The read-out spelled out, as it follows a joint's name."""
        return {
            Quantity.ERROR: "error",
            Quantity.INCREASE: "increase of the error over the clean image",
            Quantity.DISPLACEMENT: "displacement from the clean prediction",
        }[self]

    @property
    def is_signed(self) -> bool:
        """True where zero is a middle: values to both sides of it mean opposite things."""
        return self is Quantity.INCREASE


def axis_label(quantity: Quantity, aligned: bool) -> str:
    """The label of a colour bar.

    Args:
        quantity: what the map shows.
        aligned: every prediction was aligned by Procrustes before it was measured.
    """
    return f"{quantity.label}{', Procrustes-aligned' if aligned else ''} [mm]"


def joint_title(joint_name: str) -> str:
    """A joint's name as people write it: `left_wrist` is "left wrist"."""
    return joint_name.replace("_", " ")


def range_text(values_mm: Float[np.ndarray, "..."]) -> str:
    """The range of a map in whole millimetres.

    "12–143 mm"; "−8…95 mm" where a dash could be taken for a sign; "no values" where all are NaN.
    """
    finite = values_mm[np.isfinite(values_mm)]
    if finite.size == 0:
        return "no values"
    low, high = round(float(finite.min())), round(float(finite.max()))
    return f"{low}–{high} mm" if low >= 0 else f"{low}…{high} mm".replace("-", "−")
