"""Rejects poses whose limbs pass through the body, with capsules fitted to the person's own shape."""

import numpy as np
from numpy.typing import NDArray

from occlusion_toolkit.open_world.rig import Floats

# Name: (start joint, end joint). The head capsule runs from the head joint to itself: a sphere, moved up.
_SEGMENTS = {
    "left_forearm": (18, 20),
    "right_forearm": (19, 21),
    "left_hand": (20, 22),
    "right_hand": (21, 23),
    "left_shin": (4, 7),
    "right_shin": (5, 8),
    "left_thigh": (1, 4),
    "right_thigh": (2, 5),
    "left_foot": (7, 10),
    "right_foot": (8, 11),
    "belly": (0, 6),
    "chest": (6, 12),
    "head": (12, 15),
}
_NAMES = tuple(_SEGMENTS)
_SEGMENT_PARTS = {
    "left_forearm": (18,),
    "right_forearm": (19,),
    "left_hand": (22,),
    "right_hand": (23,),
    "left_shin": (4,),
    "right_shin": (5,),
    "left_thigh": (1,),
    "right_thigh": (2,),
    "left_foot": (7, 10),
    "right_foot": (8, 11),
    "belly": (0, 3),
    "chest": (6, 9),
    "head": (15,),
}
_PAIRS = tuple(
    (_NAMES.index(first), _NAMES.index(second))
    for first, second in (
        *(
            (f"{side}_{limb}", trunk)
            for side in ("left", "right")
            for limb in ("forearm", "hand")
            for trunk in ("belly", "chest", "head", "left_thigh", "right_thigh")
        ),
        ("left_forearm", "right_forearm"),
        ("left_hand", "right_hand"),
        ("left_hand", "right_forearm"),
        ("left_forearm", "right_hand"),
        ("left_shin", "right_shin"),
        ("left_shin", "right_thigh"),
        ("left_thigh", "right_shin"),
        ("left_foot", "right_shin"),
        ("left_shin", "right_foot"),
        ("left_foot", "right_foot"),
    )
)
_FIRST = np.array([pair[0] for pair in _PAIRS])
_SECOND = np.array([pair[1] for pair in _PAIRS])
_STARTS = np.array([_SEGMENTS[name][0] for name in _NAMES])
_ENDS = np.array([_SEGMENTS[name][1] for name in _NAMES])
_STEPS = np.linspace(0.0, 1.0, 6)[:, None]

SOFTNESS = 0.72
"""Capsules may overlap down to this share of the sum of their radii: flesh and clothes give way."""


def capsule_radii(rest_vertices: Floats, rest_joints: Floats, vertex_parts: NDArray[np.integer]) -> Floats:
    """Return the median distance of each segment's own skin from its bone, (13,) in metres."""
    radii = np.empty(len(_NAMES))
    for index, name in enumerate(_NAMES):
        start, end = rest_joints[_STARTS[index]], rest_joints[_ENDS[index]]
        points = rest_vertices[np.isin(vertex_parts, _SEGMENT_PARTS[name])]
        axis = end - start
        along = np.clip((points - start) @ axis / max(float(axis @ axis), 1e-9), 0.0, 1.0)
        radii[index] = np.median(np.linalg.norm(points - start - along[:, None] * axis, axis=1))
    return radii


def penetrates(posed_joints: Floats, radii: Floats) -> bool:
    """Return whether any pair of limb and body capsules overlaps too deeply."""
    points = posed_joints[_STARTS][:, None] + _STEPS * (posed_joints[_ENDS] - posed_joints[_STARTS])[:, None]
    between = points[_FIRST][:, :, None] - points[_SECOND][:, None, :]
    nearest = np.sqrt(np.einsum("pabc,pabc->pab", between, between).reshape(len(_PAIRS), -1).min(axis=1))
    return bool((nearest < SOFTNESS * (radii[_FIRST] + radii[_SECOND])).any())
