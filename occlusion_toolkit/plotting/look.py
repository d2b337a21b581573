"""What a user can choose about the look of any figure: colour map, printed width, pixels per inch."""

import contextlib
import difflib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cache

import matplotlib
import numpy as np
from cmcrameri import cm
from matplotlib.colors import Colormap, ListedColormap

from occlusion_toolkit.errors import UsageError

SEQUENTIAL: Colormap = ListedColormap(cm.lipari(np.linspace(0.14, 1.0, 256)), name="lipari_from_blue")
"""Blue over red to cream: lightness and warmth both rise with the value.

Lipari without its near-black end, on which the photograph underneath could not be seen.
"""

DIVERGING: Colormap = cm.vik
"""Blue below zero, red above, light in the middle."""

_WAVER = 0.004
"""How far the lightness of a map may go back from one of 64 steps to the next."""

_LUMA = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709


@dataclass(frozen=True)
class Look:
    """The choices.

    Attributes:
        sequential: colours of values that are only large or small, such as errors.
        diverging: colours of values with a zero in their middle, such as increases and differences.
        models: colours of the bars and lines of models are taken from this map.
        width_in: width of the whole figure, inches; letters and lines scale with it. None for its own.
        dpi: pixels per inch of PNG and JPEG; None for the toolkit's.
    """

    sequential: Colormap = field(default_factory=lambda: SEQUENTIAL)
    diverging: Colormap = field(default_factory=lambda: DIVERGING)
    models: Colormap = field(default_factory=lambda: cm.batlow)
    width_in: float | None = None
    dpi: int | None = None


_CHOSEN: ContextVar[Look | None] = ContextVar("look", default=None)


def chosen_look() -> Look:
    """The choices that hold now."""
    return _CHOSEN.get() or Look()


@contextlib.contextmanager
def look(cmap: str | None = None, *, width: float | None = None, dpi: int | None = None) -> Iterator[Look]:
    """Other choices for the figures of a `with` block, both when they are drawn and when they are saved.

    Args:
        cmap: a colour map of cmcrameri or matplotlib. One whose lightness rises or falls all the way is for
            errors, displacements and models; one that is lightest or darkest in its middle for increases
            and differences. The other kind keeps the toolkit's.
        width: of the printed figure, inches.
        dpi: pixels per inch of PNG and JPEG.

    Raises:
        UsageError: the map is unknown, or its lightness goes up and down, as jet's does.

    Example:
        >>> from occlusion_toolkit.plotting.look import look
        >>> with look("viridis", dpi=300) as chosen:
        ...     chosen.sequential.name
        'viridis'
    """
    if width is not None and not 1.0 <= width <= 40.0:
        raise UsageError(f"a figure cannot be {width:g} inches wide; give 1 to 40")
    if dpi is not None and not 30 <= dpi <= 1200:
        raise UsageError(f"a picture cannot have {dpi} pixels per inch; give 30 to 1200")
    choice = Look(width_in=width, dpi=dpi)
    if cmap is not None:
        kind, colours = _colormap(cmap)
        if kind == "diverging":
            choice = replace(choice, diverging=colours)
        else:
            choice = replace(choice, sequential=colours, models=colours)
    token = _CHOSEN.set(choice)
    try:
        yield choice
    finally:
        _CHOSEN.reset(token)


@cache
def _colormap(name: str) -> tuple[str, Colormap]:
    """A colour map by its name, and whether it is sequential or diverging."""
    known: dict[str, Colormap] = {**dict(matplotlib.colormaps), **cm.cmaps}
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3)
        hint = f"; did you mean {' or '.join(close)}?" if close else ", of cmcrameri or matplotlib"
        raise UsageError(f"there is no colour map {name!r}{hint}")
    colours = known[name]
    lightness = np.asarray(colours(np.linspace(0, 1, 65)))[:, :3] ** 2.2 @ _LUMA
    first, second = np.diff(lightness[:33]), np.diff(lightness[32:])
    rising = [bool((part >= -_WAVER).all()) for part in (first, second)]
    falling = [bool((part <= _WAVER).all()) for part in (first, second)]
    if all(rising) or all(falling):
        return "sequential", colours
    if (rising[0] and falling[1]) or (falling[0] and rising[1]):
        return "diverging", colours
    raise UsageError(
        f"the lightness of the colour map {name!r} goes up and down, so that equal steps look unequal; "
        "take one such as viridis, batlow, lajolla, or vik for values around zero"
    )
