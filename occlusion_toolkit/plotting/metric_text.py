"""What a map shows, in words: the text of titles, colour bars and captions."""

import numpy as np
from jaxtyping import Float

from occlusion_toolkit.sweep.maps import metric_parts

_QUANTITIES = {
    "error": "error",
    "increase": "increase of the error over the clean image",
    "displacement": "displacement from the clean prediction",
}
_METRICS = {"mpjpe": "", "pa_mpjpe": ", Procrustes-aligned"}


def is_signed(metric: str) -> bool:
    """True where zero is a middle: values to both sides of it mean opposite things."""
    return metric_parts(metric)[1] == "increase"


def metric_text(metric: str) -> str:
    """A metric spelled out, as it follows a joint's name: "error, Procrustes-aligned" for `pa_error`."""
    name, quantity = metric_parts(metric)
    return _QUANTITIES[quantity] + _METRICS.get(name, f" by {name}")


def axis_label(metric: str) -> str:
    """The label of a colour bar."""
    return f"{metric_text(metric)} [mm]"


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


def window_text(window: tuple[int, int, int, int], *, words: bool = True) -> str:
    """A window (y0, y1, x0, x1) as half-open ranges of pixels.

    Args:
        window: ends exclusive.
        words: "rows 48-88, columns 92-132"; otherwise "48-88, 92-132", for a column that says what they are.
    """
    y0, y1, x0, x1 = (int(edge) for edge in window)
    rows, columns = ("rows ", "columns ") if words else ("", "")
    return f"{rows}{y0}-{y1}, {columns}{x0}-{x1}"
