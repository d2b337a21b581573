"""An outfit on one body as the numbers that person.frag reads."""

from __future__ import annotations

import numpy as np

from occlusion_toolkit.open_world.outfit import Outfit
from occlusion_toolkit.open_world.person import SOLE_M, Landmarks


def outfit_uniforms(outfit: Outfit, marks: Landmarks) -> dict[str, object]:
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
