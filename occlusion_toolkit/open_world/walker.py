"""Where the person stands and faces: followed in films, drawn anew for every training frame."""

from __future__ import annotations

import numpy as np

from occlusion_toolkit.open_world.motion import Moment
from occlusion_toolkit.open_world.rig import Floats

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
