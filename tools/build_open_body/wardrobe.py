"""Clothes and hair from MakeHuman's helper meshes, in the body's own pose, shape and joints."""

from dataclasses import dataclass

import numpy as np
from geometry import Array, Ids
from skinning import smoothed_weights, transferred_weights
from source import MakeHuman

GARMENTS = {"tights": "helper-tights", "skirt": "helper-skirt", "hair": "helper-hair"}
EYES = {"left_eye": "helper-l-eye", "right_eye": "helper-r-eye"}
_HEAD = 15


@dataclass(frozen=True)
class Layout:
    """Which base-mesh vertices a helper mesh has, its triangles on them and its mirror table."""

    name: str
    base_vertex: Ids
    faces: Ids
    mirror: Ids


def layouts(source: MakeHuman) -> list[Layout]:
    """The garments and eyeballs; the mirror of the left eyeball is the right one."""
    result = []
    for name, helper in {**GARMENTS, **EYES}.items():
        triangles = source.helper_faces(helper)
        base_vertex = np.unique(triangles)
        position = np.full(len(source.mirror), -1)
        position[base_vertex] = np.arange(len(base_vertex))
        result.append(Layout(name, base_vertex, position[triangles], position[source.mirror[base_vertex]]))
    return result


def garment_weights(layout: Layout, points: Array, body: Array, body_weights: Array) -> Array:
    """Skinning weights (n, 24) of one helper mesh.

    Garments take the weights of the skin beneath them, so that they move with it; the skirt's are
    smoothed over its own mesh, which spans the gap between the legs. Hair and eyes are rigid with
    the head.
    """
    if layout.name in GARMENTS and layout.name != "hair":
        weights = transferred_weights(points, body, body_weights)
        if layout.name == "skirt":
            weights = smoothed_weights(weights, points, layout.faces, layout.mirror)
        return weights
    rigid = np.zeros((len(points), 24))
    rigid[:, _HEAD] = 1
    return rigid
