"""An outfit on one body: the numbers that person.frag reads, and the triangles that its cuts leave."""

from collections.abc import Mapping
from typing import cast

import numpy as np
from numpy.typing import NDArray

from occlusion_toolkit.open_world.outfit import Outfit
from occlusion_toolkit.open_world.person import SOLE_M, DressedPerson, Landmarks, Layer


def shader_values(outfit: Outfit, marks: Landmarks) -> dict[str, object]:
    """Return uniform values by name; lengths become heights in this body's T-pose."""
    leg_length = marks.hip_y - marks.ankle_y
    belt = marks.hip_y + 0.6 * (marks.waist_y - marks.hip_y)
    cloths = (outfit.upper, outfit.lower, outfit.skirt_cloth)
    barefoot = outfit.shoe_height_m is None
    return {
        "has_upper": int(outfit.sleeve is not None),
        "has_lower": int(outfit.leg is not None and outfit.skirt is None),
        "has_skirt": int(outfit.skirt is not None),
        "opened": outfit.front,
        "sleeve_end": -1.0 if outfit.sleeve is None else outfit.sleeve,
        "upper_hem": marks.hip_y + outfit.hem_m,
        "neckline": outfit.neckline_m,
        "neckline_drop": outfit.neckline_drop_m,
        "opening": outfit.opening_m,
        "leg_end": marks.hip_y - (outfit.leg or 0.2) * leg_length,
        "belt_y": belt,
        "skirt_hem": marks.hip_y - (outfit.skirt or 0.4) * leg_length,
        "shoe_top": -99.0 if outfit.shoe_height_m is None else marks.ankle_y + outfit.shoe_height_m,
        "sock_top": -99.0 if barefoot else marks.ankle_y + outfit.sock_m,
        "sole_y": marks.sole_y if barefoot else marks.sole_y - 0.5 * SOLE_M,
        "hair_line": outfit.hair_line,
        "is_hat": int(outfit.hat is not None),
        "pattern": np.array([[cloth.pattern] for cloth in cloths]),
        "pattern_scale": np.array([[cloth.scale] for cloth in cloths]),
        "main_colour": np.array([cloth.main for cloth in cloths]),
        "second_colour": np.array([cloth.second for cloth in cloths]),
        "wrinkles": outfit.wrinkles,
        "seed": outfit.seed,
        "skin_colour": outfit.skin,
        "hair_colour": outfit.hair,
        "lip_colour": outfit.lips,
        "shoe_colour": outfit.shoe,
        "sole_colour": outfit.sole,
        "hat_colour": outfit.hat or (0.1, 0.1, 0.1),
        "sock_colour": outfit.sock,
        "seat_colour": outfit.skirt_cloth.second,
        "seat_second": outfit.skirt_cloth.main,
        "beard": int(outfit.beard),
        "glasses": outfit.glasses,
    }


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
