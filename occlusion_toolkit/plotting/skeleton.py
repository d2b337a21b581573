"""People as sticks: the joints of networks that know no body."""

from typing import Final

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from occlusion_toolkit.body.joints import JointSet
from occlusion_toolkit.plotting.posed import LEFT_COLOUR, RIGHT_COLOUR
from occlusion_toolkit.plotting.style import FAINT_INK, INK

_LIMBS = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"), ("shoulder", "hip"))
_ACROSS = (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"), ("neck", "head_top"))

BONES: Final = (*_ACROSS, *((f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in _LIMBS))
"""Pairs of joints that a stick joins, by name; a joint set draws those it has."""


def draw_skeleton(
    axes: Axes, points: Float[np.ndarray, "joints 2"], joints: JointSet, *, faint: bool = False
) -> None:
    """Sticks between joints: the person's left and right in two colours.

    Args:
        axes: what is drawn on.
        points: x and y of the joints in the units of the axes, (J, 2).
        joints: which joints they are.
        faint: thin and dark, for another estimate to compare with.
    """
    for ends in BONES:
        if not {*ends} <= {*joints.joint_names}:
            continue
        side = ends[0].partition("_")[0] if ends[0].partition("_")[0] == ends[1].partition("_")[0] else ""
        colour = {"left": LEFT_COLOUR, "right": RIGHT_COLOUR}.get(side, FAINT_INK)
        x, y = points[[joints.index(end) for end in ends]].T
        if faint:
            axes.plot(x, y, color=INK, lw=0.6, dashes=(3, 2), zorder=4)
            continue
        axes.plot(x, y, color="white", lw=2.6, solid_capstyle="round", zorder=5)
        axes.plot(x, y, color=colour, lw=1.6, solid_capstyle="round", zorder=6)
