"""Boxes, cylinders, blobs and planes with procedural materials, gathered into one vertex array."""

from dataclasses import dataclass
from enum import IntEnum
from functools import partialmethod

import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float]
Point = tuple[float, float, float]
FLOATS_PER_VERTEX = 17


class Surface(IntEnum):
    """Procedural materials, numbered as in scene.frag."""

    PAINT = 0
    PLANKS = 1
    TILES = 2
    STRIPES = 3
    BRICKS = 4
    FACADE = 5
    FOLIAGE = 6
    GRASS = 7
    ASPHALT = 8
    PICTURE = 9
    GLOW = 10
    WOOD = 11
    CLOTH = 12
    SKY = 13
    SLABS = 14


@dataclass(frozen=True)
class Material:
    """A surface kind with two linear colours and a spatial frequency in 1/m."""

    surface: Surface
    colour: Colour
    second: Colour = (0.1, 0.1, 0.1)
    frequency: float = 1.0


_CORNERS = np.array(
    [[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)], dtype=np.float64
)
_BOX_FACES = (
    ((0, 1, 3, 2), (-1, 0, 0)),
    ((4, 6, 7, 5), (1, 0, 0)),
    ((0, 4, 5, 1), (0, -1, 0)),
    ((2, 3, 7, 6), (0, 1, 0)),
    ((0, 2, 6, 4), (0, 0, -1)),
    ((1, 5, 7, 3), (0, 0, 1)),
)


def _box_triangles() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    points, normals = [], []
    for corners, normal in _BOX_FACES:
        for index in (0, 1, 2, 0, 2, 3):
            points.append(_CORNERS[corners[index]])
            normals.append(normal)
    return np.array(points), np.array(normals, dtype=np.float64)


def _revolved_triangles(
    profile: NDArray[np.float64], segments: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Revolve (radius, height) points about y; normals are those of the profile."""
    angles = np.linspace(0.0, 2.0 * np.pi, segments + 1)
    tangents = np.gradient(profile, axis=0)
    outward = np.stack([tangents[:, 1], -tangents[:, 0]], axis=1)
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-9)
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = np.stack(
        [
            profile[:, None, 0] * around[None, :, 0],
            np.repeat(profile[:, None, 1], segments + 1, axis=1),
            profile[:, None, 0] * around[None, :, 1],
        ],
        axis=-1,
    )
    normals = np.stack(
        [
            outward[:, None, 0] * around[None, :, 0],
            np.repeat(outward[:, None, 1], segments + 1, axis=1),
            outward[:, None, 0] * around[None, :, 1],
        ],
        axis=-1,
    )
    rows, columns = np.meshgrid(np.arange(len(profile) - 1), np.arange(segments), indexing="ij")
    quads = [(rows, columns), (rows + 1, columns), (rows + 1, columns + 1), (rows, columns + 1)]

    def triangles(grid: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([grid[quads[k]] for k in (0, 1, 2, 0, 2, 3)], axis=2).reshape(-1, 3)

    return triangles(points), triangles(normals)


_BOX = _box_triangles()
_CYLINDER = _revolved_triangles(np.array([[0.0, -0.5], [0.5, -0.5], [0.5, 0.5], [0.0, 0.5]]), 10)
_BALL_ANGLES = np.linspace(-np.pi / 2, np.pi / 2, 7)
_BALL = _revolved_triangles(0.5 * np.stack([np.cos(_BALL_ANGLES), np.sin(_BALL_ANGLES)], axis=1), 10)


class SceneMesh:
    """Collects primitives; those added with `casts=True` throw sun shadows."""

    def __init__(self) -> None:
        self._casting: list[NDArray[np.float32]] = []
        self._plain: list[NDArray[np.float32]] = []

    def _add(
        self,
        shape: tuple[NDArray[np.float64], NDArray[np.float64]],
        centre: Point,
        size: Point,
        material: Material,
        *,
        yaw: float = 0.0,
        casts: bool = True,
    ) -> None:
        """Add a shape of the given full size in metres, turned about y."""
        points, normals = shape
        local = points * size
        turned_normals = normals / np.maximum(np.abs(size), 1e-6)
        turned_normals = turned_normals / np.maximum(
            np.linalg.norm(turned_normals, axis=1, keepdims=True), 1e-9
        )
        cosine, sine = np.cos(yaw), np.sin(yaw)
        turn = np.array([[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]])
        block = np.empty((len(points), FLOATS_PER_VERTEX), dtype=np.float32)
        block[:, 0:3] = local @ turn.T + np.asarray(centre)
        block[:, 3:6] = turned_normals @ turn.T
        block[:, 6:9] = local
        block[:, 9] = float(material.surface)
        block[:, 10:13] = material.colour
        block[:, 13:16] = material.second
        block[:, 16] = material.frequency
        (self._casting if casts else self._plain).append(block)

    box, cylinder, ball = (
        partialmethod(_add, _BOX),
        partialmethod(_add, _CYLINDER),
        partialmethod(_add, _BALL),
    )

    def vertices(self) -> tuple[NDArray[np.float32], int]:
        """Return the vertex array (N, 17), shadow casters first, and how many vertices cast."""
        casting = sum(len(block) for block in self._casting)
        blocks = [*self._casting, *self._plain]
        if not blocks:
            return np.zeros((0, FLOATS_PER_VERTEX), dtype=np.float32), 0
        return np.concatenate(blocks), casting
