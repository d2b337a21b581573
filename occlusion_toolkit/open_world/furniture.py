"""Things that stand in rooms or hang on their walls; (x, z) is a place on the floor in metres."""

from occlusion_toolkit.open_world.furnishing import Place, Turned
from occlusion_toolkit.open_world.palette import dimmed
from occlusion_toolkit.open_world.scene_mesh import Material, Surface


def table(place: Place, x: float, z: float, yaw: float = 0.0) -> None:
    """Add a table with a few things on it."""
    draw = place.draw
    wide, deep, high = draw.uniform(0.7, 1.7), draw.uniform(0.5, 0.9), draw.uniform(0.42, 0.78)
    material = place.solid()
    turned = Turned(place, x, z, yaw)
    turned.box((0.0, high - 0.02, 0.0), (wide, 0.04, deep), material)
    for sideways in (-0.46, 0.46):
        for forwards in (-0.44, 0.44):
            leg = (sideways * wide, high / 2 - 0.02, forwards * deep)
            turned.box(leg, (0.05, high - 0.04, 0.05), material)
    for _ in range(int(draw.integers(0, 5))):
        sideways, forwards = draw.uniform(-0.4, 0.4) * wide, draw.uniform(-0.35, 0.35) * deep
        size = draw.uniform(0.05, 0.28)
        thing = place.paint()
        if draw.random() < 0.5:
            turned.cylinder((sideways, high + size / 2, forwards), (0.5 * size, size, 0.5 * size), thing)
        else:
            spot, turn = (sideways, high + size / 4, forwards), draw.uniform(0, 3)
            turned.box(spot, (size, size / 2, 0.7 * size), thing, turn=turn)


def chair(place: Place, x: float, z: float, yaw: float = 0.0) -> None:
    """Add a chair."""
    draw = place.draw
    material, seat = place.solid(), draw.uniform(0.42, 0.5)
    turned = Turned(place, x, z, yaw)
    turned.box((0.0, seat, 0.0), (0.44, 0.05, 0.44), material)
    for sideways in (-0.19, 0.19):
        for forwards in (-0.19, 0.19):
            turned.box((sideways, seat / 2, forwards), (0.04, seat, 0.04), material)
    turned.box((0.0, seat + 0.28, -0.2), (0.42, draw.uniform(0.2, 0.5), 0.04), material)


def sofa(place: Place, x: float, z: float, yaw: float = 0.0) -> None:
    """Add a sofa or an armchair."""
    draw = place.draw
    wide, material = draw.uniform(0.9, 2.2), place.cloth()
    turned = Turned(place, x, z, yaw)
    turned.box((0.0, 0.22, 0.0), (wide, 0.44, 0.85), material)
    turned.box((0.0, 0.55, -0.36), (wide, 0.6, 0.2), material)
    for sideways in (-0.5, 0.5):
        turned.box((sideways * wide, 0.32, 0.0), (0.18, 0.62, 0.85), material)
    for _ in range(int(draw.integers(0, 4))):
        spot = (draw.uniform(-0.4, 0.4) * wide, 0.6, -0.2)
        turned.box(spot, (0.4, 0.34, 0.14), place.cloth(), turn=yaw + draw.normal(0, 0.3))


def shelf(place: Place, x: float, z: float, yaw: float = 0.0) -> None:
    """Add a shelf full of books and boxes."""
    draw = place.draw
    wide, high, material = draw.uniform(0.6, 1.8), draw.uniform(0.9, 2.2), place.solid()
    turned = Turned(place, x, z, yaw)
    turned.box((0.0, high / 2, -0.14), (wide, high, 0.03), material)
    rows = int(draw.integers(2, 6))
    for sideways in (-0.5, 0.5):
        turned.box((sideways * wide, high / 2, 0.0), (0.03, high, 0.3), material)
    for row in range(rows + 1):
        level = high * row / rows
        turned.box((0.0, level, 0.0), (wide, 0.03, 0.3), material)
        if row < rows and draw.random() < 0.8:
            first, second = place.palette.any(), place.palette.any()
            books = Material(Surface.SLABS, first, second, float(draw.uniform(12, 35)))
            filled, tall = draw.uniform(0.3, 0.95) * wide, draw.uniform(0.5, 0.85) * high / rows
            turned.box(((filled - wide) / 2, level + tall / 2, 0.0), (filled, tall, 0.22), books)


