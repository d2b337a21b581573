"""One look for all figures, without touching anyone's matplotlib settings."""

import contextlib
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from occlusion_toolkit.errors import UsageError
from occlusion_toolkit.files.atomic import atomic_path, make_folder

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

FORMATS = (".png", ".pdf", ".svg", ".jpg")
"""Suffixes of the pictures that can be written."""

INK = "#1c2126"
FAINT_INK = "#646c75"
DPI = 200
PRINT_DPI = 400
"""Of the pictures in a PDF; everything else in it is drawn with lines."""

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
    """Writes a figure in the format of the suffix (`FORMATS`), whole or not at all.

    The file carries no dates: the same figure gives the same bytes.

    Raises:
        ResultError: the folder is missing or not writable, or the disk is full.
    """
    kind = path.suffix.removeprefix(".")
    dates = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind)
    with atomic_path(path) as temporary, figure_style():
        figure.savefig(temporary, format=kind, dpi=PRINT_DPI if kind == "pdf" else DPI, metadata=dates)
