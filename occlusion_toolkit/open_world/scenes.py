"""The place of a sequence, of a family that its split owns, and what stands between camera and person.

Training and test share neither kind nor seed of a place.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from occlusion_toolkit.open_world import furniture, outdoors, rooms, street_furniture
from occlusion_toolkit.open_world.furnishing import Place
from occlusion_toolkit.open_world.palette import Palette
from occlusion_toolkit.open_world.scene_mesh import Colour, SceneMesh
from occlusion_toolkit.open_world.splits import Split


@dataclass(frozen=True)
class Scene:
    """A place: its geometry, whether it has a roof, and the air between things.

    `haze` is the share of light lost per metre; `clouds` the cover from 0 to 1.
    """

    family: str
    mesh: SceneMesh
    indoor: bool
    horizon: Colour
    haze: float
    clouds: float


INDOOR: dict[str, Callable[[Place], None]] = {
    "living room": rooms.living_room,
    "office": rooms.office,
    "studio": rooms.studio,
    "kitchen": rooms.kitchen,
    "hall": rooms.hall,
}

OUTDOOR: dict[str, Callable[[Place], Colour]] = {
    "street": outdoors.street,
    "park": outdoors.park,
    "plaza": outdoors.plaza,
    "beach": outdoors.beach,
}

SCENE_FAMILIES: dict[Split, tuple[str, ...]] = {
    "train": ("living room", "office", "studio", "street", "park"),
    "validation": ("hall",),
    "test": ("kitchen", "plaza", "beach"),
}
"""Which split owns which family of scenes."""


def build_scene(generator: np.random.Generator, split: Split) -> Scene:
    """Return a random scene of one of the split's families."""
    names = SCENE_FAMILIES[split]
    family = names[int(generator.integers(len(names)))]
    mesh = SceneMesh()
    place = Place(mesh, generator, Palette(generator, split))
    if family in INDOOR:
        INDOOR[family](place)
        return Scene(family, mesh, True, (0.5, 0.5, 0.5), 0.0, 0.0)
    horizon = OUTDOOR[family](place)
    haze, clouds = float(generator.uniform(0.002, 0.02)), float(generator.uniform(0.2, 0.75))
    return Scene(family, mesh, False, horizon, haze, clouds)


def add_foreground(draw: np.random.Generator, mesh: SceneMesh, split: Split, distance: float) -> None:
    """Put one object in front of the person at the origin.

    Args:
        draw: random numbers.
        mesh: of the scene.
        split: whose colours to use.
        distance: of the camera, which is near +z, in metres.
    """
    place = Place(mesh, draw, Palette(draw, split))
    z = float(np.clip(draw.uniform(0.3, 0.55) * distance, 0.85, 3.0))
    x = float(draw.normal(0.0, 0.35))
    yaw = float(draw.uniform(-3.1, 3.1))
    match int(draw.integers(7)):
        case 0:
            furniture.table(place, x, z, yaw)
        case 1:
            furniture.chair(place, x, z, yaw)
        case 2:
            furniture.sofa(place, x, z, yaw)
        case 3:
            furniture.plant(place, x, z)
        case 4:
            street_furniture.pole(place, x, z, 3.0)
        case 5:
            street_furniture.bush(place, x, z)
        case _:
            furniture.cabinet(place, x + 0.5 * float(np.sign(x)), z, 0.1 * yaw)