def cabinet(place: Place, x: float, z: float, yaw: float = 0.0) -> None:
    """Add a chest of drawers."""
    draw = place.draw
    wide, high = draw.uniform(0.5, 1.6), draw.uniform(0.5, 1.9)
    first = place.palette.muted(0.25, 0.95)
    front = Material(Surface.TILES, first, dimmed(first, 0.97), float(draw.uniform(1.6, 3.5)))
    turned = Turned(place, x, z, yaw)
    turned.box((0.0, high / 2, 0.0), (wide, high, 0.45), front)
    turned.box((0.0, high + 0.015, 0.0), (wide + 0.04, 0.03, 0.5), place.solid())


def plant(place: Place, x: float, z: float) -> None:
    """Add a potted plant."""
    draw = place.draw
    size = draw.uniform(0.25, 0.8)
    place.mesh.cylinder((x, 0.17, z), (0.32, 0.34, 0.32), place.paint())
    leaves = place.leaves()
    for _ in range(4):
        spot = (x + draw.normal(0, 0.1), 0.45 + size * draw.uniform(0.1, 1.0), z + draw.normal(0, 0.1))
        place.mesh.ball(spot, (size * 0.7, size * 0.8, size * 0.7), leaves)


def floor_lamp(place: Place, x: float, z: float) -> None:
    """Add a lamp on a pole."""
    high = place.draw.uniform(1.2, 1.8)
    place.mesh.cylinder((x, high / 2, z), (0.03, high, 0.03), place.grey(0.15, 0.85))
    glow = Material(Surface.GLOW, (0.9, 0.75, 0.5), (1.3, 1.1, 0.8), 2.0)
    place.mesh.cylinder((x, high, z), (0.34, 0.28, 0.34), glow)


def wall_window(place: Place, x: float, z: float, yaw: float = 0.0) -> None:
    """Add a bright window with its frame, and curtains more often than not, to a wall."""
    draw, palette = place.draw, place.palette
    wide, high, sill = draw.uniform(0.8, 2.4), draw.uniform(0.9, 1.6), draw.uniform(0.5, 1.0)
    middle = sill + high / 2
    below, above = palette.near(0.3, 0.3, 0.3, 0.6), palette.near(0.58, 0.25, 0.75, 1.0)
    frame = place.grey(0.6, 0.95)
    turned = Turned(place, x, z, yaw, casts=False)
    turned.box((0.0, middle, 0.0), (wide, high, 0.03), Material(Surface.GLOW, below, above, 0.7))
    for sideways in (-0.5, 0.0, 0.5):
        turned.box((sideways * wide, middle, 0.03), (0.06, high + 0.06, 0.06), frame)
    for rise in (-0.5, 0.5):
        turned.box((0.0, middle + rise * high, 0.03), (wide + 0.06, 0.06, 0.08), frame)
    if draw.random() < 0.6:
        first = palette.any(0.4, 0.95)
        curtain = Material(Surface.STRIPES, first, dimmed(first, 0.8), 12.0)
        for sideways in (-0.62, 0.62):
            turned.box((sideways * wide, 1.2, 0.08), (0.28 * wide, 2.3, 0.06), curtain)


def wall_picture(place: Place, x: float, z: float, yaw: float = 0.0) -> None:
    """Add a framed picture to a wall."""
    draw = place.draw
    wide, high, level = draw.uniform(0.3, 1.2), draw.uniform(0.3, 0.9), draw.uniform(1.3, 1.8)
    first, second = place.palette.any(), place.palette.any()
    art = Material(Surface.PICTURE, first, second, float(draw.uniform(0.5, 2.0)))
    turned = Turned(place, x, z, yaw, casts=False)
    turned.box((0.0, level, 0.0), (wide + 0.06, high + 0.06, 0.03), place.solid())
    turned.box((0.0, level, 0.02), (wide, high, 0.02), art)


def wall_door(place: Place, x: float, z: float, yaw: float = 0.0) -> None:
    """Add a door to a wall."""
    leaf = place.solid()
    turned = Turned(place, x, z, yaw, casts=False)
    turned.box((0.0, 1.02, 0.0), (0.98, 2.08, 0.03), place.grey(0.5, 0.95))
    turned.box((0.0, 1.0, 0.02), (0.86, 2.0, 0.03), leaf)
    turned.ball((0.36, 1.0, 0.05), (0.06, 0.06, 0.06), Material(Surface.PAINT, (0.5, 0.42, 0.25)))
