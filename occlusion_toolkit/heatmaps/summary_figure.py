"""What an occluder does, in one picture: the worst window, before and after, and the mean map."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from occlusion_toolkit.heatmaps.maps_figure import HeatmapPanels, show_crop
from occlusion_toolkit.plotting.colormaps import scale_for
from occlusion_toolkit.plotting.colour_bar import draw_colour_bar
from occlusion_toolkit.plotting.metric_text import axis_label, range_text, window_text
from occlusion_toolkit.plotting.overlay import BODY_COLOUR, composite
from occlusion_toolkit.plotting.painting import PHOTOGRAPH_NOTE, detail_of
from occlusion_toolkit.plotting.posed import (
    LIMBS_NOTE,
    OCCLUDED_COLOUR,
    TRUE_COLOUR,
    Layer,
    PosedBody,
    Surface,
    front_layer,
    on_blank,
    outline,
    side_layer,
    silhouette,
)
from occlusion_toolkit.plotting.style import (
    FAINT_INK,
    LINE,
    add_small_print,
    axes_in_inches,
    figure_style,
    new_figure,
    wrap_small_print,
)

# All lengths in inches.
_PANEL, _GAP, _TITLE, _MARGIN = 1.60, 0.08, 0.17, 0.10
_BAR, _BAR_GAP, _BAR_TICKS = 0.12, 0.10, 0.38

_Panel = tuple[str, NDArray[np.uint8], float | None]
"""Title, picture and mean error of a small panel."""

_LARGE = 2 * _PANEL + _GAP + _TITLE


@dataclass(frozen=True)
class WorstCase:
    """What the summary shows.

    Attributes:
        maps: the maps of all joints and the crop.
        window: the worst window (y0, y1, x0, x1), pixels of the network's crop, ends exclusive.
        occluded_crop: the crop with the worst window occluded, RGB.
        surface: of the body.
        clean: what the regressor makes of the crop.
        occluded: what it makes of the occluded crop.
        truth: the ground truth; None where there is none.
        true_surface: of its body, where that is another one.
    """

    maps: HeatmapPanels
    window: tuple[int, int, int, int]
    occluded_crop: UInt8[np.ndarray, "height width 3"]
    surface: Surface
    clean: PosedBody
    occluded: PosedBody
    truth: PosedBody | None = None
    true_surface: Surface | None = None

    def layers(self) -> tuple[Layer, Layer, Layer, Layer]:
        """The clean prediction from the front and the side, then the occluded one, as transparent layers."""
        return (
            front_layer(self.clean, self.surface, BODY_COLOUR),
            side_layer(self.clean, self.clean, self.surface, BODY_COLOUR),
            front_layer(self.occluded, self.surface, OCCLUDED_COLOUR),
            side_layer(self.occluded, self.clean, self.surface, OCCLUDED_COLOUR),
        )

    def true_layers(self) -> tuple[Layer, Layer] | None:
        """The ground truth from the front and the side; None where there is none."""
        if self.truth is None:
            return None
        surface = self.true_surface or self.surface
        side = side_layer(self.truth, self.truth, surface, TRUE_COLOUR)
        return front_layer(self.truth, surface, TRUE_COLOUR), side


def summary_figure(case: WorstCase) -> Figure:
    """The crop and its prediction above, the same occluded below, the mean map on the right (PARE, Figure 1).

    The ground truth, where it is known, stands between the crops and the predictions. The outline of the
    clean prediction is repeated over the occluded one.
    """
    truth = case.true_layers()
    columns = 3 if truth is None else 4
    left = _MARGIN + columns * (_PANEL + _GAP)
    width = left + _LARGE + _BAR_GAP + _BAR + _BAR_TICKS + LINE + _MARGIN
    letters = iter("abcdefghi")
    upper_names, lower_names = ([f"({next(letters)})" for _ in range(columns)] for _ in range(2))
    caption = wrap_small_print(_caption(case, lower_names, next(letters)), width - 2 * _MARGIN)
    height = 2 * _MARGIN + _TITLE + _LARGE + 0.04 + LINE * len(caption)
    clean_front, clean_side, front, side = case.layers()
    upper: list[_Panel] = [("image and worst window", case.maps.crop, None)]
    lower: list[_Panel] = [("worst window occluded", case.occluded_crop, None)]
    if truth is not None:
        upper.append(("ground truth", composite(case.maps.crop, truth[0]), None))
        lower.append(("ground truth, side", on_blank(truth[1]), None))
    upper.append(("clean prediction", composite(case.maps.crop, clean_front), case.clean.mean_mm))
    lower.append(("prediction", composite(case.occluded_crop, front), case.occluded.mean_mm))
    upper.append(("from the side", on_blank(clean_side), None))
    lower.append(("from the side", on_blank(side), None))
    with figure_style():
        figure = new_figure(width, height)
        axes = [[_panel(figure, column, row) for column in range(columns)] for row in range(2)]
        for places, names, shown in ((axes[0], upper_names, upper), (axes[1], lower_names, lower)):
            for place, name, (title, picture, mean_mm) in zip(places, names, shown, strict=True):
                _picture(place, case, picture, f"{name} {title}", mean_mm)
        outline(axes[0][0], case.window)
        silhouette(axes[1][-2], clean_front, case.maps.resolution)
        silhouette(axes[1][-1], clean_side, case.maps.resolution)
        _mean_map(figure, case, left, f"({'abcdefghi'[2 * columns]})")
        add_small_print(figure, caption, _MARGIN, 0.6 * _MARGIN)
    return figure


def _caption(case: WorstCase, names: list[str], map_letter: str) -> str:
    parts = [
        f"worst window: {window_text(case.window)} of {case.maps.resolution}",
        f"outline in {names[-2]}, {names[-1]}: the clean prediction",
        LIMBS_NOTE,
        f"({map_letter}): {PHOTOGRAPH_NOTE}",
        case.maps.caption,
    ]
    return " · ".join(part for part in parts if part)


def _panel(figure: Figure, column: int, row: int) -> Axes:
    left = _MARGIN + column * (_PANEL + _GAP)
    return axes_in_inches(figure, left, _MARGIN + _TITLE + row * (_PANEL + _GAP + _TITLE), _PANEL, _PANEL)


def _picture(
    axes: Axes, case: WorstCase, picture: NDArray[np.uint8], title: str, mean_mm: float | None = None
) -> None:
    show_crop(axes, picture, case.maps.resolution)
    value = "" if mean_mm is None else f"{mean_mm:.0f} mm".replace("-", "−")
    _titles(axes, title, value)


def _titles(axes: Axes, title: str, value: str, height_in: float = _PANEL) -> None:
    above = 1 + 0.035 / height_in
    axes.text(0, above, title, transform=axes.transAxes, weight="bold", size=7)
    axes.text(1, above, value, transform=axes.transAxes, ha="right", color=FAINT_INK, size=7)


def _mean_map(figure: Figure, case: WorstCase, left: float, name: str) -> None:
    maps = case.maps
    mean = maps.maps_mm.mean(axis=0)
    scale = scale_for(maps.metric, mean)
    detail = detail_of(maps.crop, maps.resolution * 3)
    axes = axes_in_inches(figure, left, _MARGIN + _TITLE, _LARGE, _LARGE)
    show_crop(axes, maps.picture(mean, detail, scale), maps.resolution)
    outline(axes, case.window)
    title = f"{name} mean over {len(maps.joint_names)} joints" if len(maps.joint_names) > 1 else f"{name} map"
    _titles(axes, title, range_text(mean), _LARGE)
    bar = axes_in_inches(figure, left + _LARGE + _BAR_GAP, _MARGIN + _TITLE, _BAR, _LARGE)
    draw_colour_bar(bar, scale, mean)
    bar.yaxis.set_label_position("right")
    bar.set_ylabel(axis_label(maps.metric), labelpad=4)
