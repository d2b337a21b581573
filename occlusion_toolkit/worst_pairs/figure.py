"""Worst pairs drawn: what the network makes of one square and of two, and how the people differ."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.joint_output import JOINTS_ALONE
from occlusion_toolkit.body.joints import joint_set
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.crops import denormalise, normalise
from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.heatmaps.maps_figure import show_crop
from occlusion_toolkit.plotting.overlay import BODY_COLOUR, composite
from occlusion_toolkit.plotting.posed import (
    LIMBS_NOTE,
    OCCLUDED_COLOUR,
    PosedBody,
    Surface,
    front_layer,
    on_blank,
    outline,
    side_layer,
    silhouette,
)
from occlusion_toolkit.plotting.sticks import stick_body, stick_surface
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
from occlusion_toolkit.sweep.occluders import describe, occluder_of
from occlusion_toolkit.worst_pairs.search import UNDER
from occlusion_toolkit.worst_pairs.worst_pair import WorstPair

_PANEL, _GAP, _LEFT, _TOP, _TITLE = 1.6, 0.08, 0.12, 0.08, 0.18
_NAME = 0.16
_SCATTER_LEFT, _SCATTER = 0.62, 1.45
_WORSE_COLOUR, _OTHER_COLOUR = "#c2452d", FAINT_INK


def worst_pair_figure(models: Mapping[str, WorstPair], bodies: Bodies | None = None) -> Figure:
    """A row per model: the image whose pair is worst against its square; of several people all in a scatter.

    Args:
        models: by name.
        bodies: where body models come from; by default the open body, and SMPL from the toolkit's folder.

    Raises:
        ResultError: a result holds no estimates that could be drawn.
        BodyModelError: a body is not at hand.
        OccluderError: an occluder is not at hand.
    """
    bodies = bodies or Bodies()
    several = any(len(found.sequences) > 1 for found in models.values())
    width = _LEFT + 4 * (_PANEL + _GAP) + (_SCATTER_LEFT + _SCATTER if several else _PANEL) + 0.1
    row_height = _NAME + _TITLE + _PANEL + (0.12 if not several else 0.3)
    lines = wrap_small_print(_caption(models, several=several), width - 0.2)
    height = _TOP + len(models) * row_height + 0.06 + LINE * len(lines) + 0.1
    with figure_style():
        figure = new_figure(width, height)
        limits = _limits(models)
        for row, (name, found) in enumerate(models.items()):
            top = _TOP + row * row_height
            figure.text(_LEFT / width, 1 - (top + 0.11) / height, name, size=7.5, weight="bold")
            top += _NAME + _TITLE
            axes = [
                axes_in_inches(figure, _LEFT + place * (_PANEL + _GAP), top, _PANEL, _PANEL)
                for place in range(4 if several else 5)
            ]
            _draw_pictures(axes, found, bodies)
            if several:
                left = _LEFT + 4 * (_PANEL + _GAP) + _SCATTER_LEFT - 0.1
                place = axes_in_inches(figure, left, top, _SCATTER, _SCATTER)
                _draw_people(place, found, limits)
        add_small_print(figure, lines, 0.1, 0.1)
    return figure


def _draw_pictures(axes: list[Axes], found: WorstPair, bodies: Bodies) -> None:
    """The crop under the pair, and estimates: clean, under the single square, under the pair, from the side.

    Where there are four axes the last is left out.
    """
    data, shown = found.dataset, found.shown
    resolution = found.card.windows.resolution
    crop = data["crop"].values
    single, pair = data["single_window"].values[shown], data["pair_windows"].values[shown]
    under_single = painted(found, crop, [single], found.size)
    under_pair = painted(found, crop, list(pair), found.pair_size)
    surface, posed = _bodies(found, bodies)
    clean = front_layer(posed["clean"], surface, BODY_COLOUR)
    of_single, of_pair = (front_layer(posed[name], surface, OCCLUDED_COLOUR) for name in ("single", "pair"))
    one, two = f"one square, {found.size} px", f"two squares, {found.pair_size} px"
    _picture(axes[0], under_pair, resolution, two)
    _picture(axes[1], composite(crop, clean), resolution, "clean prediction")
    _picture(axes[2], composite(under_single, of_single), resolution, one, float(data["single_mm"][shown]))
    _picture(axes[3], composite(under_pair, of_pair), resolution, two, float(data["pair_mm"][shown]))
    for place, windows in ((axes[2], [single]), (axes[3], pair)):
        silhouette(place, clean, resolution)
        for window in windows:
            outline(place, window.tolist())
    for place in axes[4:]:
        side = side_layer(posed["pair"], posed["clean"], surface, OCCLUDED_COLOUR)
        _picture(place, on_blank(side), resolution, "the same from the side")
        silhouette(place, side_layer(posed["clean"], posed["clean"], surface, BODY_COLOUR), resolution)


def _picture(
    axes: Axes,
    picture: UInt8[np.ndarray, "height width 3"],
    resolution: int,
    title: str,
    value_mm: float | None = None,
) -> None:
    show_crop(axes, picture, resolution)
    axes.text(0, 1.03, title, transform=axes.transAxes, size=6.8)
    if value_mm is not None:
        words = f"{value_mm:.0f} mm".replace("-", "−")
        axes.text(1, 1.03, words, transform=axes.transAxes, ha="right", color=FAINT_INK, size=6.8)


def painted(
    found: WorstPair, crop: UInt8[np.ndarray, "side side 3"], windows: list[np.ndarray], size: int
) -> UInt8[np.ndarray, "side side 3"]:
    """The crop with some squares of a size on it, one after the other as in the search."""
    occluder = occluder_of(found.card.occluder or {}, size)
    pixels = normalise(crop)[None]
    for window in windows:
        pixels = occluder.apply(pixels, torch.from_numpy(np.array(window, dtype=np.int64))[None])
    return np.asarray(denormalise(pixels)[0])


def _bodies(found: WorstPair, bodies: Bodies) -> tuple[Surface, dict[str, PosedBody]]:
    """The estimates of the image that is shown, ready to be drawn.

    Raises:
        ResultError: the result holds none.
    """
    data, card = found.dataset.isel(image=found.shown), found.card
    names = ("joints_m", "joints_px") if card.body == JOINTS_ALONE else ("rotmats", "betas", "camera")
    if missing := [name for name in names if name not in data]:
        raise ResultError(
            f"{card.model_card} cannot be drawn, the result holds no {', '.join(missing)}; the table has all "
            "numbers"
        )
    arrays = {
        under: [np.array(data[name].sel(under=under).values, dtype=np.float32) for name in names]
        for under in UNDER
    }
    if card.body == JOINTS_ALONE:
        joints = joint_set(card.joint_set)
        resolution = card.windows.resolution
        posed = {
            under: stick_body(joints_m, joints_px, joints, resolution)
            for under, (joints_m, joints_px) in arrays.items()
        }
        return stick_surface(joints), posed
    body = bodies.load(card.body)
    posed = {}
    for under, values in arrays.items():
        parameters = BodyParameters(*(torch.from_numpy(value)[None] for value in values))
        posed[under] = PosedBody(body(parameters).vertices[0].numpy(), values[2])
    return Surface.of(body), posed


def _limits(models: Mapping[str, WorstPair]) -> tuple[float, float]:
    """Ends of both axes of the scatter, the same for all models."""
    values = np.concatenate(
        [found.dataset[name].values for found in models.values() for name in ("single_mm", "pair_mm")]
    )
    return min(0.0, 1.05 * float(values.min())), 1.05 * float(values.max())


def _draw_people(axes: Axes, found: WorstPair, limits: tuple[float, float]) -> None:
    """A point per image: the worst single square across, the worst pair up."""
    single, pair = found.dataset["single_mm"].values, found.dataset["pair_mm"].values
    axes.plot(limits, limits, color=FAINT_INK, lw=0.7, ls="--", zorder=0)
    colours = np.where(pair > single, _WORSE_COLOUR, _OTHER_COLOUR)
    axes.scatter(single, pair, s=9, c=colours, lw=0)
    axes.scatter(single[found.shown], pair[found.shown], s=34, facecolors="none", edgecolors=INK, lw=0.7)
    axes.set(xlim=limits, ylim=limits)
    axes.set_xlabel("worst square [mm]", labelpad=1, size=6.8)
    axes.set_ylabel("worst pair [mm]", labelpad=1, size=6.8)
    axes.tick_params(length=2, width=0.5, labelsize=6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _caption(models: Mapping[str, WorstPair], *, several: bool) -> str:
    first = next(iter(models.values()))
    card = first.card
    people = [
        "pictures: for each model the image whose pair is worst against its square (ringed)",
        "points: images, red where the pair is worse; dashed: alike",
        f"{card.dataset_and_split}: {len(first.sequences)} images of {len(set(first.sequences))} sequences",
    ]
    beam = int(first.dataset.attrs["beam"])
    return " · ".join(
        [
            f"mm: {first.measured}",
            f"two squares of {first.pair_size} px cover at most what one of {first.size} px covers",
            "outline: the clean prediction",
            LIMBS_NOTE,
            *(people if several else [str(first.dataset["file"].values[0])]),
            f"a square every {card.windows.stride} px, {describe(card.occluder)}; beam {beam}",
            *dict.fromkeys(f"protocol {found.card.hash}" for found in models.values()),
        ]
    )
