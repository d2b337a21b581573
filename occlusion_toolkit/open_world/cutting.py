"""Drops triangles that the shader would discard anyway: skin under clothes and cloth beyond its hem.

The same cuts as person.frag, loosened by a margin, so that no visible pixel changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
from numpy.typing import NDArray

from occlusion_toolkit.open_world.person import DressedPerson, Landmarks, Layer

MARGIN_M = 0.03

Mask = NDArray[np.bool_]


class _Cuts:
    def __init__(self, rest: NDArray[np.float32], marks: Landmarks, uniforms: Mapping[str, object]) -> None:
        self._rest, self._marks, self._uniforms = rest, marks, uniforms

    def value(self, name: str) -> float:
        return float(cast("float", self._uniforms[name]))

    def upper(self, margin: float) -> Mask:
        marks, x = self._marks, np.abs(self._rest[:, 0])
        y, z = self._rest[:, 1], self._rest[:, 2]
        drop = np.where(z > marks.chest_z, np.maximum(0.0, self.value("neckline_drop") - 1.3 * x), 0.0)
        edge = marks.neck_y + self.value("neckline") - 0.12 * x - drop
        below_neck = (x >= marks.shoulder_x * 0.8) | (y <= edge + margin)
        along = (x - marks.shoulder_x) / (marks.wrist_x - marks.shoulder_x)
        on_sleeve = (x <= marks.shoulder_x) | (along < self.value("sleeve_end") + 2.0 * margin)
        return np.asarray((y >= self.value("upper_hem") - margin) & below_neck & on_sleeve)

    def lower(self, margin: float) -> Mask:
        x, y = np.abs(self._rest[:, 0]), self._rest[:, 1]
        inside = (y < self.value("belt_y") + margin) & (y > self.value("leg_end") - margin)
        return np.asarray(inside & (x < 1.7 * self._marks.shoulder_x))

    def hidden_skin(self) -> Mask:
        rest, marks = self._rest, self._marks
        hidden = rest[:, 1] < self.value("shoe_top") - MARGIN_M
        if self._uniforms["has_lower"]:
            hidden |= self.lower(-MARGIN_M)
        if self._uniforms["has_upper"]:
            under = self.upper(-MARGIN_M)
            if self._uniforms["opened"] == 1:
                under &= (rest[:, 2] < marks.chest_z - MARGIN_M) | (np.abs(rest[:, 0]) > marks.shoulder_x)
            hidden |= under
        return hidden


def visible_faces(person: DressedPerson, uniforms: Mapping[str, object]) -> dict[Layer, NDArray[np.int32]]:
    """Return the triangles of each layer that can show."""
    cuts = _Cuts(person.rest, person.landmarks, uniforms)
    kept = dict(person.faces)
    skin = kept[Layer.SKIN]
    kept[Layer.SKIN] = skin[~cuts.hidden_skin()[skin].all(axis=1)]
    for layer, mask in ((Layer.UPPER, cuts.upper), (Layer.LOWER, cuts.lower)):
        if layer in kept:
            kept[layer] = kept[layer][mask(MARGIN_M)[kept[layer]].any(axis=1)]
    return kept
