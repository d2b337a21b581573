"""Poses off the vertical: leaning, bending down, standing on one leg, stepping; few people stand straight.

Each function changes a standing posture in place; angles are radians, index 0 is left and 1 is right.
"""

from typing import TYPE_CHECKING

import numpy as np

from occlusion_toolkit.open_world import gestures
from occlusion_toolkit.open_world.latents import LatentDraws

if TYPE_CHECKING:
    from occlusion_toolkit.open_world.poses import Posture

_SIDES = (0, 1)


def lean(draws: LatentDraws, posture: "Posture") -> None:
    """The whole body tilted about the feet, as one who pushes, pulls, turns a corner or looks round one."""
    forward, aside = draws.normal(0.12, 0.22), draws.normal(0.0, 0.16)
    posture.root_tilt = np.array([forward, 0.0, aside])
    wide = abs(draws.normal(0.12, 0.12))
    stride = draws.normal(0.0, 0.3)
    for side in _SIDES:
        posture.hip_abduction[side] += wide + (aside if side == 0 else -aside) * draws.uniform(-0.8, 0.4)
        posture.hip_flexion[side] += forward * draws.uniform(0.0, 0.9) + (stride if side == 0 else -stride)
        posture.knee_flexion[side] += abs(draws.normal(0.0, 0.25))
    posture.spine_flexion += draws.normal(0.0, 0.2)
    posture.spine_side += draws.normal(0.0, 0.15) - 0.4 * aside
    posture.spine_twist += draws.normal(0.0, 0.2)
    if draws.chance(0.5):
        posture.arms = gestures.draw_anywhere(draws)


def bend(draws: LatentDraws, posture: "Posture") -> None:
    """Bent forward from the hips, down to the floor: tying a shoe, lifting, washing hands."""
    depth = draws.uniform(0.3, 1.5)
    knees = abs(draws.normal(0.1, 0.35)) + draws.uniform(0.0, 0.5) * depth
    apart = draws.normal(0.0, 0.2)
    posture.root_tilt = np.array([0.7 * depth, 0.0, draws.normal(0.0, 0.08)])
    for side in _SIDES:
        posture.hip_flexion[side] = 0.7 * depth + 0.5 * knees + (apart if side == 0 else -apart)
        posture.knee_flexion[side] = knees + abs(draws.normal(0.0, 0.12))
        posture.ankle_flexion[side] = -0.4 * knees
        posture.hip_abduction[side] += abs(draws.normal(0.0, 0.12))
    posture.spine_flexion += 0.45 * depth + draws.normal(0.0, 0.12)
    posture.spine_twist += draws.normal(0.0, 0.2)
    posture.head[0] -= 0.3 * depth * draws.uniform(0.0, 1.0)
    down = [gestures.REACHING_DOWN.draw(draws) for _ in _SIDES]
    for side in _SIDES:
        if draws.chance(0.75):
            posture.arms[side] = down[side]
            posture.arms[side].elevation += 0.35 * depth


def balance(draws: LatentDraws, posture: "Posture") -> None:
    """On one leg: the other raised in front, behind or aside, the trunk and the arms against it."""
    free = 0 if draws.chance(0.5) else 1
    sign = 1.0 if free == 0 else -1.0
    front = min(draws.normal(0.6, 0.5), 1.6)
    posture.hip_flexion[free] = front
    posture.knee_flexion[free] = abs(draws.normal(0.9, 0.6)) if draws.chance(0.7) else 0.1
    posture.hip_abduction[free] = abs(draws.normal(0.15, 0.3))
    posture.hip_rotation[free] += draws.normal(0.1, 0.25)
    posture.ankle_flexion[free] = draws.normal(0.2, 0.2)
    posture.knee_flexion[1 - free] += abs(draws.normal(0.1, 0.2))
    tilt = draws.normal(0.1, 0.2) - min(front, 0.0) * 0.8
    posture.root_tilt = np.array([tilt, 0.0, -sign * abs(draws.normal(0.0, 0.12))])
    posture.hip_flexion[1 - free] += tilt
    posture.spine_side += sign * draws.normal(0.05, 0.12)
    posture.spine_flexion += draws.normal(0.0, 0.18)
    if draws.chance(0.6):
        posture.arms = gestures.draw_anywhere(draws)


def step(draws: LatentDraws, posture: "Posture") -> None:
    """A foot set on something, a long stride, or a wide stance."""
    front = 0 if draws.chance(0.5) else 1
    length = draws.uniform(0.2, 1.3)
    back = draws.uniform(0.0, 0.6) * length
    posture.hip_flexion[front] = length
    posture.knee_flexion[front] = max(0.05, draws.normal(0.9, 0.35) * length)
    posture.hip_flexion[1 - front] = -back + draws.normal(0.0, 0.1)
    posture.knee_flexion[1 - front] = abs(draws.normal(0.1, 0.25)) + 0.5 * back
    posture.ankle_flexion[1 - front] = draws.normal(0.1, 0.15)
    for side in _SIDES:
        posture.hip_abduction[side] += abs(draws.normal(0.0, 0.18))
    posture.root_tilt = np.array([draws.normal(0.12, 0.15), 0.0, draws.normal(0.0, 0.08)])
    posture.spine_flexion += draws.normal(0.08, 0.18)
    posture.spine_twist += draws.normal(0.0, 0.2)
