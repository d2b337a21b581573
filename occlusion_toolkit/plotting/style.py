"""One look for all figures, without touching anyone's matplotlib settings."""

import contextlib
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from occlusion_toolkit.errors import UsageError
from occlusion_toolkit.files.atomic import atomic_path, make_folder
from occlusion_toolkit.plotting.look import chosen_look

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

FORMATS = (".png", ".pdf", ".svg", ".jpg")
"""Suffixes of the pictures that can be written."""

INK = "#1c2126"
FAINT_INK = "#646c75"
DPI = 200
PRINT_DPI = 400
"""Of what a PDF cannot draw with lines; its pictures keep their own pixels."""

SMALL_PRINT = 6.5
SMALL_PRINT_LETTER = 0.050
"""Width of an average letter of the small print, inches."""
LINE = 0.13
"""Distance between lines of text, inches."""

_SETTINGS: "dict[RcKeyType, Any]" = {
    "font.family": ["DejaVu Sans"],
    "font.size": 7.5,
    "mathtext.fontset": "dejavusans",
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.5,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "pdf.fonttype": 42,  # TrueType, so that text in a PDF can be selected and edited
    "svg.hashsalt": "occlusion-toolkit",  # otherwise the names of shapes are drawn by chance
}


@contextlib.contextmanager
def figure_style() -> Iterator[None]:
    """The settings of the toolkit's figures, for the time of a `with` block."""
    with matplotlib.rc_context(_SETTINGS):
        yield


def new_figure(width_in: float, height_in: float) -> Figure:
    """An empty figure of a size in inches that belongs to no global state."""
    figure = Figure(figsize=(width_in, height_in), dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


def axes_in_inches(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes whose upper left corner is `left` and `top` inches from the figure's upper left corner."""
    figure_width, figure_height = figure.get_size_inches()
    return figure.add_axes(
        (
            left / figure_width,
            1 - (top + height) / figure_height,
            width / figure_width,
            height / figure_height,
        )
    )


def wrap_small_print(text: str, width_in: float) -> tuple[str, ...]:
    """Lines of at most a width in inches, broken only between the parts of "one part · another"."""
    letters = int(width_in / SMALL_PRINT_LETTER)
    parts = [part.replace(" ", "\N{NO-BREAK SPACE}") for part in text.split(" · ")]
    lines = textwrap.wrap("\N{NO-BREAK SPACE}· ".join(parts), letters, break_on_hyphens=False)
    return tuple(line.removesuffix("\N{NO-BREAK SPACE}·") for line in lines)


def add_small_print(figure: Figure, lines: tuple[str, ...], left_in: float, bottom_in: float) -> None:
    """Lines of text in the lower left corner of a figure, the last one `bottom_in` inches above the edge."""
    width, height = figure.get_size_inches()
    for line, words in enumerate(reversed(lines)):
        y = (bottom_in + line * LINE) / height
        figure.text(left_in / width, y, words, color=FAINT_INK, size=SMALL_PRINT, va="bottom")


def save_picture(figure: Figure, path: Path | str | None) -> Figure:
    """Writes a figure where a path is given, into a folder that is made if need be, and gives it back.

    Raises:
        UsageError: the suffix is of no picture.
        ResultError: the file cannot be written.
    """
    if path is not None:
        if Path(path).suffix not in FORMATS:
            raise UsageError(f"{str(path)!r} is no picture; end it in one of: {', '.join(FORMATS)}")
        make_folder(Path(path).parent)
        save_figure(figure, Path(path))
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure in the format of the suffix (`FORMATS`), whole or not at all, in the chosen look.

    The file carries no dates: the same figure gives the same bytes.

    Raises:
        ResultError: the folder is missing or not writable, or the disk is full.
    """
    kind, chosen = path.suffix.removeprefix("."), chosen_look()
    options: dict[str, Any] = {"dpi": chosen.dpi or DPI}
    if kind == "png":
        options["pil_kwargs"] = {"compress_level": 4}  # half the time of the default, hardly larger
    elif kind == "pdf":
        options |= {"dpi": max(PRINT_DPI, chosen.dpi or 0), "metadata": {"CreationDate": None}}
    elif kind == "svg":
        options["metadata"] = {"Date": None}
    pixels = _whole_pixels(figure) if kind == "pdf" else contextlib.nullcontext()
    with atomic_path(path) as temporary, figure_style(), _of_chosen_width(figure, chosen.width_in), pixels:
        figure.savefig(temporary, format=kind, **options)


@contextlib.contextmanager
def _of_chosen_width(figure: Figure, width_in: float | None) -> Iterator[None]:
    """The figure with everything in it, letters and lines too, scaled to a width while a block runs."""
    own_width, own_height = figure.get_size_inches()
    if width_in is None or width_in == own_width:
        yield
        return
    factor = width_in / own_width
    figure.set_size_inches(width_in, own_height * factor)
    _scale_strokes(figure, factor)
    try:
        yield
    finally:
        figure.set_size_inches(own_width, own_height)
        _scale_strokes(figure, 1 / factor)


def _scale_strokes(figure: Figure, factor: float) -> None:
    """Scales what is measured in points and so does not follow the size of a figure."""
    for artist in figure.findobj():
        if isinstance(artist, Text):
            artist.set_fontsize(float(artist.get_fontsize()) * factor)
        elif isinstance(artist, Line2D):
            artist.set_linewidth(artist.get_linewidth() * factor)
            artist.set_markersize(artist.get_markersize() * factor)
            artist.set_markeredgewidth(artist.get_markeredgewidth() * factor)
        elif isinstance(artist, Patch):
            artist.set_linewidth(artist.get_linewidth() * factor)
        elif isinstance(artist, Collection):
            artist.set_linewidth([each * factor for each in np.atleast_1d(artist.get_linewidth())])
        for effect in artist.get_path_effects() or ():
            stroke = getattr(effect, "_gc", {})
            if "linewidth" in stroke:
                stroke["linewidth"] *= factor
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            axis.labelpad *= factor
            for tick in axis.get_major_ticks()[:1]:
                pad: Any = tick.get_pad()  # type: ignore[func-returns-value]
                length, width = tick.get_tick_padding(), tick.tick1line.get_markeredgewidth()  # scaled above
                axis.set_tick_params(pad=pad * factor, length=length * factor, width=width)


@contextlib.contextmanager
def _whole_pixels(figure: Figure) -> Iterator[None]:
    """Pictures go into a PDF pixel by pixel: sharper than resampled ones, smaller and faster."""
    pictures = [(image, image.get_interpolation()) for image in figure.findobj(AxesImage)]
    for image, _ in pictures:
        image.set_interpolation("none")
    try:
        yield
    finally:
        for image, interpolation in pictures:
            image.set_interpolation(interpolation)
