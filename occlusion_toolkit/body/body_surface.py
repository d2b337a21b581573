"""The surface that values over vertices are shown on."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64


@dataclass(frozen=True)
class BodySurface:
    """A body in one pose, with the part of each vertex.

    Attributes:
        topology: id of the mesh; values over the vertices of another id must never be combined with it.
        vertices_m: x to the body's left, y up, z to its front, metres, (V, 3).
        faces: corner indices, anticlockwise when seen from outside, (F, 3).
        vertex_parts: index of each vertex's part in `part_names`, (V,).
        part_names: names of the parts.
    """

    topology: str
    vertices_m: Float32[np.ndarray, "vertices 3"]
    faces: Int64[np.ndarray, "faces 3"]
    vertex_parts: Int64[np.ndarray, " vertices"]
    part_names: tuple[str, ...]
