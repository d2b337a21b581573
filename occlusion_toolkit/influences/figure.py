"""The influence matrix drawn: a row per hidden part, a column per joint, limb by limb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float64
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from occlusion_toolkit.body.parts import LIMBS
from occlusion_toolkit.comparison.significance import FEWEST_SEQUENCES, SIGNIFICANCE
from occlusion_toolkit.influences.influence import Influence
from occlusion_toolkit.influences.rule import PART_ORDER, limb_of_joint
from occlusion_toolkit.influences.table import difference
from occlusion_toolkit.plotting.colormaps import ColourScale, robust_scale
from occlusion_toolkit.plotting.colour_bar import draw_colour_bar
from occlusion_toolkit.plotting.metric_text import axis_label, joint_title
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
from occlusion_toolkit.sweep.occluders import describe

_CELL = (0.155, 0.128)
_LARGE_CELL = (0.3, 0.17)
_LEFT, _TOP, _BELOW, _GAP, _BAR, _BAR_ROOM = 1.0, 0.3, 0.85, 0.25, 0.09, 0.62
_NO_VALUE = "#e3e6e8"


@dataclass(frozen=True)
class _Panel:
    """A matrix to draw: rows and columns are those of the data set, in mm; NaN where there is no value."""

    title: str
    values_mm: Float64[np.ndarray, "24 columns"]
    quiet: Bool[np.ndarray, "24 columns"]


def influence_figure(models: Mapping[str, Influence]) -> Figure:
    """The matrix of each model on one scale, and below them the differences of every two.

    Cells that are not significant at a false discovery rate of 5 % are hatched; parts that no window hides
    are grey.

    Args:
        models: by name; of the same joints and, where there are several, of the same images.

    Raises:
        UsageError: several are not of the same images.
    """
    first = next(iter(models.values()))
    bands = [([_panel(name, found) for name, found in models.items()], axis_label(first.metric))]
    if len(models) > 1:
        differences = [
            _difference_panel(f"{one} − {other}", models[one], models[other])
            for one, other in combinations(models, 2)
        ]
        bands.append((differences, f"difference of {axis_label(first.metric)}"))
    cell = _LARGE_CELL if len(models) == 1 else _CELL
    columns = _joint_order(first)
    panel = (cell[0] * len(columns), cell[1] * len(PART_ORDER))
    most = max(len(panels) for panels, _ in bands)
    width = _LEFT + most * (panel[0] + _GAP) - _GAP + _BAR_ROOM
    lines = wrap_small_print(_caption(models), width - 0.2)
    height = len(bands) * (_TOP + panel[1] + _BELOW) + LINE * len(lines) + 0.1
    with figure_style():
        figure = new_figure(width, height)
        for number, (panels, label) in enumerate(bands):
            top = number * (_TOP + panel[1] + _BELOW) + _TOP
            values = np.stack([one.values_mm.ravel() for one in panels])
            scale = robust_scale("increase" if number else first.metric, values)
            for place, one in enumerate(panels):
                axes = axes_in_inches(figure, _LEFT + place * (panel[0] + _GAP), top, *panel)
                _draw(axes, one, first, columns, scale, named=place == 0, numbers=len(models) == 1)
            left = _LEFT + len(panels) * (panel[0] + _GAP) - _GAP + 0.1
            bar = axes_in_inches(figure, left, top, _BAR, panel[1])
            draw_colour_bar(bar, scale, values)
            bar.set_ylabel(label, labelpad=2)
            bar.yaxis.set_label_position("right")
        add_small_print(figure, lines, 0.1, 0.1)
    return figure


def _panel(name: str, found: Influence) -> _Panel:
    data = found.dataset
    q = data["q"].values
    quiet = np.zeros(q.shape, dtype=bool) if found.sequences < FEWEST_SEQUENCES else ~(q < SIGNIFICANCE)
    quiet[:, -1] = False  # the mean over joints is no cell of its own
    return _Panel(name, data["increase"].values, quiet)


def _difference_panel(title: str, first: Influence, second: Influence) -> _Panel:
    found = difference(first, second)
    shape = first.dataset["increase"].shape
    quiet = ~(found["q"].to_numpy().reshape(shape) < SIGNIFICANCE)
    quiet[:, -1] = False
    return _Panel(title, found["difference_mm"].to_numpy().reshape(shape), quiet)


def _joint_order(found: Influence) -> list[int]:
    """Joints limb by limb, from the trunk outwards, the mean last."""
    names = [name.removeprefix("left_").removeprefix("right_") for limb in LIMBS.values() for name in limb]

    def key(column: int) -> tuple[int, int]:
        joint = found.joints[column]
        limb = limb_of_joint(joint)
        place = joint.removeprefix("left_").removeprefix("right_")
        return (len(LIMBS) if limb is None else limb, names.index(place) if place in names else 0)

    return sorted(range(len(found.joints)), key=key)


def _draw(
    axes: Axes,
    panel: _Panel,
    found: Influence,
    columns: list[int],
    scale: ColourScale,
    *,
    named: bool,
    numbers: bool,
) -> None:
    rows = list(PART_ORDER)
    values, quiet = panel.values_mm[np.ix_(rows, columns)], panel.quiet[np.ix_(rows, columns)]
    colours = scale.colours(values)
    colours[np.isnan(values)] = np.array([int(_NO_VALUE[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    axes.imshow(colours, aspect="auto", interpolation="nearest")
    squares = [
        Path.unit_rectangle().transformed(Affine2D().translate(column - 0.5, row - 0.5))
        for row, column in np.argwhere(quiet & np.isfinite(values))
    ]
    if squares:  # one patch: hatching hundreds takes seconds
        hatched = Path.make_compound_path(*squares)
        axes.add_patch(PathPatch(hatched, fill=False, hatch="/////", lw=0, ec=FAINT_INK, alpha=0.75))
    if numbers:
        for row, column in np.argwhere(np.isfinite(values)):
            dark = colours[row, column].mean() < 0.5
            text = f"{values[row, column]:.0f}".replace("-", "−")
            shown = "0" if text == "−0" else text
            axes.text(column, row, shown, ha="center", va="center", size=5.2, color="white" if dark else INK)
    edges = np.cumsum([len(limb) for limb in LIMBS.values()])[:-1] - 0.5
    axes.hlines(edges, -0.5, len(columns) - 0.5, color="white", lw=1.2)
    limbs = [limb_of_joint(found.joints[column]) for column in columns]
    changes = [place - 0.5 for place in range(1, len(limbs)) if limbs[place] != limbs[place - 1]]
    axes.vlines(changes, -0.5, len(rows) - 0.5, color="white", lw=1.2)
    axes.set_xticks(
        range(len(columns)), [joint_title(found.joints[c]) for c in columns], rotation=90, size=6.2
    )
    parts = [joint_title(str(found.dataset["part"].values[row])) for row in rows]
    axes.set_yticks(range(len(rows)), parts if named else [""] * len(rows), size=6.2)
    axes.tick_params(length=0, pad=2)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_title(panel.title, size=7.5, pad=4)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if named:
        axes.set_ylabel("hidden part")


def _caption(models: Mapping[str, Influence]) -> str:
    first = next(iter(models.values()))
    card = first.card
    tested = first.sequences >= FEWEST_SEQUENCES
    dataset = card.dataset_and_split
    return " · ".join(
        [
            "row: at least half of what is seen of the part lies under the square",
            "column: joint whose values are averaged over these windows, then over images",
            f"hatched: not significant (signs swapped by sequence, FDR {100 * SIGNIFICANCE:.0f} %)"
            if tested
            else f"no tests: fewer than {FEWEST_SEQUENCES} sequences",
            "grey: never hidden",
            "colours end at the 1st and 99th percentile",
            f"{dataset}: {first.dataset.attrs['num_images']} images of {first.sequences} sequences",
            f"occluder {card.windows.size} px every {card.windows.stride} px, {describe(card.occluder)}",
            *dict.fromkeys(f"protocol {found.card.hash}" for found in models.values()),
        ]
    )
