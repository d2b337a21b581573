"""People as sticks, for networks that know no body: a thin prism for every bone, drawn like a body."""

import math
from typing import Final

import numpy as np
from jaxtyping import Float, Float32, Int64

from occlusion_toolkit.body.camera import fitted_camera
from occlusion_toolkit.body.joints import JointSet
from occlusion_toolkit.plotting.posed import PosedBody, Surface

_LIMBS = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
_TRUNK = (
    ("left_shoulder", "right_shoulder"),
    ("left_hip", "right_hip"),
    ("neck", "head_top"),
    ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"),
)

BONES: Final = (*_TRUNK, *((f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in _LIMBS))
"""Pairs of joints that a stick joins, by name; a joint set has sticks for those it holds."""

_RADIUS_M = 0.025
_SIDES = 8


def bones_of(joints: JointSet) -> list[tuple[int, int]]:
    """The sticks of a joint set, as positions of their ends."""
    return [
        (joints.index(one), joints.index(other))
        for one, other in BONES
        if one in joints.joint_names and other in joints.joint_names
    ]


def stick_side(joints: JointSet, bone: tuple[int, int]) -> int:
    """1 for sticks of left limbs, -1 for those of right ones, 0 for head and trunk."""
    ends = tuple(joints.joint_names[end] for end in bone)
    return 0 if ends in _TRUNK else 1 if ends[0].startswith("left_") else -1


def stick_surface(joints: JointSet) -> Surface:
    """What all stick figures of a joint set have in common."""
    ring = np.arange(_SIDES)
    after = (ring + 1) % _SIDES
    low, high = 2 * _SIDES, 2 * _SIDES + 1  # middles of the two ends
    tube = np.concatenate(
        [
            np.column_stack([ring, after, ring + _SIDES]),
            np.column_stack([after, after + _SIDES, ring + _SIDES]),
            np.column_stack([after, ring, np.full(_SIDES, low)]),
            np.column_stack([ring + _SIDES, after + _SIDES, np.full(_SIDES, high)]),
        ]
    )
    bones = bones_of(joints)
    faces: Int64[np.ndarray, "faces 3"] = np.concatenate([tube + (high + 1) * k for k in range(len(bones))])
    sides = [stick_side(joints, bone) for bone in bones]
    return Surface(faces, np.repeat(np.array(sides, dtype=np.int64), high + 1))


def stick_body(
    joints_m: Float[np.ndarray, "joints 3"],
    joints_px: Float[np.ndarray, "joints 2"],
    joints: JointSet,
    resolution: int,
    mean_mm: float | None = None,
) -> PosedBody:
    """One estimate as sticks that stand where its joints are seen, and as deep as they are.

    The camera is the one that puts the joints closest to there; what is left is taken up by x and y.

    Args:
        joints_m: along the camera's axes, metres, (J, 3).
        joints_px: where they are seen, pixels of the crop, (J, 2).
        joints: which joints they are.
        resolution: side of the crop, pixels.
        mean_mm: the mean over the joints of what the maps show; None where it says nothing.
    """
    seen = 2 * joints_px / resolution - 1
    camera = fitted_camera(joints_m[:, :2], seen)
    ends = np.column_stack([seen / camera[0] - camera[1:], joints_m[:, 2]])
    sticks = [_stick(ends[one], ends[other]) for one, other in bones_of(joints)]
    return PosedBody(np.concatenate(sticks), camera, mean_mm)


def _stick(start: Float[np.ndarray, " 3"], end: Float[np.ndarray, " 3"]) -> Float32[np.ndarray, "vertices 3"]:
    """Vertices of a prism along a bone: both rings, then both middles."""
    along = (end - start) / max(float(np.linalg.norm(end - start)), 1e-6)
    across = np.cross(along, np.eye(3)[np.abs(along).argmin()])
    across /= max(float(np.linalg.norm(across)), 1e-6)
    angles = np.arange(_SIDES) * (2 * math.pi / _SIDES)
    ring = _RADIUS_M * (np.cos(angles)[:, None] * across + np.sin(angles)[:, None] * np.cross(along, across))
    return np.concatenate([start + ring, end + ring, start[None], end[None]]).astype(np.float32)
