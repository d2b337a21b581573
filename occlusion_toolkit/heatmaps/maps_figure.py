"""One occlusion-sensitivity heatmap per joint, over the crop (PARE, Figure 2)."""

import textwrap
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from occlusion_toolkit.plotting.arrangement import arrange
from occlusion_toolkit.plotting.colormaps import ColourScale, own_scale, scale_for
from occlusion_toolkit.plotting.colour_bar import draw_colour_bar, draw_relative_bar
from occlusion_toolkit.plotting.metric_text import axis_label, joint_title, range_text
from occlusion_toolkit.plotting.painting import (
    PHOTOGRAPH_NOTE,
    Smoothing,
    detail_of,
    hatched,
    paint_cells,
    paint_over,
)
from occlusion_toolkit.plotting.style import (
    FAINT_INK,
    INK,
    LINE,
    add_small_print,
    axes_in_inches,
    figure_style,
    new_figure,
    wrap_small_print,
)

# All lengths in inches.
_PANEL, _GAP, _TITLE = 1.60, 0.08, 0.17
_FEW_COLUMNS_PANEL = {1: 3.2, 2: 2.2}
_MARGIN, _LEGEND_GAP = 0.10, 0.09
_BAR, _BAR_GAP, _BAR_TICKS, _LONGEST_BAR = 0.11, 0.13, 0.38, 3.6

# Width of an average letter of the colour bar's label, inches.
_LABEL_LETTER = 0.062

# Pixels of a panel's picture per pixel of the crop.
_MAGNIFICATION = 2


@dataclass(frozen=True)
class HeatmapPanels:
    """What a heatmap figure shows: one map per joint over one crop.

    Attributes:
        crop: the crop, RGB; may be finer than the network's, as long as it shows the same square.
        maps_mm: one map per joint, millimetres, (J, rows, cols); NaN where there is no value.
        joint_names: as in the joint set ("left_wrist"), J of them.
        cells: the block (y0, y1, x0, x1) of the crop that each cell is drawn over, (rows * cols, 4).
        metric: what the maps hold, such as `pa_error`.
        occluder_px: side of the occluding square, pixels of the network's crop.
        joints_px: where the clean prediction puts the joints, pixels of the network's crop, (J, 2).
        resolution: side of the network's crop, pixels: the unit of everything above named `_px`.
        caption: one line of small print (model, occluder, hash of the protocol).
        occluder: what is pasted, RGB, a whole window; None where it is not at hand.
        seen: which cells' windows the network can see, (rows, cols): the others are hatched; None for all.
    """

    crop: UInt8[np.ndarray, "height width 3"]
    maps_mm: Float[np.ndarray, "joints rows cols"]
    joint_names: tuple[str, ...]
    cells: Int64[np.ndarray, "windows 4"]
    metric: str
    occluder_px: int
    joints_px: Float[np.ndarray, "joints 2"] | None = None
    resolution: int = 224
    caption: str = ""
    occluder: UInt8[np.ndarray, "side side 3"] | None = None
    seen: Bool[np.ndarray, "rows cols"] | None = None

    def picture(
        self,
        values_mm: Float[np.ndarray, "rows cols"],
        detail: Float[np.ndarray, "size size"],
        scale: ColourScale,
        smoothing: Smoothing = "none",
    ) -> UInt8[np.ndarray, "size size 3"]:
        """One map with the detail of the photograph, hatched where the network cannot see the window."""
        if self.seen is None:
            return paint_over(detail, paint_cells(values_mm, self.cells, self.resolution, smoothing), scale)
        # Zeros for the smoothing, which otherwise would lose the neighbours of what is not seen too.
        values = np.where(self.seen, values_mm, 0.0)
        painted = paint_cells(values, self.cells, self.resolution, smoothing)
        hidden = paint_cells((~self.seen).astype(np.float64), self.cells, self.resolution) == 1.0
        return hatched(paint_over(detail, np.where(hidden, np.nan, painted), scale), hidden)


def heatmap_figure(
    maps: HeatmapPanels, *, shared_limits: bool = True, smoothing: Smoothing = "none"
) -> Figure:
    """A panel per joint, left and right one above the other, with a colour bar in millimetres.

    Args:
        maps: what to show, for one joint or many.
        shared_limits: one colour scale for all joints; otherwise each joint has its own, from its least
            to its greatest value, which its title names.
        smoothing: "linear" interpolates the pictures between cell centres. The ranges in the titles are
            always those of the maps themselves.

    Returns:
        A figure that belongs to no global state.
    """
    places = arrange(maps.joint_names)
    layout = _Layout.of(maps, len(places), len(places[0]), shared_limits, smoothing)
    detail = detail_of(maps.crop, maps.resolution * _MAGNIFICATION)
    shared = scale_for(maps.metric, maps.maps_mm)
    with figure_style():
        figure = new_figure(layout.width, layout.height)
        for row, column, joint in _occupied(places):
            axes = axes_in_inches(figure, *layout.panel_corner(row, column), layout.panel, layout.panel)
            scale = shared if shared_limits else own_scale(maps.metric, maps.maps_mm[joint])
            show_crop(axes, maps.picture(maps.maps_mm[joint], detail, scale, smoothing), maps.resolution)
            _title(axes, maps.joint_names[joint], maps.maps_mm[joint])
            if maps.joints_px is not None:
                _ring(axes, maps.joints_px[joint], layout.panel)
        bar = _bar_axes(figure, layout)
        if shared_limits:
            draw_colour_bar(bar, shared, maps.maps_mm)
        else:
            draw_relative_bar(bar, maps.metric)
        _legend(figure, layout, maps)
    return figure


