"""Colour bars in the colours of the panels: blended over the photograph's mean grey."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from occlusion_toolkit.viz.colormaps import ColourScale, scale_for
from occlusion_toolkit.viz.painting import bar_colours
from occlusion_toolkit.viz.quantity import Quantity

_STEPS = 256


def draw_colour_bar(axes: Axes, scale: ColourScale, backdrop: Float[np.ndarray, "size size"]) -> None:
    """Fills axes with the colours of a scale from bottom to top, ticks in millimetres on the right."""
    flat = scale.high <= scale.low
    top = scale.low + 1 if flat else scale.high
    _fill(axes, scale, backdrop, top)
    if flat:
        axes.set_yticks([scale.low], [f"{scale.low:.0f}"])


def draw_relative_bar(axes: Axes, quantity: Quantity, backdrop: Float[np.ndarray, "size size"]) -> None:
    """The bar of panels that each have their own scale: words instead of millimetres."""
    if quantity.is_signed:
        _fill(axes, scale_for(quantity, np.array([-1.0, 1.0])), backdrop, 1.0)
        axes.set_yticks([-1, 0, 1], ["−most", "0", "+most"])
    else:
        _fill(axes, scale_for(quantity, np.array([0.0, 1.0])), backdrop, 1.0)
        axes.set_yticks([0, 1], ["least", "most"])


def _fill(axes: Axes, scale: ColourScale, backdrop: Float[np.ndarray, "size size"], top: float) -> None:
    colours = bar_colours(np.linspace(scale.low, scale.high, _STEPS), scale, float(backdrop.mean()))
    extent = (0.0, 1.0, scale.low, top)
    axes.imshow(colours[:, None], extent=extent, origin="lower", aspect="auto", interpolation="bilinear")
    axes.set_xticks([])
    axes.yaxis.tick_right()
    axes.tick_params(axis="y", length=2, width=0.5, pad=2)
