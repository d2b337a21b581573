"""Things between camera and person, which hide a part of the person and of the label map."""

from __future__ import annotations

import numpy as np

from occlusion_toolkit.open_world import furniture, street_furniture
from occlusion_toolkit.open_world.cells import Split
from occlusion_toolkit.open_world.furnishing import Place
from occlusion_toolkit.open_world.palette import Palette
from occlusion_toolkit.open_world.scene_mesh import SceneMesh


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