@dataclass(frozen=True)
class _Layout:
    """Where things are, in inches from the upper left corner."""

    panel: float
    panels_height: float
    legend_height: float
    width: float
    height: float
    label: tuple[str, ...]
    caption: tuple[str, ...]

    @classmethod
    def of(
        cls, maps: HeatmapPanels, rows: int, columns: int, shared_limits: bool, smoothing: Smoothing
    ) -> "_Layout":
        panel = _FEW_COLUMNS_PANEL.get(columns, _PANEL)
        panels_height = rows * (_TITLE + panel + _GAP) - _GAP
        label = axis_label(maps.metric)
        if not shared_limits:
            label += ", own range per panel"
        bar_height = min(panels_height - _TITLE, _LONGEST_BAR)
        label_lines = textwrap.wrap(label, int(bar_height / _LABEL_LETTER))
        panels_width = columns * (panel + _GAP) - _GAP
        width = 2 * _MARGIN + panels_width + _BAR_GAP + _BAR + _BAR_TICKS + LINE * len(label_lines)
        caption = " · ".join(part for part in (PHOTOGRAPH_NOTE, maps.caption) if part)
        if smoothing != "none":
            caption += " · drawn interpolated between cell centres"
        caption_lines = wrap_small_print(caption, width - 2 * _MARGIN)
        legend_height = max(LINE, panel * maps.occluder_px / maps.resolution)
        height = 2 * _MARGIN + panels_height + _LEGEND_GAP + legend_height + LINE * len(caption_lines)
        return cls(panel, panels_height, legend_height, width, height, tuple(label_lines), caption_lines)

    def panel_corner(self, row: int, column: int) -> tuple[float, float]:
        """Left and top of a panel's picture."""
        left = _MARGIN + column * (self.panel + _GAP)
        return left, _MARGIN + row * (_TITLE + self.panel + _GAP) + _TITLE


def show_crop(axes: Axes, picture: UInt8[np.ndarray, "height width 3"], resolution: int) -> None:
    """A picture in coordinates of the crop's pixels, without ticks."""
    axes.imshow(picture, extent=(0, resolution, resolution, 0), interpolation="antialiased")
    axes.set(xlim=(0, resolution), ylim=(resolution, 0), xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _occupied(places: list[list[int | None]]) -> list[tuple[int, int, int]]:
    return [
        (row, column, joint)
        for row, line in enumerate(places)
        for column, joint in enumerate(line)
        if joint is not None
    ]


def _title(axes: Axes, joint_name: str, values_mm: Float[np.ndarray, "rows cols"]) -> None:
    axes.text(0, 1.025, joint_title(joint_name), transform=axes.transAxes, weight="bold", size=7)
    span = range_text(values_mm)
    axes.text(1, 1.025, span, transform=axes.transAxes, ha="right", color=FAINT_INK, size=7)


def _ring(axes: Axes, joint_px: Float[np.ndarray, "2"], panel_in: float) -> None:
    for colour, width in (("black", 1.7), ("white", 0.9)):
        size = 0.055 * 72 * min(panel_in, 2.2)
        axes.plot(*joint_px, "o", ms=size, mfc="none", mec=colour, mew=width, clip_on=True)


def _bar_axes(figure: Figure, layout: _Layout) -> Axes:
    """Empty axes for the colour bar, its label beside them."""
    left = layout.width - _MARGIN - LINE * len(layout.label) - _BAR_TICKS - _BAR
    height = min(layout.panels_height - _TITLE, _LONGEST_BAR)
    centre = 1 - (_MARGIN + _TITLE + height / 2) / layout.height
    label_left = (left + _BAR + _BAR_TICKS) / layout.width
    figure.text(label_left, centre, "\n".join(layout.label), rotation=90, va="center", ha="left", ma="center")
    return axes_in_inches(figure, left, _MARGIN + _TITLE, _BAR, height)


def _legend(figure: Figure, layout: _Layout, maps: HeatmapPanels) -> None:
    """The occluder to the scale of the panels, what the rings are, and the small print."""
    side = layout.panel * maps.occluder_px / maps.resolution
    width = layout.width - 2 * _MARGIN
    top = _MARGIN + layout.panels_height + _LEGEND_GAP
    axes = axes_in_inches(figure, _MARGIN, top, width, layout.legend_height)
    axes.set(xlim=(0, width), ylim=(0, layout.legend_height))
    axes.axis("off")
    middle = layout.legend_height / 2
    bottom = middle - side / 2
    if maps.occluder is not None:
        axes.imshow(maps.occluder, extent=(0, side, bottom, bottom + side), interpolation="antialiased")
        axes.set(xlim=(0, width), ylim=(0, layout.legend_height), aspect="auto")
    axes.add_patch(Rectangle((0, bottom), side, side, fill=False, ec=INK, lw=0.7, clip_on=False))
    text = f"occluder, {maps.occluder_px} × {maps.occluder_px} px, to scale"
    if maps.joints_px is not None:
        text += "      ○  joint in the clean prediction"
    axes.text(side + 0.08, middle, text, va="center", size=7)
    add_small_print(figure, layout.caption, _MARGIN, 0.6 * _MARGIN)
