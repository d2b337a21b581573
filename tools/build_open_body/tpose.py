"""MakeHuman's A-like rest pose brought to SMPL's T-pose by turning bones."""

import numpy as np
from geometry import Array
from source import MakeHuman, RestShapes

_CLAVICLE_DEGREES = 10.0
_SCAPULA_DEGREES = 8.0
_LEG_ABDUCTION_DEGREES = 1.5


def to_tpose(source: MakeHuman, shapes: RestShapes, bone_weights: Array) -> tuple[Array, Array]:
    """Vertices (N, n, 3) and bone heads (N, bones, 3) in the T-pose.

    Clavicle and scapula are raised by fixed angles, arm segments are laid along the x axis (palms
    down), legs are brought to 1.5 degrees of abduction, feet and trunk keep their orientation.
    """
    turns = _bone_rotations(source, shapes.heads)
    heads = _pose_heads(source.bone_parents, shapes.heads, turns)
    offsets = heads - np.einsum("njab,njb->nja", turns, shapes.heads)
    transforms = np.concatenate([turns.reshape(*turns.shape[:2], 9), offsets], axis=-1)
    posed = np.empty_like(shapes.vertices)
    for person, vertices in enumerate(shapes.vertices):
        blended = bone_weights @ transforms[person]
        posed[person] = np.einsum("vab,vb->va", blended[:, :9].reshape(-1, 3, 3), vertices) + blended[:, 9:]
    return posed, heads


def _bone_rotations(source: MakeHuman, heads: Array) -> Array:
    """World rotation of every bone from the rest pose to the T-pose, (N, bones, 3, 3)."""
    count = len(heads)
    own: dict[str, Array] = {}
    for side, sign in (("L", 1.0), ("R", -1.0)):
        own |= _arm_rotations(source, heads, side, sign) | _leg_rotations(source, heads, side, sign)
    identity = np.tile(np.eye(3), (count, 1, 1))
    turns = np.empty((count, len(source.bone_labels), 3, 3))
    for bone, label in enumerate(source.bone_labels):
        parent = source.bone_parents[bone]
        inherited = turns[:, parent] if parent >= 0 else identity
        turns[:, bone] = own.get(label, inherited)
    return turns


def _arm_rotations(source: MakeHuman, heads: Array, side: str, sign: float) -> dict[str, Array]:
    def head(bone: str) -> Array:
        return heads[:, source.bone(f"{bone}.{side}")]

    outwards = np.tile([sign, 0.0, 0.0], (len(heads), 1))
    upper = _turn_onto(head("lowerarm01") - head("upperarm01"), outwards)
    lower = _turn_onto(_apply(upper, head("wrist") - head("lowerarm01")), outwards) @ upper
    hand = _turn_onto(_apply(lower, head("finger3-1") - head("wrist")), outwards) @ lower
    clavicle = _about_z(np.radians(_CLAVICLE_DEGREES) * sign)
    shoulder = _about_z(np.radians(_CLAVICLE_DEGREES + _SCAPULA_DEGREES) * sign)
    turns = {
        "clavicle": np.tile(clavicle, (len(heads), 1, 1)),
        "shoulder01": np.tile(shoulder, (len(heads), 1, 1)),
        "upperarm01": upper,
        "upperarm02": upper,
        "lowerarm01": lower,
        "lowerarm02": lower,
        "wrist": hand,
    }
    return {f"{bone}.{side}": turn for bone, turn in turns.items()}


def _leg_rotations(source: MakeHuman, heads: Array, side: str, sign: float) -> dict[str, Array]:
    """The leg swings in the frontal plane only; the foot stays level."""
    leg = heads[:, source.bone(f"foot.{side}")] - heads[:, source.bone(f"upperleg01.{side}")]
    leg = leg * [1.0, 1.0, 0.0]
    angle = np.radians(_LEG_ABDUCTION_DEGREES)
    target = np.tile([sign * np.sin(angle), -np.cos(angle), 0.0], (len(heads), 1))
    swing = _turn_onto(leg, target)
    turns = {f"{bone}.{side}": swing for bone in ("upperleg01", "upperleg02", "lowerleg01", "lowerleg02")}
    return turns | {f"foot.{side}": np.tile(np.eye(3), (len(heads), 1, 1))}


def _pose_heads(parents: list[int], heads: Array, turns: Array) -> Array:
    posed = np.zeros_like(heads)
    for bone, parent in enumerate(parents):
        if parent < 0:
            posed[:, bone] = heads[:, bone]
        else:
            posed[:, bone] = posed[:, parent] + _apply(turns[:, parent], heads[:, bone] - heads[:, parent])
    return posed


def _apply(turns: Array, vectors: Array) -> Array:
    return np.einsum("nij,nj->ni", turns, vectors)


def _turn_onto(source_direction: Array, target_direction: Array) -> Array:
    """Smallest rotation that takes one direction to another, batched (N, 3) -> (N, 3, 3)."""
    a = source_direction / np.linalg.norm(source_direction, axis=-1, keepdims=True)
    b = target_direction / np.linalg.norm(target_direction, axis=-1, keepdims=True)
    axis, cosine = np.cross(a, b), (a * b).sum(-1)
    cross = np.zeros((*a.shape[:-1], 3, 3))
    cross[..., 0, 1], cross[..., 0, 2], cross[..., 1, 2] = -axis[..., 2], axis[..., 1], -axis[..., 0]
    cross -= np.swapaxes(cross, -1, -2)
    return np.eye(3) + cross + (cross @ cross) / (1 + cosine)[..., None, None]


def _about_z(angle: float) -> Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
