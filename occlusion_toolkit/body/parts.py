"""Body parts: 24 labels in SMPL joint order, on vertices, faces, joints and segmentation masks."""

import colorsys

import numpy as np
from numpy.typing import NDArray

from occlusion_toolkit.body.joints import PARENTS, SMPL24

PART_NAMES: tuple[str, ...] = SMPL24.joint_names
"""Part k is the flesh that moves mostly with joint k."""

NUM_PARTS = len(PART_NAMES)
BACKGROUND = 0
"""Label of no body in a segmentation mask; part k has label k + 1 there."""


def face_parts(vertex_parts: NDArray[np.integer], faces: NDArray[np.integer]) -> NDArray[np.int64]:
    """Part of each face: that of at least two of its corners, else of its first corner.

    Args:
        vertex_parts: (V,) labels 0..23.
        faces: (F, 3).

    Returns:
        (F,) labels 0..23.
    """
    a, b, c = vertex_parts[faces].astype(np.int64).T
    label: NDArray[np.int64] = np.where(b == c, b, a)
    return label


def part_colours() -> NDArray[np.uint8]:
    """A colour (24, 3) per part: neighbours differ in hue, mirror images in lightness."""
    colours = []
    for part, other in enumerate(SMPL24.mirror):
        hue = (min(part, other) * 0.381966) % 1  # golden-angle steps keep neighbours apart
        lightness = 0.42 if part > other else 0.6
        colours.append(colorsys.hls_to_rgb(hue, lightness, 0.7))
    return np.round(255 * np.array(colours)).astype(np.uint8)


# Joints of other sets that have no part of their own name.
_PART_OF = {"head_top": "head", "nose": "head", "spine": "spine2"}


def part_of_joint(joint_name: str) -> int | None:
    """The part that moves with a joint of any set: the forearm with the elbow, the head with its top.

    Returns:
        Index in `PART_NAMES`; None for a name that no joint set has.
    """
    name = _PART_OF.get(joint_name, joint_name)
    return PART_NAMES.index(name) if name in PART_NAMES else None


LIMBS: dict[str, tuple[str, ...]] = {
    "head": ("head", "neck"),
    "torso": ("spine3", "spine2", "spine1", "pelvis"),
    "left arm": ("left_collar", "left_shoulder", "left_elbow", "left_wrist", "left_hand"),
    "right arm": ("right_collar", "right_shoulder", "right_elbow", "right_wrist", "right_hand"),
    "left leg": ("left_hip", "left_knee", "left_ankle", "left_foot"),
    "right leg": ("right_hip", "right_knee", "right_ankle", "right_foot"),
}
"""All parts by limb, from the trunk outwards. The torso is next to every other limb, and nothing else is."""


def limb_of(part: int) -> int:
    """Which limb a part belongs to, an index into `LIMBS`."""
    return next(limb for limb, names in enumerate(LIMBS.values()) if PART_NAMES[part] in names)


def part_steps() -> NDArray[np.int64]:
    """Steps along the kinematic tree from part to part, (24, 24): 0 to itself, 1 to those it hangs on."""
    steps = np.full((NUM_PARTS, NUM_PARTS), NUM_PARTS, dtype=np.int64)
    np.fill_diagonal(steps, 0)
    for part, parent in enumerate(PARENTS):
        if parent >= 0:  # parents come first: what is known about them is complete among the parts before
            steps[part, :part] = steps[:part, part] = steps[parent, :part] + 1
    return steps
