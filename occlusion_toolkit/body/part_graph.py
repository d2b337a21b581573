"""Which part of the body a joint belongs to, and how many joints lie between two parts."""

import numpy as np
from numpy.typing import NDArray

from occlusion_toolkit.body.joints import PARENTS
from occlusion_toolkit.body.parts import NUM_PARTS, PART_NAMES

# Joints of other sets that have no part of their own name.
_PART_OF = {"head_top": "head", "nose": "head", "spine": "spine2"}


def part_of_joint(joint_name: str) -> int | None:
    """The part that moves with a joint of any set: the forearm with the elbow, the head with its top.

    Returns:
        Index in `PART_NAMES`; None for a name that no joint set has.
    """
    name = _PART_OF.get(joint_name, joint_name)
    return PART_NAMES.index(name) if name in PART_NAMES else None


def part_steps() -> NDArray[np.int64]:
    """Steps along the kinematic tree from part to part, (24, 24): 0 to itself, 1 to those it hangs on."""
    steps = np.full((NUM_PARTS, NUM_PARTS), NUM_PARTS, dtype=np.int64)
    np.fill_diagonal(steps, 0)
    for part, parent in enumerate(PARENTS):
        if parent >= 0:  # parents come first: what is known about them is complete among the parts before
            steps[part, :part] = steps[:part, part] = steps[parent, :part] + 1
    return steps
