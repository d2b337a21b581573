"""Things that stand outdoors; (x, z) is a place on the ground in metres."""

import numpy as np

from occlusion_toolkit.open_world.furnishing import Place, Turned
from occlusion_toolkit.open_world.scene_mesh import Material, Surface

_IRON = Material(Surface.PAINT, (0.05, 0.05, 0.05))
_TYRE = Material(Surface.PAINT, (0.015, 0.015, 0.015))
_GLASS = Material(Surface.PAINT, (0.03, 0.035, 0.04))


def bricks(place: Place, low: float, high: float, frequency: float) -> Material:
    """Bricks of two muted colours."""
    first, second = place.palette.muted(low, high), place.palette.muted(low, high)
    return Material(Surface.BRICKS, first, second, frequency)


def tree(place: Place, x: float, z: float) -> None:
    """Add a tree."""
    draw = place.draw
    high = draw.uniform(2.5, 8.0)
    thick = 0.05 * high
    bark = Material(Surface.WOOD, place.palette.near(0.08, 0.35, 0.15, 0.4), (0.03, 0.02, 0.015), 2.0)
    place.mesh.cylinder((x, high * 0.3, z), (thick, high * 0.6, thick), bark)
    leaves = place.leaves()
    for _ in range(6):
        size = high * draw.uniform(0.25, 0.5)
        sideways, level = draw.normal(0, 0.12) * high, high * draw.uniform(0.55, 1.0)
        spot = (x + sideways, level, z + draw.normal(0, 0.12) * high)
        place.mesh.ball(spot, (size, 0.8 * size, size), leaves)


def bush(place: Place, x: float, z: float) -> None:
    """Add a bush."""
    draw = place.draw
    leaves = place.leaves()
    for _ in range(3):
        size = draw.uniform(0.5, 1.3)
        spot = (x + draw.normal(0, 0.3), 0.35 * size, z + draw.normal(0, 0.3))
        place.mesh.ball(spot, (size, 0.8 * size, size), leaves)


def car(place: Place, x: float, z: float, yaw: float = 0.0) -> None:
    """Add a parked car."""
    paint = place.paint(0.08, 0.9)
    turned = Turned(place, x, z, yaw)
    turned.box((0.0, 0.55, 0.0), (4.2, 0.55, 1.7), paint)
    turned.box((0.0, 1.05, 0.0), (2.2, 0.5, 1.5), _GLASS)
    turned.box((0.0, 1.32, 0.0), (1.9, 0.06, 1.4), paint)
    for sideways in (-1.3, 1.3):
        for forwards in (-0.8, 0.8):
            turned.ball((sideways, 0.31, forwards), (0.62, 0.62, 0.25), _TYRE)


def bench(place: Place, x: float, z: float, yaw: float = 0.0) -> None:
    """Add a bench."""
    wood = place.wood()
    turned = Turned(place, x, z, yaw)
    turned.box((0.0, 0.45, 0.0), (1.6, 0.06, 0.42), wood)
    turned.box((0.0, 0.75, -0.2), (1.6, 0.3, 0.05), wood)
    for sideways in (-0.7, 0.7):
        turned.box((sideways, 0.22, 0.0), (0.06, 0.44, 0.4), _IRON)


def pole(place: Place, x: float, z: float, high: float) -> None:
    """Add a lamp post, a column or a post with a sign."""
    draw, palette = place.draw, place.palette
    thick = draw.uniform(0.06, 0.16)
    place.mesh.cylinder((x, high / 2, z), (thick, high, thick), place.grey(0.1, 0.7))
    if draw.random() < 0.5:
        sign = Material(Surface.PICTURE, palette.any(), palette.any(0.5, 0.95), 1.0)
        place.mesh.box((x, min(high - 0.3, 2.4), z + thick), (0.6, 0.6, 0.03), sign)


def building(place: Place, x: float, z: float) -> None:
    """Add a house front with windows."""
    draw, palette = place.draw, place.palette
    wide, high = draw.uniform(5, 16), draw.uniform(4, 18)
    wall, panes = palette.muted(0.35, 0.9), palette.near(0.58, 0.3, 0.5, 0.9)
    front = Material(Surface.FACADE, wall, panes, float(draw.uniform(0.3, 0.55)))
    roof = Material(Surface.PAINT, palette.muted(0.2, 0.6))
    place.mesh.box((x, high / 2, z), (wide, high, 6.0), front)
    place.mesh.box((x, high, z), (wide + 0.5, 0.4, 6.5), roof)
    place.mesh.box((x, 0.4, z), (wide + 0.08, 0.8, 6.08), bricks(place, 0.2, 0.6, 5.0))


def fence(place: Place, x: float, z: float, long: float, yaw: float) -> None:
    """Add a low wall, a hedge or a fence."""
    draw = place.draw
    kind, high = draw.random(), draw.uniform(0.7, 1.8)
    turned = Turned(place, x, z, yaw)
    if kind < 0.35:
        turned.box((0.0, high / 2, 0.0), (long, high, 0.2), bricks(place, 0.2, 0.7, 6.0))
    elif kind < 0.65:
        turned.box((0.0, high / 2, 0.0), (long, high, 0.5), place.leaves())
    else:
        material = place.solid()
        for level in (0.3, 0.9):
            turned.box((0.0, level * high, 0.0), (long, 0.08, 0.04), material)
        for step in np.arange(-long / 2, long / 2, 0.35):
            turned.box((float(step), high / 2, 0.0), (0.07, high, 0.05), material)
