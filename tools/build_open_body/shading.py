"""Ambient occlusion per vertex: how much of the sky a point of the skin sees."""

import numpy as np
from geometry import Array, Ids, vertex_normals

_LIFT = 0.004  # m along the normal, so that a vertex does not hide itself
_REACH = 0.6  # m; farther surfaces do not darken


def ambient_occlusion(vertices: Array, faces: Ids, directions: int = 96, resolution: int = 512) -> Array:
    """Cosine-weighted share (V,) of the hemisphere above each vertex that no near surface covers.

    Depth maps of the body are drawn from directions spread evenly over the sphere; a vertex sees
    a direction if nothing lies between it and the camera there.
    """
    normals = vertex_normals(vertices, faces)
    origin = vertices + _LIFT * normals
    seen, total = np.zeros(len(vertices)), np.zeros(len(vertices))
    for direction in _sphere(directions):
        cosine = np.clip(normals @ direction, 0, None)
        view = _looking_along(direction)
        hidden = _hidden(vertices @ view.T, origin @ view.T, faces, resolution)
        seen += cosine * ~hidden
        total += cosine
    return seen / np.maximum(total, 1e-9)


def _sphere(count: int) -> Array:
    """Fibonacci points on the unit sphere."""
    k = np.arange(count) + 0.5
    height, turn = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(turn), height, radius * np.sin(turn)], axis=1)


def _looking_along(direction: Array) -> Array:
    """Rotation whose third row is the direction, so that larger z is nearer to the sky."""
    helper = np.array([1.0, 0, 0]) if abs(direction[0]) < 0.9 else np.array([0, 1.0, 0])
    right = np.cross(helper, direction)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(direction, right), direction])


def _hidden(vertices: Array, queries: Array, faces: Ids, resolution: int) -> np.ndarray:
    low, high = vertices[:, :2].min(axis=0), vertices[:, :2].max(axis=0)
    scale = (resolution - 1) / (high - low).max()
    nearest = _depth_map((vertices[:, :2] - low) * scale, vertices[:, 2], faces, resolution)
    x, y = np.clip(np.round((queries[:, :2] - low) * scale).astype(int), 0, resolution - 1).T
    gap = nearest[y, x] - queries[:, 2]
    return (gap > _LIFT) & (gap < _REACH)


def _depth_map(pixels: Array, depth: Array, faces: Ids, resolution: int) -> Array:
    """Largest depth per pixel of all triangles, vectorised over the pixels of their boxes."""
    p, z = pixels[faces], depth[faces]
    low = np.ceil(p.min(axis=1)).astype(int)
    size = np.maximum(np.floor(p.max(axis=1)).astype(int) - low + 1, 0)
    per_face = size.prod(axis=1)
    face = np.repeat(np.arange(len(faces)), per_face)
    index = np.arange(per_face.sum()) - np.repeat(np.cumsum(per_face) - per_face, per_face)
    width = np.maximum(size[face, 0], 1)
    x, y = low[face, 0] + index % width, low[face, 1] + index // width
    (x0, y0), (x1, y1), (x2, y2) = (p[face, i].T for i in range(3))
    doubled = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    with np.errstate(divide="ignore", invalid="ignore"):
        u = ((x1 - x) * (y2 - y) - (x2 - x) * (y1 - y)) / doubled
        v = ((x2 - x) * (y0 - y) - (x0 - x) * (y2 - y)) / doubled
    inside = (u >= 0) & (v >= 0) & (u + v <= 1)
    value = u * z[face, 0] + v * z[face, 1] + (1 - u - v) * z[face, 2]
    nearest = np.full((resolution, resolution), -np.inf)
    np.maximum.at(nearest, (y[inside], x[inside]), value[inside])
    return nearest
