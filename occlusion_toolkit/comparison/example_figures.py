"""One image for several models: their heatmaps on one scale, and what the worst window does to each."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from occlusion_toolkit.errors import UsageError
from occlusion_toolkit.heatmaps.maps_figure import HeatmapPanels, show_crop
from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps
from occlusion_toolkit.heatmaps.pictures import heatmap_panels, worst_case
from occlusion_toolkit.heatmaps.summary_figure import WorstCase
from occlusion_toolkit.plotting.arrangement import reading_order
from occlusion_toolkit.plotting.colormaps import ColourScale, robust_scale, scale_for
from occlusion_toolkit.plotting.colour_bar import draw_colour_bar
from occlusion_toolkit.plotting.metric_text import axis_label, joint_title, metric_text, range_text
from occlusion_toolkit.plotting.overlay import composite
from occlusion_toolkit.plotting.painting import PHOTOGRAPH_NOTE, detail_of
from occlusion_toolkit.plotting.posed import LIMBS_NOTE, on_blank, outline, silhouette
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
_MARGIN, _ROW_LABEL = 0.10, 0.18
_MAP, _MAP_GAP, _RANGE, _MAP_TITLE, _BAND_GAP = 0.92, 0.05, 0.13, 0.15, 0.14
_BAR, _BAR_GAP, _BAR_TICKS = 0.11, 0.12, 0.36
_BODY, _BODY_GAP, _BODY_TITLE, _HEADER, _MIDDLE = 1.12, 0.06, 0.14, 0.10, 0.12
_MOST_COLUMNS = 8
_MAGNIFICATION = 2

_TITLES = ("image", "clean prediction", "from the side", "worst window", "prediction", "from the side")


def heatmaps_by_model_figure(maps: Mapping[str, OcclusionMaps], *, robust: bool = False) -> Figure:
    """A row of heatmaps per model, the mean over joints first, all on the scale that all share.

    Args:
        maps: of each model, by its name: of the same image, joints and metric.
        robust: colours end at the 1st and 99th percentile; otherwise at the least and greatest value.

    Raises:
        UsageError: there is no model, or they show different images, joints, metrics or windows.
    """
    panels = {model: heatmap_panels(shown) for model, shown in maps.items()}
    first = _alike(panels)
    order = reading_order(first.joint_names)
    names = ("mean", *(first.joint_names[joint] for joint in order))
    values = {
        model: np.concatenate((shown.maps_mm.mean(axis=0, keepdims=True), shown.maps_mm[order]))
        for model, shown in panels.items()
    }
    everything = np.stack(list(values.values())).reshape(len(panels) * len(names), -1)
    scale = (robust_scale if robust else scale_for)(first.metric, everything)
    columns = min(_MOST_COLUMNS, len(names))
    bands = -(-len(names) // columns)
    band_height = _MAP_TITLE + len(panels) * (_RANGE + _MAP + _MAP_GAP)
    width = 2 * _MARGIN + _ROW_LABEL + columns * (_MAP + _MAP_GAP) + _BAR_GAP + _BAR + _BAR_TICKS + LINE
    caption = wrap_small_print(
        " · ".join(
            [
                f"{_image(maps)}: {metric_text(first.metric)}",
                f"occluder {first.occluder_px} × {first.occluder_px} px centred on each cell",
                "one colour scale for all panels, "
                + (
                    "from the 1st to the 99th percentile; arrows: values beyond"
                    if robust
                    else "to the worst window"
                ),
                PHOTOGRAPH_NOTE,
                "above each panel its full range",
                *_captions_once(panels),
            ]
        ),
        width - 2 * _MARGIN,
    )
    height = 2 * _MARGIN + bands * band_height + (bands - 1) * _BAND_GAP + LINE * (len(caption) + 0.5)
    detail = detail_of(first.crop, first.resolution * _MAGNIFICATION)
    with figure_style():
        figure = new_figure(width, height)
        for place, name in enumerate(names):
            band, column = divmod(place, columns)
            left = _MARGIN + _ROW_LABEL + column * (_MAP + _MAP_GAP)
            top = _MARGIN + band * (band_height + _BAND_GAP)
            figure.text(left / width, 1 - top / height, joint_title(name), weight="bold", size=7, va="top")
            for row, (model, shown) in enumerate(values.items()):
                panel_top = top + _MAP_TITLE + row * (_RANGE + _MAP + _MAP_GAP) + _RANGE
                axes = axes_in_inches(figure, left, panel_top, _MAP, _MAP)
                picture = panels[model].picture(shown[place], detail, scale)
                show_crop(axes, picture, first.resolution)
                axes.set_title(range_text(shown[place]), size=6, color=FAINT_INK, pad=1.5, loc="left")
                if column == 0:
                    _row_label(figure, model, panel_top + _MAP / 2)
        _colour_bar(figure, scale, axis_label(first.metric), everything, band_height)
        add_small_print(figure, caption, _MARGIN, 0.6 * _MARGIN)
    return figure


def predictions_by_model_figure(maps: Mapping[str, OcclusionMaps]) -> Figure:
    """A row per model: the clean prediction, and what its own worst window makes of it.

    The ground truth, where it is known, has the first row. The outline over the occluded predictions is that
    of the clean one.

    Args:
        maps: of each model on the same image, by its name.

    Raises:
        UsageError: there is no model, or they show different images.
    """
    cases = {model: worst_case(shown) for model, shown in maps.items()}
    first = _alike({model: case.maps for model, case in cases.items()})
    truth = next(iter(cases.values())).true_layers()
    width = 2 * _MARGIN + _ROW_LABEL + 6 * (_BODY + _BODY_GAP) - _BODY_GAP + _MIDDLE
    size = first.occluder_px
    caption = wrap_small_print(
        " · ".join(
            [
                _image(maps),
                f"worst of all positions of the {size} × {size} px occluder, for each model its own",
                f"numbers: {metric_text(first.metric)}, mean over joints",
                "outline: the clean prediction",
                LIMBS_NOTE,
                *_captions_once({model: case.maps for model, case in cases.items()}),
            ]
        ),
        width - 2 * _MARGIN,
    )
    names = [*(["ground truth"] if truth else []), *cases]
    height = 2 * _MARGIN + _HEADER + len(names) * (_BODY_TITLE + _BODY + _BODY_GAP)
    height += LINE * (len(caption) + 0.6)
    lefts = [
        _MARGIN + _ROW_LABEL + column * (_BODY + _BODY_GAP) + (column > 2) * _MIDDLE for column in range(6)
    ]
    with figure_style():
        figure = new_figure(width, height)
        for left, title in zip(lefts, _TITLES, strict=True):
            figure.text(left / width, 1 - _MARGIN / height, title, size=7, weight="bold", va="top")
        for row, name in enumerate(names):
            top = _MARGIN + _HEADER + row * (_BODY_TITLE + _BODY + _BODY_GAP) + _BODY_TITLE
            _row_label(figure, name, top + _BODY / 2)
            if truth and row == 0:
                pictures = (first.crop, composite(first.crop, truth[0]), on_blank(truth[1]))
                for left, picture in zip(lefts, pictures, strict=False):
                    axes = axes_in_inches(figure, left, top, _BODY, _BODY)
                    show_crop(axes, picture, first.resolution)
                    axes.set_title(
                        "ground truth" if left > lefts[0] else "", size=6.5, color=FAINT_INK, pad=2
                    )
                continue
            _predictions([axes_in_inches(figure, left, top, _BODY, _BODY) for left in lefts], cases[name])
        add_small_print(figure, caption, _MARGIN, 0.6 * _MARGIN)
    return figure


def once(parts: Iterable[str]) -> list[str]:
    """Parts of a caption without repetitions and empty ones, in their order."""
    return [part for part in dict.fromkeys(parts) if part]


def _alike(panels: Mapping[str, HeatmapPanels]) -> HeatmapPanels:
    """The first of several panels, after making sure that the others show the same things."""
    shown = list(panels.values())
    if not shown:
        raise UsageError("there is nothing to draw; give the result of one model or more")
    first = shown[0]
    for model, other in panels.items():
        same = (
            (other.joint_names, other.metric) == (first.joint_names, first.metric)
            and np.array_equal(other.cells, first.cells)
            and np.array_equal(other.crop, first.crop)
        )
        if not same:
            raise UsageError(
                f"the result of {model} shows another image, other joints, windows or another metric "
                "than the first; make them with the same options"
            )
    return first


def _image(maps: Mapping[str, OcclusionMaps]) -> str:
    """Name of the image that all show."""
    return str(next(iter(maps.values())).dataset["file"].values[0])


def _captions_once(panels: Mapping[str, HeatmapPanels]) -> list[str]:
    """The parts of the captions of several models, each once and without the models' names."""
    parts = once(part for shown in panels.values() for part in shown.caption.split(" · "))
    return [part for part in parts if part not in panels]


