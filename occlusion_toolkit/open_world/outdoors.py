"""Outdoor places around the origin under a sky; the builders return the colour of the horizon."""

import numpy as np

from occlusion_toolkit.open_world import street_furniture as street_things
from occlusion_toolkit.open_world.furnishing import Place
from occlusion_toolkit.open_world.palette import dimmed
from occlusion_toolkit.open_world.scene_mesh import Colour, Material, Surface

_WIDE = 160.0
_LANE = Material(Surface.PAINT, (0.7, 0.7, 0.66))


def _ground(place: Place, material: Material) -> None:
    place.mesh.box((0.0, -0.05, 0.0), (_WIDE, 0.1, _WIDE), material, casts=False)


def _sky(place: Place) -> Colour:
    """Add a sky dome and distant hills; one sky in five is an evening's."""
    draw, palette = place.draw, place.palette
    zenith = palette.near(0.6, 0.5, 0.5, 0.85)
    horizon = palette.near(0.58, 0.15, 0.75, 0.97)
    if draw.random() < 0.2:
        horizon = palette.near(0.07, 0.4, 0.8, 0.98)
    dome = Material(Surface.SKY, zenith, horizon)
    place.mesh.ball((0.0, 0.0, 0.0), (180.0, 180.0, 180.0), dome, casts=False)
    for _ in range(int(draw.integers(0, 4))):
        surface = Surface.FOLIAGE if draw.random() < 0.5 else Surface.GRASS
        hill = Material(surface, palette.leaf(), palette.leaf())
        centre = (draw.uniform(-60, 60), -2.0, -draw.uniform(45, 75))
        place.mesh.ball(centre, (draw.uniform(30, 70), draw.uniform(8, 26), 20.0), hill, casts=False)
    return horizon


def street(place: Place) -> Colour:
    """A pavement, a road with parked cars, house fronts, trees and posts."""
    draw, palette, mesh = place.draw, place.palette, place.mesh
    horizon = _sky(place)
    paving = palette.grey(0.35, 0.75)
    tiles = Material(Surface.TILES, paving, dimmed(paving, 0.9), float(draw.uniform(1.0, 2.5)))
    _ground(place, tiles if draw.random() < 0.6 else Material(Surface.ASPHALT, palette.grey(0.3, 0.6)))
    kerb = -draw.uniform(1.5, 6.0)
    tar = Material(Surface.ASPHALT, palette.grey(0.2, 0.42))
    mesh.box((0.0, 0.002, kerb - 2.5), (_WIDE, 0.01, 5.0), tar, casts=False)
    for x in np.arange(-30, 30, 3.0):
        mesh.box((float(x), 0.008, kerb - 2.5), (1.4, 0.01, 0.12), _LANE, casts=False)
    x = -28.0
    while x < 28.0:
        street_things.building(place, x, kerb - 9.0 - draw.uniform(0, 3))
        x += draw.uniform(6, 15)
    for _ in range(int(draw.integers(1, 5))):
        along, lane = draw.uniform(-9, 9), kerb - 1.0 - 3.0 * float(draw.integers(2))
        street_things.car(place, along, lane, draw.normal(0, 0.03))
    for _ in range(int(draw.integers(0, 4))):
        street_things.tree(place, draw.uniform(-8, 8), kerb + 0.4)
    for _ in range(int(draw.integers(0, 3))):
        street_things.pole(place, draw.uniform(-5, 5), kerb + 0.6, draw.uniform(2.2, 5.0))
    return horizon


def park(place: Place) -> Colour:
    """Grass, a path, trees, bushes, a bench, a fence."""
    draw, palette = place.draw, place.palette
    horizon = _sky(place)
    _ground(place, Material(Surface.GRASS, palette.leaf(), palette.leaf()))
    if draw.random() < 0.6:
        gravel = Material(Surface.ASPHALT, palette.near(0.1, 0.2, 0.45, 0.75))
        centre, wide = (0.0, 0.002, draw.normal(0, 0.5)), draw.uniform(1.5, 4.0)
        place.mesh.box(centre, (_WIDE, 0.01, wide), gravel, yaw=draw.normal(0, 0.3), casts=False)
    for _ in range(int(draw.integers(4, 14))):
        z = -draw.uniform(2.5, 30.0)
        street_things.tree(place, draw.uniform(-0.6, 0.6) * (6.0 - z), z)
    for _ in range(int(draw.integers(1, 7))):
        street_things.bush(place, draw.uniform(-7, 7), -draw.uniform(1.5, 9.0))
    if draw.random() < 0.4:
        x, z = draw.uniform(-2.5, 2.5), -draw.uniform(1.4, 3.0)
        street_things.bench(place, x, z, draw.normal(0, 0.3))
    if draw.random() < 0.4:
        street_things.fence(place, 0.0, -draw.uniform(3, 9), 40.0, draw.normal(0, 0.05))
    return horizon


def plaza(place: Place) -> Colour:
    """A paved square: low wall, steps, planters, house fronts far away."""
    draw, palette, mesh = place.draw, place.palette, place.mesh
    horizon = _sky(place)
    first = palette.muted(0.4, 0.8)
    second = palette.muted(0.4, 0.8) if draw.random() < 0.5 else first
    _ground(place, Material(Surface.TILES, first, second, float(draw.uniform(0.7, 2.0))))
    far = -draw.uniform(9, 20)
    for x in (-18.0, -6.0, 6.0, 18.0):
        street_things.building(place, x + draw.normal(0, 1), far - 4.0)
    for step in range(int(draw.integers(0, 5))):
        stone = Material(Surface.ASPHALT, palette.grey(0.4, 0.8))
        mesh.box((0.0, 0.08 + 0.16 * step, far + 4.0 - 0.35 * step), (40.0, 0.16, 0.4), stone)
    for _ in range(int(draw.integers(1, 5))):
        x, z = draw.uniform(-5, 5), -draw.uniform(1.8, 7.0)
        mesh.box((x, 0.25, z), (1.1, 0.5, 1.1), place.grey(0.3, 0.7))
        street_things.bush(place, x, z)
    x, z = draw.uniform(-4, 4), -draw.uniform(3, 8)
    street_things.fence(place, x, z, draw.uniform(4, 14), draw.normal(0, 0.1))
    return horizon


def beach(place: Place) -> Colour:
    """Sand, water, rocks and posts."""
    draw, palette, mesh = place.draw, place.palette, place.mesh
    horizon = _sky(place)
    light, dark = palette.near(0.11, 0.35, 0.6, 0.9), palette.near(0.1, 0.35, 0.5, 0.8)
    _ground(place, Material(Surface.GRASS, light, dark))
    shore = -draw.uniform(4, 14)
    water = Material(Surface.PAINT, palette.near(0.53, 0.45, 0.3, 0.6))
    mesh.box((0.0, 0.005, shore - 35.0), (_WIDE, 0.02, 70.0), water, casts=False)
    for _ in range(int(draw.integers(0, 8))):
        size = draw.uniform(0.3, 1.6)
        rock = Material(Surface.ASPHALT, palette.grey(0.25, 0.6))
        mesh.ball((draw.uniform(-7, 7), 0.1, -draw.uniform(1.5, 9.0)), (size, 0.7 * size, size), rock)
    for _ in range(int(draw.integers(0, 3))):
        x, z = draw.uniform(-5, 5), -draw.uniform(2, 7)
        street_things.pole(place, x, z, draw.uniform(1.5, 3.0))
    if draw.random() < 0.5:
        street_things.fence(place, 0.0, -draw.uniform(2.5, 6), 30.0, draw.normal(0, 0.1))
    return horizon
