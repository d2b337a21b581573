"""What several models make of one image, clean and under each one's worst window (PARE, Figure 8)."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from occlusion_toolkit.comparison.heatmaps_by_model import captions_once
from occlusion_toolkit.errors import UsageError
from occlusion_toolkit.heatmaps.maps_figure import show_crop
from occlusion_toolkit.heatmaps.summary_figure import WorstCase
from occlusion_toolkit.plotting.overlay import BODY_COLOUR, composite
from occlusion_toolkit.plotting.posed import (
    OCCLUDED_COLOUR,
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
_PANEL, _GAP, _TITLE, _HEADER = 1.12, 0.06, 0.14, 0.10
_MARGIN, _ROW_LABEL, _MIDDLE = 0.10, 0.18, 0.12

_TITLES = ("image", "clean prediction", "from the side", "worst window", "prediction", "from the side")


def predictions_by_model_figure(cases: Mapping[str, WorstCase]) -> Figure:
    """A row per model: the clean prediction, and what its own worst window makes of it.

    The outline over the occluded predictions is that of the clean one.

    Args:
        cases: the worst case of each model on the same image, by the model's name.

    Raises:
        UsageError: there is no model, or they show different images.
    """
    shown = list(cases.values())
    if not shown:
        raise UsageError("there is no prediction to draw; give the result of one model or more")
    if any(not np.array_equal(case.maps.crop, shown[0].maps.crop) for case in shown):
        raise UsageError("the results show different images or boxes; make them from the same one")
    width = 2 * _MARGIN + _ROW_LABEL + 6 * (_PANEL + _GAP) - _GAP + _MIDDLE
    caption = wrap_small_print(_caption(cases), width - 2 * _MARGIN)
    height = 2 * _MARGIN + _HEADER + len(cases) * (_TITLE + _PANEL + _GAP) + LINE * (len(caption) + 0.6)
    with figure_style():
        figure = new_figure(width, height)
        for row, (model, case) in enumerate(cases.items()):
            top = _MARGIN + _HEADER + row * (_TITLE + _PANEL + _GAP) + _TITLE
            lefts = [
                _MARGIN + _ROW_LABEL + column * (_PANEL + _GAP) + (column > 2) * _MIDDLE
                for column in range(6)
            ]
            axes = [axes_in_inches(figure, left, top, _PANEL, _PANEL) for left in lefts]
            _row(axes, case)
            for left, title in zip(lefts, _TITLES, strict=True):
                if row == 0:
                    figure.text(left / width, 1 - _MARGIN / height, title, size=7, weight="bold", va="top")
            figure.text(
                _MARGIN / width, 1 - (top + _PANEL / 2) / height, model, rotation=90, va="center", size=7
            )
        add_small_print(figure, caption, _MARGIN, 0.6 * _MARGIN)
    return figure


def _row(axes: list[Axes], case: WorstCase) -> None:
    resolution = case.maps.resolution
    clean_front = front_layer(case.clean, case.faces, BODY_COLOUR)
    clean_side = side_layer(case.clean, case.clean, case.faces, BODY_COLOUR)
    front = front_layer(case.occluded, case.faces, OCCLUDED_COLOUR)
    side = side_layer(case.occluded, case.clean, case.faces, OCCLUDED_COLOUR)
    pictures = (
        case.maps.crop,
        composite(case.maps.crop, clean_front),
        on_blank(clean_side),
        case.occluded_crop,
        composite(case.occluded_crop, front),
        on_blank(side),
    )
    for place, picture in zip(axes, pictures, strict=True):
        show_crop(place, picture, resolution)
    outline(axes[3], case.windows[case.worst])
    silhouette(axes[4], clean_front, resolution)
    silhouette(axes[5], clean_side, resolution)
    for place, body in ((axes[1], case.clean), (axes[4], case.occluded)):
        if body.mean_mm is not None:
            place.set_title(f"{body.mean_mm:.0f} mm", size=6.5, color=FAINT_INK, pad=2, loc="right")


def _caption(cases: Mapping[str, WorstCase]) -> str:
    first = next(iter(cases.values()))
    size = first.maps.occluder_px
    parts = [
        f"worst of all positions of the {size} × {size} px occluder, for each model its own",
        f"numbers: {first.maps.quantity.value}, mean over joints",
        "outline: the clean prediction",
        *captions_once({model: case.maps for model, case in cases.items()}),
    ]
    return " · ".join(parts)
