"""How a person moves: poses of the split's own bins, one after the other, and heading and place."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from occlusion_toolkit.errors import DatasetError
from occlusion_toolkit.open_world.latents import LatentDraws, fresh_latents, moved_latents
from occlusion_toolkit.open_world.poses import FAMILIES, FAMILY_WEIGHTS, draw_posture, rotmats_of
from occlusion_toolkit.open_world.rig import Floats, axis_angle_from_rotmats, forward_kinematics
from occlusion_toolkit.open_world.self_contact import penetrates
from occlusion_toolkit.open_world.splits import Split, pose_bin, split_of_bin

_ATTEMPTS = 4000
_PHASE_STEP = 1.1


@dataclass(frozen=True)
class Moment:
    """One pose: its family, local rotations (24, 3, 3) with the heading left out, and the gait phase."""

    family: str
    rotmats: Floats
    phase: float


def moments(
    draw: np.random.Generator, split: Split, rest_joints: Floats, radii: Floats, *, continuous: bool
) -> Iterator[Moment]:
    """Yield poses without end.

    Args:
        draw: random numbers.
        split: whose bins the poses must lie in.
        rest_joints: (24, 3) of the person.
        radii: capsule radii of the person.
        continuous: whether each pose follows from the last, as in a film.

    Raises:
        DatasetError: no acceptable pose in some thousands of draws, which would be a fault of the sampler.
    """
    family, phase = _fresh(draw)
    discrete, latents = fresh_latents(draw), fresh_latents(draw)
    first = True
    while True:
        for attempt in range(_ATTEMPTS):
            if not continuous or (first and attempt > 0):
                family, phase = _fresh(draw)
                discrete, candidate = fresh_latents(draw), fresh_latents(draw)
            elif first:
                candidate = latents
            else:
                reach = 0.4 + 0.5 * attempt / _ATTEMPTS
                candidate = moved_latents(latents, draw, reach)
            advanced = phase + (
                _PHASE_STEP * float(draw.uniform(0.6, 1.4)) if not first and continuous else 0.0
            )
            draws = LatentDraws(candidate, discrete)
            rotmats = rotmats_of(draw_posture(draws, family, advanced), draws)
            if split_of_bin("pose", pose_bin(axis_angle_from_rotmats(rotmats))) != split:
                continue
            if penetrates(forward_kinematics(rest_joints, rotmats)[1], radii):
                continue
            latents, phase, first = candidate, advanced, False
            yield Moment(family, rotmats, phase)
            break
        else:
            raise DatasetError(f"no {family} pose of the {split} split found in {_ATTEMPTS} draws")


def _fresh(draw: np.random.Generator) -> tuple[str, float]:
    family = FAMILIES[int(draw.choice(len(FAMILIES), p=FAMILY_WEIGHTS))]
    return family, float(draw.uniform(0.0, 2.0 * np.pi))


_PACE_M = {"walk": 0.12, "run": 0.2}
"""Metres per frame of the families that move along."""


class Walker:
    """Heading and place of a person who faces the camera a little more often than not."""

    def __init__(self, draw: np.random.Generator, *, continuous: bool) -> None:
        self._draw, self._continuous = draw, continuous
        self._azimuth = self._heading = 0.0
        self._spot = np.zeros(2)

    def start(self, azimuth: float) -> None:
        """Begin anew before a camera at `azimuth` radians from +z."""
        self._azimuth = azimuth
        self._scatter()

    def _scatter(self) -> None:
        draw = self._draw
        towards = draw.normal(0.0, 0.75) if draw.random() < 0.55 else draw.uniform(-np.pi, np.pi)
        self._heading = self._azimuth + float(towards)
        self._spot = draw.normal(0.0, 0.12, 2)

    def step(self, moment: Moment) -> tuple[float, Floats]:
        """Return heading in radians about y and place (x, z) in metres for the next frame."""
        if self._continuous:
            self._heading += float(self._draw.normal(0.0, 0.2))
            pace = _PACE_M.get(moment.family, 0.0)
            self._spot = self._spot + pace * np.array([np.sin(self._heading), np.cos(self._heading)])
        else:
            self._scatter()
        return self._heading, self._spot
