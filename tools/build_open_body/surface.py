"""The closed outer surface of the base mesh: no cavities, mouth and eyes shut."""

from dataclasses import dataclass

import numpy as np
from geometry import Array, Ids
from source import MakeHuman

_INNER_REGIONS = (
    "eye_cavity.L", "eye_cavity.R", "mouth_cavity",
    "eye_front.L", "eye_back.L", "eye_front.R", "eye_back.R",
)  # fmt: skip


@dataclass(frozen=True)
class OuterSurface:
    """A watertight genus-0 surface on base-mesh vertex ids.

    Attributes:
        triangles: (F, 3), counter-clockwise seen from outside.
        mirror: (19158,) involution that maps the surface to itself.
        eye_apexes: cornea vertex of the left and of the right eye.
        mouth: ids of the mouth seam, where the lips meet.
    """

    triangles: Ids
    mirror: Ids
    eye_apexes: tuple[int, int]
    mouth: Ids


def outer_surface(source: MakeHuman) -> OuterSurface:
    """Drops the inside faces, then shuts each eye with a fan and the mouth with a zip."""
    points = source.template
    inside = np.zeros(len(source.quads), dtype=bool)
    for label in _INNER_REGIONS:
        inside |= source.region(label)
    quads = source.quads[~inside]
    apexes = (_cornea(source, "eye_front.L"), _cornea(source, "eye_front.R"))
    mirror = source.mirror.copy()
    mirror[list(apexes)] = apexes[::-1]  # MakeHuman's table pairs other vertices of the eyeballs

    patches = [_split_quads(quads, points)]
    mouth: list[int] = []
    for loop in _boundary_loops(quads):
        hole = loop[::-1]  # a filling face runs against the boundary edge
        centre_x = points[loop][:, 0].mean()
        if abs(centre_x) > 0.01:
            apex = apexes[0] if centre_x > 0 else apexes[1]
            following = [*hole[1:], hole[0]]
            patches.append(np.array([(a, b, apex) for a, b in zip(hole, following, strict=True)]))
        else:
            mouth += hole
            patches.append(_zip_midline_hole(hole, points, mirror))
    return OuterSurface(np.concatenate(patches), mirror, apexes, np.array(mouth))


def _cornea(source: MakeHuman, region: str) -> int:
    vertices = np.unique(source.quads[source.region(region)])
    return int(vertices[source.template[vertices, 2].argmax()])


def _split_quads(quads: Ids, points: Array) -> Ids:
    """Cuts every quad along its shorter diagonal."""
    a, b, c, d = quads.T
    along_ac = np.linalg.norm(points[a] - points[c], axis=1) <= np.linalg.norm(points[b] - points[d], axis=1)
    ac, bd = quads[along_ac], quads[~along_ac]
    return np.concatenate([ac[:, [0, 1, 2]], ac[:, [0, 2, 3]], bd[:, [0, 1, 3]], bd[:, [1, 2, 3]]])


def _boundary_loops(faces: Ids) -> list[list[int]]:
    """Closed chains of edges that belong to one face only, in the direction of that face."""
    edges = {(int(f[i]), int(f[(i + 1) % len(f)])) for f in faces for i in range(len(f))}
    following = dict(sorted((a, b) for a, b in edges if (b, a) not in edges))
    loops = []
    while following:
        start = next(iter(following))
        loop, current = [start], following.pop(start)
        while current != start:
            loop.append(current)
            current = following.pop(current)
        loops.append(loop)
    return loops


def _zip_midline_hole(hole: list[int], points: Array, mirror: Ids) -> Ids:
    """Fills a hole that straddles the mirror plane, each side from corner to midline."""
    first, second = (v for v in hole if mirror[v] == v)
    start = hole.index(first)
    hole = hole[start:] + hole[:start]
    middle = hole.index(second)
    triangles = []
    for side in (hole[: middle + 1], [*hole[middle:], hole[0]]):
        i, j = 0, len(side) - 1
        while j - i > 1:
            forward = np.linalg.norm(points[side[i + 1]] - points[side[j]])
            backward = np.linalg.norm(points[side[i]] - points[side[j - 1]])
            if forward <= backward:
                triangles.append((side[i], side[i + 1], side[j]))
                i += 1
            else:
                triangles.append((side[i], side[j - 1], side[j]))
                j -= 1
    return np.array(triangles)
