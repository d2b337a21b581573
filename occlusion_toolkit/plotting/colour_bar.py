"""Colour bars, with arrowheads where values lie beyond their ends."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.patches import Polygon

from occlusion_toolkit.plotting.colormaps import ColourScale, scale_for
from occlusion_toolkit.plotting.metric_text import is_signed
from occlusion_toolkit.plotting.style import INK

_STEPS = 256


def draw_colour_bar(axes: Axes, scale: ColourScale, values_mm: Float[np.ndarray, "..."]) -> None:
    """Fills axes with the colours of a scale from bottom to top, ticks in millimetres on the right.

    Args:
        axes: to fill.
        scale: of the colours.
        values_mm: what is shown; an arrowhead at an end says that some value lies beyond it.
    """
    flat = scale.high <= scale.low
    top = scale.low + 1 if flat else scale.high
    colours = _fill(axes, scale, scale.low, top)
    if flat:
        axes.set_yticks([scale.low], [f"{scale.low:.0f}"])
    _arrowheads(axes, scale.low, top, colours, values_mm)


def draw_relative_bar(axes: Axes, metric: str) -> None:
    """The bar of panels that each have their own scale: words instead of millimetres."""
    if is_signed(metric):
        _fill(axes, scale_for(metric, np.array([-1.0, 1.0])), -1.0, 1.0)
        axes.set_yticks([-1, 0, 1], ["−most", "0", "+most"])
    else:
        _fill(axes, scale_for(metric, np.array([0.0, 1.0])), 0.0, 1.0)
        axes.set_yticks([0, 1], ["least", "most"])


def _fill(axes: Axes, scale: ColourScale, bottom: float, top: float) -> Float[np.ndarray, "steps 3"]:
    colours = scale.colours(np.linspace(bottom, top, _STEPS))
    extent = (0.0, 1.0, bottom, top)
    axes.imshow(colours[:, None], extent=extent, origin="lower", aspect="auto", interpolation="bilinear")
    axes.set_xticks([])
    axes.yaxis.tick_right()
    axes.tick_params(axis="y", length=2, width=0.5, pad=2)
    return colours


def _arrowheads(
    axes: Axes,
    low: float,
    top: float,
    colours: Float[np.ndarray, "steps 3"],
    values_mm: Float[np.ndarray, "..."],
) -> None:
    """An arrowhead at each end of a bar that some value lies beyond."""
    width, height = axes.get_window_extent().size
    head = 0.8 * width / height
    finite = values_mm[np.isfinite(values_mm)]
    for beyond, base, tip, colour in (
        (finite > top, 1.0, 1.0 + head, colours[-1]),
        (finite < low, 0.0, -head, colours[0]),
    ):
        if beyond.any():
            corners = [(0.0, base), (1.0, base), (0.5, tip)]
            axes.add_patch(
                Polygon(corners, transform=axes.transAxes, clip_on=False, fc=colour, ec=INK, lw=0.5, zorder=0)
            )
