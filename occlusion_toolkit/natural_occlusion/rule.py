"""What is compared: joints that something hides in the picture, and joints that a square covers.

Of every joint of every image one error is read, in one of these states:

`seen`: in sight, on the clean crop;
`body`, `thing`, `frame`, `undetected`: hidden by the body itself, by a thing, by the border of the picture,
    or found by no detector, on the clean crop (`data.scene.SIGHTS`);
`square`: in sight, the mean over the windows that cover its true place, and
`uncovered`: the same joints on the clean crop, so that both are of the same joints of the same images.

`hidden` are things, borders and undetected joints together: what a square is meant to stand for. What the
body itself hides is told apart: no square makes that.
"""

import numpy as np
from jaxtyping import Float, Float64, Int64, UInt8

from occlusion_toolkit.data.scene import SIGHTS

STATES = ("seen", "body", "thing", "frame", "undetected", "square", "uncovered")
"""What is stored of every joint."""

HIDDEN = ("thing", "frame", "undetected")


def states_of_joints(
    errors_mm: Float[np.ndarray, "joints windows"],
    clean_mm: Float[np.ndarray, " joints"],
    places_px: Float[np.ndarray, "joints 2"],
    sight: UInt8[np.ndarray, " joints"],
    windows: Int64[np.ndarray, "windows 4"],
) -> Float64[np.ndarray, "states joints"]:
    """The error of every joint of an image in each state, NaN where it is not in that state, (7, J).

    Args:
        errors_mm: under every window, (J, W).
        clean_mm: on the clean crop, (J,).
        places_px: true places (x, y) in the crop, NaN where unknown, (J, 2).
        sight: whether each joint is in sight, an index into `SIGHTS`, (J,).
        windows: rectangles (y0, y1, x0, x1), (W, 4).
    """
    found = np.full((len(STATES), len(clean_mm)), np.nan)
    for number, state in enumerate(STATES[:5]):
        chosen = sight == SIGHTS.index(state)
        found[number, chosen] = clean_mm[chosen]
    y0, y1, x0, x1 = windows.T
    x, y = places_px.T[..., None]
    with np.errstate(invalid="ignore"):
        covers = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
    count = covers.sum(axis=1)
    chosen = (sight == SIGHTS.index("seen")) & (count > 0)
    means = (errors_mm * covers).sum(axis=1) / np.maximum(count, 1)
    found[STATES.index("square"), chosen] = means[chosen]
    found[STATES.index("uncovered"), chosen] = clean_mm[chosen]
    return found
