"""Named vertices: the 21 that smplx adds to the joints, and a few for painting faces."""

import numpy as np
from geometry import Array, Ids
from skinning import joint_of_bone
from source import MakeHuman
from surface import OuterSurface

_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_HEAD, _ANKLE, _WRIST = 15, 7, 20


def smplx_vertex_ids(
    source: MakeHuman, surface: OuterSurface, base_vertex: Ids, template: Array, joints: Array, mirror: Ids
) -> dict[str, int]:
    """The vertices smplx's selector wants by name: face, toes, heels and finger tips.

    Found on the left side by direction (the tip is the farthest vertex of its last bone) and
    mirrored to the right.
    """
    bone_weights = source.bone_weights(base_vertex)
    joint_of = np.array([joint_of_bone(label) for label in source.bone_labels])
    owner = joint_of[bone_weights.argmax(axis=1)]

    def farthest(mask: Ids, direction: tuple[float, float, float]) -> int:
        inside = np.flatnonzero(mask)
        return int(inside[(template[inside] @ np.array(direction)).argmax()])

    def moved_by(label: str) -> Ids:
        return bone_weights[:, source.bone(label)] > 0.5

    head = owner == _HEAD
    left_eye = int(np.flatnonzero(base_vertex == surface.eye_apexes[0])[0])
    at_eye_height = np.abs(template[:, 1] - template[left_eye, 1]) < 0.06
    left = {
        "leye": left_eye,
        "lear": farthest(head & at_eye_height & (template[:, 0] > 0), (1.0, 0.0, -0.1)),
        "LBigToe": farthest(moved_by("toe1-2.L"), (0.0, 0.0, 1.0)),
        "LSmallToe": farthest(moved_by("toe5-3.L"), (0.5, 0.0, 1.0)),
        "LHeel": farthest(owner == _ANKLE, (0.0, -0.45, -1.0)),
    }
    for number, finger in enumerate(_FINGERS, start=1):
        tip = moved_by(f"finger{number}-3.L")
        direction = template[tip].mean(axis=0) - joints[_WRIST]
        left[f"l{finger}"] = farthest(tip, tuple(direction))
    ids = {"nose": farthest(head & (mirror == np.arange(len(mirror))), (0.0, -0.15, 1.0))}
    for name, vertex in left.items():
        other_side = {"l": "r", "L": "R"}[name[0]] + name[1:]
        ids[name], ids[other_side] = vertex, int(mirror[vertex])
    return ids


def one_ring(faces: Ids, vertex: int) -> Ids:
    """A vertex and its neighbours."""
    return np.unique(faces[(faces == vertex).any(axis=1)])


def mouth_corners(surface: OuterSurface, base_vertex: Ids, template: Array) -> dict[str, int]:
    """The two ends of the seam between the lips, as far as the decimation left it."""
    seam = np.flatnonzero(np.isin(base_vertex, surface.mouth))
    x = template[seam, 0]
    return {"left_mouth_corner": int(seam[x.argmax()]), "right_mouth_corner": int(seam[x.argmin()])}
