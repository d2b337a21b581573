"""Rooms around the origin, open towards the camera at +z."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from occlusion_toolkit.open_world import furniture
from occlusion_toolkit.open_world.furnishing import Place
from occlusion_toolkit.open_world.palette import dimmed
from occlusion_toolkit.open_world.scene_mesh import Material, Surface
from occlusion_toolkit.open_world.street_furniture import bench, bricks, pole

Maker = Callable[[Place, float, float, float], None]
_TOWARDS_CAMERA_M = 14.0


@dataclass(frozen=True)
class _Room:
    """Half width, distance of the back wall behind the person and height, in metres."""

    half_width: float
    back: float
    height: float


def _floor_material(place: Place) -> Material:
    draw, palette = place.draw, place.palette
    kind = draw.random()
    if kind < 0.45:
        first = palette.wood()
        return Material(Surface.PLANKS, first, dimmed(first, 0.75), float(draw.uniform(5, 11)))
    if kind < 0.75:
        first = palette.muted(0.35, 0.85)
        second = palette.muted(0.25, 0.85) if draw.random() < 0.4 else dimmed(first, 0.95)
        return Material(Surface.TILES, first, second, float(draw.uniform(1.6, 4.0)))
    return Material(Surface.ASPHALT, palette.muted(0.3, 0.8))


def _wall_material(place: Place) -> tuple[Material, Material]:
    """Return the materials of the back wall and of the side walls."""
    draw, palette = place.draw, place.palette
    paint = palette.muted(0.5, 0.95)
    plain = accent = Material(Surface.PAINT, paint)
    kind = draw.random()
    if kind < 0.15:
        accent = bricks(place, 0.3, 0.8, 9.0)
    elif kind < 0.3:
        second = palette.muted(0.5, 0.95)
        accent = Material(Surface.STRIPES, paint, second, float(draw.uniform(2, 8)))
    elif kind < 0.4:
        accent = Material(Surface.PLANKS, palette.wood(), palette.wood(), 6.0)
    return accent, plain


def _floor(place: Place, material: Material) -> None:
    place.mesh.box((0.0, -0.05, 0.0), (60.0, 0.1, 60.0), material, casts=False)


def _shell(place: Place) -> _Room:
    """Build floor, walls, ceiling and skirting board."""
    draw, mesh = place.draw, place.mesh
    half, back, high = (float(draw.uniform(*span)) for span in ((2.2, 4.5), (1.3, 4.5), (2.4, 3.2)))
    _floor(place, _floor_material(place))
    accent, plain = _wall_material(place)
    long, middle = back + _TOWARDS_CAMERA_M, (_TOWARDS_CAMERA_M - back) / 2
    mesh.box((0.0, high / 2, -back - 0.05), (2 * half + 0.2, high, 0.1), accent, casts=False)
    for side in (-1.0, 1.0):
        mesh.box((side * (half + 0.05), high / 2, middle), (0.1, high, long), plain, casts=False)
    mesh.box((0.0, high + 0.05, middle), (2 * half + 0.2, 0.1, long), place.grey(0.75, 0.98), casts=False)
    mesh.box((0.0, 0.05, -back + 0.01), (2 * half, 0.1, 0.03), place.grey(0.3, 0.95), casts=False)
    return _Room(half, back, high)


def _hang(place: Place, room: _Room, count: int) -> None:
    """Put windows, pictures and doors on the walls."""
    draw = place.draw
    makers: tuple[Maker, ...] = (furniture.wall_window, furniture.wall_picture, furniture.wall_door)
    for slot in np.linspace(-0.8, 0.8, count):
        x = float(slot) * room.half_width + draw.normal(0, 0.1)
        makers[int(draw.choice(3, p=[0.4, 0.4, 0.2]))](place, x, -room.back + 0.02, 0.0)
    for side in (-1.0, 1.0):
        if draw.random() < 0.7:
            maker = makers[int(draw.integers(2))]
            z = draw.uniform(-0.8 * room.back, 1.0)
            maker(place, side * (room.half_width - 0.02), z, -side * np.pi / 2)


def _along_walls(place: Place, room: _Room, makers: tuple[Maker, ...], count: int) -> None:
    draw = place.draw
    for _ in range(count):
        maker = makers[int(draw.integers(len(makers)))]
        if draw.random() < 0.5 and room.back > 1.6:
            maker(place, draw.uniform(-0.85, 0.85) * room.half_width, -room.back + 0.4, 0.0)
        else:
            side = place.sign()
            z = draw.uniform(-room.back + 0.5, 1.5)
            maker(place, side * (room.half_width - 0.4), z, -side * np.pi / 2)


def living_room(place: Place) -> None:
    """Sofas, shelves, a rug, plants and lamps."""
    room, draw = _shell(place), place.draw
    _hang(place, room, int(draw.integers(1, 4)))
    if draw.random() < 0.5:
        rug = place.cloth()
        centre = (draw.normal(0, 0.4), 0.004, draw.normal(-0.3, 0.4))
        place.mesh.box(centre, (draw.uniform(1.5, 3), 0.008, draw.uniform(1.2, 2.4)), rug, casts=False)
    makers = (furniture.sofa, furniture.shelf, furniture.cabinet, furniture.chair, furniture.table)
    _along_walls(place, room, makers, int(draw.integers(3, 7)))
    corner = room.half_width - 0.35
    if draw.random() < 0.6:
        furniture.plant(place, corner, -room.back + 0.4)
    if draw.random() < 0.6:
        furniture.floor_lamp(place, -corner, -room.back + 0.4)


def office(place: Place) -> None:
    """Desks, chairs, cupboards and ceiling lights."""
    room, draw = _shell(place), place.draw
    _hang(place, room, int(draw.integers(1, 3)))
    for _ in range(int(draw.integers(2, 5))):
        side = place.sign()
        x = side * draw.uniform(1.2, max(1.3, room.half_width - 0.6))
        z = draw.uniform(-room.back + 0.6, 0.6)
        furniture.table(place, x, z, 0.0 if draw.random() < 0.5 else np.pi / 2)
        beside = z - 0.6 if draw.random() < 0.5 else z + 0.6
        furniture.chair(place, x, beside, draw.uniform(-3, 3))
    _along_walls(place, room, (furniture.shelf, furniture.cabinet), int(draw.integers(1, 4)))
    light = Material(Surface.GLOW, (1.4, 1.4, 1.4), (1.4, 1.4, 1.4), 1.0)
    for x in (-1.2, 1.2):
        place.mesh.box((x, room.height - 0.01, -0.5), (0.25, 0.03, 1.3), light, casts=False)


def kitchen(place: Place) -> None:
    """A counter with cupboards and splashback, pots, a fridge, perhaps a table."""
    room, draw = _shell(place), place.draw
    palette, mesh = place.palette, place.mesh
    first = palette.muted(0.4, 0.95)
    front = Material(Surface.TILES, first, first, float(draw.uniform(1.4, 2.2)))
    top = place.solid()
    span, back = 2 * room.half_width, -room.back
    mesh.box((0.0, 0.43, back + 0.3), (span, 0.86, 0.6), front)
    mesh.box((0.0, 0.88, back + 0.31), (span, 0.04, 0.64), top)
    mesh.box((draw.uniform(-0.5, 0.5), 1.75, back + 0.18), (span * 0.6, 0.7, 0.35), front)
    splash = Material(Surface.TILES, palette.any(0.4, 0.95), palette.any(0.4, 0.95), 9.0)
    mesh.box((0.0, 1.15, back + 0.01), (span, 0.5, 0.02), splash, casts=False)
    for _ in range(6):
        size = draw.uniform(0.1, 0.35)
        spot = (draw.uniform(-0.9, 0.9) * room.half_width, 0.9 + size / 2, back + 0.3)
        mesh.cylinder(spot, (0.6 * size, size, 0.6 * size), place.paint())
    mesh.box((room.half_width - 0.35, 0.95, back + 1.1), (0.7, 1.9, 0.7), place.grey(0.5, 0.95))
    if draw.random() < 0.7:
        furniture.table(place, -room.half_width + 0.8, draw.uniform(-0.6, 0.4), np.pi / 2)
    _hang(place, room, 1)


def hall(place: Place) -> None:
    """A gallery or station hall with columns."""
    room, draw = _shell(place), place.draw
    column = place.grey(0.4, 0.95)
    for z in np.arange(-room.back + 0.4, 3.0, draw.uniform(1.4, 2.4)):
        for side in (-1.0, 1.0):
            spot = (side * (room.half_width - 0.4), room.height / 2, float(z))
            place.mesh.cylinder(spot, (0.35, room.height, 0.35), column)
    for slot in np.linspace(-0.7, 0.7, int(draw.integers(2, 5))):
        furniture.wall_picture(place, float(slot) * room.half_width, -room.back + 0.02)
    if draw.random() < 0.6:
        bench(place, draw.uniform(-1.5, 1.5), -room.back + 0.5)
    furniture.plant(place, -room.half_width + 0.9, -room.back + 0.5)


def studio(place: Place) -> None:
    """A plain backdrop, as in a laboratory or a photographer's studio."""
    draw = place.draw
    paint = place.palette.any(0.2, 0.95)
    back = draw.uniform(0.9, 3.0)
    _floor(place, Material(Surface.ASPHALT, paint) if draw.random() < 0.5 else _floor_material(place))
    place.mesh.box((0.0, 3.0, -back), (40.0, 6.0, 0.1), Material(Surface.PAINT, paint), casts=False)
    for _ in range(int(draw.integers(0, 4))):
        side = place.sign()
        x, z = side * draw.uniform(0.9, 2.5), -draw.uniform(0.2, back - 0.1)
        pole(place, x, z, draw.uniform(1.2, 2.6))
