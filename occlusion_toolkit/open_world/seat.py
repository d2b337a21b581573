"""Something to sit on: a crate, a stool or a chair just below the thighs of a sitting person."""

import numpy as np
from numpy.typing import NDArray

from occlusion_toolkit.open_world.rig import Floats
from occlusion_toolkit.open_world.scene_mesh import Material, SceneMesh, Surface

_ANY = Material(Surface.PAINT, (0.5, 0.5, 0.5))
_SITTING_PARTS = (0, 1, 2)
_LOWEST_SEAT_M = 0.2


def seat_block(
    draw: np.random.Generator, body: NDArray[np.floating], parts: NDArray[np.integer], heading: float
) -> NDArray[np.float32] | None:
    """Return the triangles of a seat, (N, 11): position, normal, local place, part 0, openness 1.

    Args:
        draw: random numbers.
        body: (V, 3) posed body in world metres, standing on y = 0.
        parts: (V,) SMPL parts.
        heading: of the person about y, radians.

    Returns:
        None where the person sits lower than any stool.
    """
    below = body[np.isin(parts, _SITTING_PARTS)]
    pelvis = body[parts == 0]
    top = float(np.percentile(below[:, 1], 2.0)) + 0.015
    stool, backed = draw.random() < 0.5, draw.random() < 0.45
    wide, deep, rise = (float(draw.uniform(*span)) for span in ((0.4, 0.6), (0.38, 0.48), (0.35, 0.55)))
    if top < _LOWEST_SEAT_M:
        return None
    mesh = SceneMesh()
    x, z = float(pelvis[:, 0].mean()), float(pelvis[:, 2].mean())
    ahead = np.array([np.sin(heading), np.cos(heading)])
    aside = np.array([np.cos(heading), -np.sin(heading)])

    def spot(sideways: float, forward: float, level: float) -> tuple[float, float, float]:
        moved: Floats = np.array([x, z]) + sideways * aside + forward * ahead
        return float(moved[0]), level, float(moved[1])

    if stool:
        mesh.box(spot(0.0, 0.08, top - 0.025), (wide, 0.05, deep), _ANY, yaw=heading)
        for sideways in (-0.45, 0.45):
            for forward in (-0.42, 0.42):
                leg = spot(sideways * wide, 0.08 + forward * deep, top / 2)
                mesh.box(leg, (0.04, top, 0.04), _ANY, yaw=heading)
    else:
        mesh.box(spot(0.0, 0.08, top / 2), (wide, top, deep), _ANY, yaw=heading)
    if backed:
        behind = float((pelvis[:, [0, 2]] @ ahead).min() - np.array([x, z]) @ ahead)
        mesh.box(spot(0.0, behind - 0.06, top + rise / 2), (wide, rise, 0.05), _ANY, yaw=heading)
    triangles = mesh.vertices()[0]
    block = np.zeros((len(triangles), 11), dtype=np.float32)
    block[:, :9] = triangles[:, :9]
    block[:, 10] = 1.0
    return block