def _row_label(figure: Figure, model: str, middle_in: float) -> None:
    width, height = figure.get_size_inches()
    figure.text(_MARGIN / width, 1 - middle_in / height, model, rotation=90, va="center", size=7)


def _colour_bar(
    figure: Figure,
    scale: ColourScale,
    label: str,
    values_mm: np.ndarray,
    band_height: float,
) -> None:
    left = figure.get_size_inches()[0] - _MARGIN - LINE - _BAR_TICKS - _BAR
    top = _MARGIN + _MAP_TITLE + _RANGE
    # Room for an arrow at both ends.
    bar = axes_in_inches(
        figure, left, top + _BAR, _BAR, band_height - _MAP_TITLE - _RANGE - _MAP_GAP - 2 * _BAR
    )
    draw_colour_bar(bar, scale, values_mm)
    bar.yaxis.set_label_position("right")
    bar.set_ylabel(label, labelpad=3)


def _predictions(axes: list[Axes], case: WorstCase) -> None:
    resolution = case.maps.resolution
    clean_front, clean_side, front, side = case.layers()
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
    outline(axes[3], case.window)
    silhouette(axes[4], clean_front, resolution)
    silhouette(axes[5], clean_side, resolution)
    for place, body in ((axes[1], case.clean), (axes[4], case.occluded)):
        if body.mean_mm is not None:
            place.set_title(f"{body.mean_mm:.0f} mm", size=6.5, color=FAINT_INK, pad=2, loc="right")
