"""Occlusion sensitivity meshes as figures: bands of bodies, each with a colour bar (PARE, Figures 3, 5)."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from occlusion_toolkit.plotting.colormaps import ColourScale
from occlusion_toolkit.plotting.colour_bar import draw_colour_bar
from occlusion_toolkit.plotting.mesh_views import (
    HATCH_LINE_IN,
    HATCH_PITCH_IN,
    QUIET_COLOUR,
    SIDES,
    UNSEEN_GROUND,
    UNSEEN_LINE,
    BodyViews,
)
from occlusion_toolkit.plotting.metric_text import range_text
from occlusion_toolkit.plotting.style import (
    FAINT_INK,
    INK,
    LINE,
    SMALL_PRINT,
    add_small_print,
    axes_in_inches,
    figure_style,
    new_figure,
    wrap_small_print,
)

# All lengths in inches.
_TITLE, _SIDE_NAMES, _MARGIN = 0.17, 0.12, 0.10
_COLUMN_GAP, _ROW_GAP, _BAND_GAP = 0.22, 0.10, 0.22
_BAR, _BAR_GAP, _BAR_TICKS, _LONGEST_BAR = 0.11, 0.20, 0.38, 3.6
_KEY, _KEY_TEXT_GAP = 0.16, 0.06

# Width of an average letter of the colour bar's label.
_LABEL_LETTER = 0.062

VIEWS_PER_INCH = 400.0
"""Resolution that `body_views` should have for these figures: that of the pictures in a PDF."""


@dataclass(frozen=True)
class MeshPanel:
    """One mesh of a figure.

    Attributes:
        title: its name.
        values_mm: one value per vertex, millimetres, NaN where no image showed it, (V,).
        quiet: vertices whose values say nothing and are drawn grey, (V,); None for none.
    """

    title: str
    values_mm: Float[np.ndarray, " vertices"]
    quiet: Bool[np.ndarray, " vertices"] | None = None


@dataclass(frozen=True)
class MeshBand:
    """Meshes that share a colour bar.

    Attributes:
        rows: the panels in their places, None for an empty one; rows equally long.
        scale: their colours.
        label: of the colour bar.
    """

    rows: Sequence[Sequence[MeshPanel | None]]
    scale: ColourScale
    label: str

    @property
    def panels(self) -> list[MeshPanel]:
        """Those that are there, in reading order."""
        return [panel for row in self.rows for panel in row if panel is not None]


def mesh_figure(
    body: BodyViews,
    bands: Sequence[MeshBand],
    caption: str = "",
    *,
    quiet_meaning: str = "not significant",
) -> Figure:
    """Bodies from all sides in bands below each other, each band with a colour bar in millimetres.

    Args:
        body: the body all meshes are of.
        bands: what to show, from top to bottom.
        caption: small print, "one part · another".
        quiet_meaning: what grey vertices are, for the key.

    Returns:
        A figure that belongs to no global state.
    """
    panel_width, panel_height = body.size_in
    columns = max(len(row) for band in bands for row in band.rows)
    panels_width = columns * (panel_width + _COLUMN_GAP) - _COLUMN_GAP
    band_height = [_band_height(band, panel_height) for band in bands]
    labels = [
        textwrap.wrap(band.label, int(high / _LABEL_LETTER))
        for band, high in zip(bands, band_height, strict=True)
    ]
    label_width = LINE * max(len(label) for label in labels)
    width = 2 * _MARGIN + panels_width + _BAR_GAP + _BAR + _BAR_TICKS + label_width
    lines = wrap_small_print(caption, width - 2 * _MARGIN)
    keys = _keys(bands, quiet_meaning)
    key_height = (_ROW_GAP + _KEY) * bool(keys)
    height = 2 * _MARGIN + sum(band_height) + _BAND_GAP * (len(bands) - 1) + key_height
    height += (_ROW_GAP + LINE * len(lines)) * bool(lines)
    with figure_style():
        figure = new_figure(width, height)
        top = _MARGIN
        for band, label, high in zip(bands, labels, band_height, strict=True):
            _draw_band(figure, body, band, top)
            bar_left = _MARGIN + panels_width + _BAR_GAP
            _draw_bar(figure, band, "\n".join(label), bar_left, top, high)
            top += high + _BAND_GAP
        _draw_keys(figure, keys, top - _BAND_GAP + _ROW_GAP)
        add_small_print(figure, lines, _MARGIN, 0.6 * _MARGIN)
    return figure


def _band_height(band: MeshBand, panel_height: float) -> float:
    return len(band.rows) * (_TITLE + panel_height + _ROW_GAP) - _ROW_GAP + _SIDE_NAMES


def _draw_band(figure: Figure, body: BodyViews, band: MeshBand, top: float) -> None:
    panel_width, panel_height = body.size_in
    for row, line in enumerate(band.rows):
        panel_top = top + row * (_TITLE + panel_height + _ROW_GAP) + _TITLE + _SIDE_NAMES * (row > 0)
        for column, panel in enumerate(line):
            if panel is None:
                continue
            left = _MARGIN + column * (panel_width + _COLUMN_GAP)
            axes = axes_in_inches(figure, left, panel_top, panel_width, panel_height)
            axes.imshow(
                body.paint(panel.values_mm, band.scale, panel.quiet),
                extent=(0, panel_width, panel_height, 0),
                interpolation="antialiased",
            )
            axes.set_axis_off()
            _title(axes, panel)
            if row == 0:
                _side_names(axes, body)


def _title(axes: Axes, panel: MeshPanel) -> None:
    above = 1 + 0.035 / axes.bbox.height * axes.figure.dpi
    write = partial(axes.text, transform=axes.transAxes, size=7)
    write(0, above, panel.title, weight="bold")
    write(1, above, range_text(panel.values_mm), ha="right", color=FAINT_INK)


def _side_names(axes: Axes, body: BodyViews) -> None:
    bottom = body.size_in[1] + 0.02
    for name, centre in zip(SIDES, body.centres_in(), strict=True):
        axes.text(centre, bottom, name, ha="center", va="top", color=FAINT_INK, size=SMALL_PRINT)


def _draw_bar(figure: Figure, band: MeshBand, label: str, left: float, top: float, height: float) -> None:
    """The colour bar beside a band, as high as its bodies but not longer than is good to read."""
    length = min(height - _TITLE - _SIDE_NAMES - 2 * _BAR, _LONGEST_BAR)
    middle = top + (height + _TITLE - _SIDE_NAMES) / 2
    axes = axes_in_inches(figure, left, middle - length / 2, _BAR, length)
    draw_colour_bar(axes, band.scale, np.concatenate([panel.values_mm for panel in band.panels]))
    width, full = figure.get_size_inches()
    label_left, label_middle = (left + _BAR + _BAR_TICKS) / width, 1 - (top + height / 2) / full
    figure.text(label_left, label_middle, label, rotation=90, va="center", ha="left", ma="center")


def _keys(bands: Sequence[MeshBand], quiet_meaning: str) -> list[tuple[str, bool]]:
    """What needs explaining: words, and whether the patch is hatched."""
    panels = [panel for band in bands for panel in band.panels]
    keys = []
    if any(np.isnan(panel.values_mm).any() for panel in panels):
        keys.append(("seen in no image", True))
    if any(panel.quiet is not None and panel.quiet.any() for panel in panels):
        keys.append((quiet_meaning, False))
    return keys


def _draw_keys(figure: Figure, keys: list[tuple[str, bool]], top: float) -> None:
    left = _MARGIN
    for words, hatched in keys:
        axes = axes_in_inches(figure, left, top, _KEY, _KEY)
        axes.set(xlim=(0, _KEY), ylim=(0, _KEY))
        axes.set_axis_off()
        ground = UNSEEN_GROUND if hatched else QUIET_COLOUR
        axes.add_patch(Rectangle((0, 0), _KEY, _KEY, fc=ground, ec="none"))
        step = HATCH_PITCH_IN * np.sqrt(2)
        for start in np.arange(0, 2 * _KEY, step) if hatched else ():
            axes.plot([start, start - _KEY], [0, _KEY], color=UNSEEN_LINE, lw=72 * HATCH_LINE_IN)
        axes.add_patch(Rectangle((0, 0), _KEY, _KEY, fc="none", ec=INK, lw=0.5))
        text = axes.text(_KEY + _KEY_TEXT_GAP, _KEY / 2, words, va="center")
        left += text.get_window_extent().width / figure.dpi + _KEY + _KEY_TEXT_GAP + _COLUMN_GAP
