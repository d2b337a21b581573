"""What a person wears and looks like: cuts, patterns, colours, hair and skin, drawn per sequence."""

from dataclasses import dataclass

import numpy as np

from occlusion_toolkit.open_world.palette import Palette
from occlusion_toolkit.open_world.scene_mesh import Colour
from occlusion_toolkit.open_world.splits import Split

_SKIN = (
    (0.88, 0.71, 0.61),
    (0.85, 0.66, 0.54),
    (0.82, 0.60, 0.47),
    (0.74, 0.52, 0.39),
    (0.62, 0.42, 0.30),
    (0.48, 0.31, 0.21),
    (0.40, 0.26, 0.19),
    (0.32, 0.21, 0.16),
)
_HAIR = (
    (0.06, 0.05, 0.045),
    (0.11, 0.08, 0.06),
    (0.22, 0.15, 0.10),
    (0.36, 0.26, 0.16),
    (0.58, 0.46, 0.29),
    (0.34, 0.16, 0.09),
    (0.50, 0.49, 0.48),
    (0.78, 0.76, 0.74),
)
PATTERNS: dict[Split, tuple[int, ...]] = {
    "train": (1, 2, 3, 4, 7, 8, 11),
    "validation": (10,),
    "test": (5, 6, 9),
}
"""Pattern families of each split, numbered as in person.frag; plain cloth (0) is everybody's.

1 hoops, 2 stripes, 3 checks, 4 camouflage, 5 dots, 6 two-tone, 7 chest band, 8 print, 9 thin hoops,
10 diagonal lattice, 11 picture on the chest.
"""


@dataclass(frozen=True)
class Cloth:
    """Pattern number, its scale in 1/m and two linear colours."""

    pattern: int
    scale: float
    main: Colour
    second: Colour


@dataclass(frozen=True)
class Outfit:
    """Everything about a person's looks; lengths are fractions of the limb they lie on.

    sleeve: 0 at the shoulder, 1 at the wrist; negative is sleeveless, None bare-chested.
    leg: trouser end, 0 at the hip, 1 at the ankle; None under a skirt. skirt: hem, 0 hip, 1 ankle.
    shoe_height_m: above the ankle joint, None is barefoot. opening_m: half-width of an open jacket.
    """

    sleeve: float | None
    hem_m: float
    neckline_m: float
    neckline_drop_m: float
    front: int
    opening_m: float
    leg: float | None
    skirt: float | None
    looseness_m: float
    flare_m: float
    upper: Cloth
    lower: Cloth
    skirt_cloth: Cloth
    wrinkles: float
    skin: Colour
    lips: Colour
    hair: Colour
    hair_thickness_m: float
    hair_line: float
    cap: bool
    hat: Colour | None
    long_hair: bool
    beard: bool
    glasses: int
    shoe_height_m: float | None
    shoe: Colour
    sole: Colour
    sock: Colour
    sock_m: float
    seed: float


def _cloth(draw: np.random.Generator, palette: Palette, split: Split, plain: float) -> Cloth:
    main, second = palette.any(0.07, 0.93), palette.any(0.07, 0.93)
    patterns = PATTERNS[split]
    pattern = 0 if draw.random() < plain else int(patterns[int(draw.integers(len(patterns)))])
    return Cloth(pattern, float(draw.uniform(8, 28)), main, second)


def _jeans(draw: np.random.Generator, palette: Palette) -> Cloth:
    blue = palette.near(0.6, 0.45, 0.15, 0.55)
    return Cloth(0, 1.0, blue, (0.08, 0.05, 0.03))


def _linear(colour: tuple[float, float, float], gain: float) -> Colour:
    red, green, blue = (min(float((gain * value) ** 2.2), 0.8) for value in colour)
    return red, green, blue


def draw_outfit(draw: np.random.Generator, split: Split) -> Outfit:
    """Return a random outfit in the colours and patterns of one split."""
    palette = Palette(draw, split)
    tone = int(draw.integers(len(_SKIN)))
    skin = _linear(_SKIN[tone], float(draw.uniform(0.9, 1.04)))
    hair_index = int(draw.integers(len(_HAIR) if tone < 4 else 3))
    feminine = draw.random() < 0.5
    sleeve_kind = int(draw.choice(4, p=[0.14, 0.42, 0.36, 0.08]))
    sleeve = (
        float(draw.uniform(-0.15, 0.0)),
        float(draw.uniform(0.2, 0.5)),
        float(draw.uniform(0.82, 0.99)),
        None,
    )[sleeve_kind]
    skirted = feminine and draw.random() < 0.22
    leg_kind = int(draw.choice(3, p=[0.24, 0.08, 0.68]))
    leg = (float(draw.uniform(0.28, 0.52)), float(draw.uniform(0.6, 0.8)), float(draw.uniform(0.92, 1.0)))[
        leg_kind
    ]
    front = int(draw.choice(3, p=[0.66, 0.16, 0.18])) if sleeve_kind in (1, 2) else 0
    hat = palette.any(0.1, 0.9) if draw.random() < 0.12 else None
    long_hair = draw.random() < (0.55 if feminine else 0.06)
    shoe_kind = int(draw.choice(4, p=[0.1, 0.62, 0.18, 0.10]))
    shoe_height = (
        None,
        float(draw.uniform(-0.035, 0.0)),
        float(draw.uniform(0.02, 0.06)),
        float(draw.uniform(0.08, 0.16)),
    )[shoe_kind]
    return Outfit(
        sleeve=sleeve,
        hem_m=float(draw.uniform(-0.11, 0.06)),
        neckline_m=float(draw.uniform(-0.035, 0.03)),
        neckline_drop_m=float(max(0.0, draw.normal(0.01, 0.05)))
        if not front
        else float(draw.uniform(0.0, 0.05)),
        front=front,
        opening_m=float(draw.uniform(0.02, 0.07)),
        leg=0.2 if skirted else leg,
        skirt=float(draw.uniform(0.3, 0.75)) if skirted else None,
        looseness_m=float(draw.uniform(0.004, 0.016)),
        flare_m=float(max(0.0, draw.normal(0.006, 0.012))),
        upper=_cloth(draw, palette, split, 0.5),
        lower=_jeans(draw, palette) if draw.random() < 0.35 else _cloth(draw, palette, split, 0.8),
        skirt_cloth=_cloth(draw, palette, split, 0.5),
        wrinkles=float(draw.uniform(0.35, 1.0)),
        skin=skin,
        lips=(skin[0] * 0.82, skin[1] * 0.48, skin[2] * 0.46),
        hair=_linear(_HAIR[hair_index], float(draw.uniform(0.85, 1.15))),
        hair_thickness_m=float(draw.uniform(0.004, 0.02)),
        hair_line=float(draw.uniform(0.42, 0.62)),
        cap=draw.random() < 0.93,
        hat=hat,
        long_hair=bool(long_hair),
        beard=bool(not feminine and draw.random() < 0.35),
        glasses=int(draw.choice(3, p=[0.8, 0.12, 0.08])),
        shoe_height_m=shoe_height,
        shoe=palette.any(0.05, 0.95) if draw.random() < 0.5 else palette.grey(0.05, 0.95),
        sole=palette.grey(0.6, 0.95) if draw.random() < 0.6 else palette.grey(0.05, 0.3),
        sock=palette.grey(0.1, 0.95),
        sock_m=float(draw.uniform(-0.05, 0.16)),
        seed=float(draw.random()),
    )
