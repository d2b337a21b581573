"""Which parts a window hides, and how near to a joint what it hides is.

A part is *seen* where its mask has 16 pixels or more of the crop. A window *hides* a part where at least half
of the pixels in which it is seen lie under the window. Seen from one joint, a window covers its *own* limb
where it covers any pixel of it; else the *neighbour* where it covers any pixel of a limb next to that; else
what is *remote* where it covers any pixel of the body; else the *background*.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from occlusion_toolkit.body.parts import LIMBS, NUM_PARTS, PART_NAMES, limb_of, part_of_joint
from occlusion_toolkit.data.scene import SIGHTS, hidden_pixels

Covered = Literal["own", "neighbour", "remote", "background"]
COVERED: tuple[Covered, ...] = get_args(Covered)
"""What a window covers, seen from a joint: the nearest of what it touches."""

IN_SIGHT = ("all", "seen", "hidden")
"""Of which joints: all, those in sight, those that something or the body itself hides in the picture."""

FEWEST_PIXELS = 16
SHARE_HIDDEN = 0.5

_TORSO = list(LIMBS).index("torso")
_LIMB_OF_PART = np.array([limb_of(part) for part in range(NUM_PARTS)])


@dataclass(frozen=True)
class ImageInfluence:
    """What the windows of one image do to its joints; the last column is the mean over joints.

    Attributes:
        by_part: mean over the windows that hide a part, (24, J + 1); NaN where none does.
        seen: whether each part is seen, (24,).
        covered_sums: sums over windows, by `IN_SIGHT` and `COVERED`, (3, 4, J + 1).
        covered_windows: how many windows these are of, (3, 4, J + 1).
    """

    by_part: Float64[np.ndarray, "24 columns"]
    seen: Bool[np.ndarray, "24"]
    covered_sums: Float64[np.ndarray, "3 4 columns"]
    covered_windows: Float64[np.ndarray, "3 4 columns"]


def limb_of_joint(joint_name: str) -> int | None:
    """Index into `LIMBS` of the limb that a joint moves; None for a joint without a part."""
    part = part_of_joint(joint_name)
    return None if part is None else int(_LIMB_OF_PART[part])


def relation(part: int, joint_name: str) -> Covered | None:
    """How near a part is to a joint: in its own limb, a neighbour or remote; None for the mean."""
    limb = limb_of_joint(joint_name)
    return None if limb is None else COVERED[int(_distances(limb)[_LIMB_OF_PART[part]])]


def hides(
    parts: UInt8[np.ndarray, "rows cols"], windows: Int64[np.ndarray, "windows 4"]
) -> tuple[Bool[np.ndarray, "windows 24"], Bool[np.ndarray, "24"]]:
    """Which parts each window hides, (W, 24), and which are seen at all, (24,)."""
    total = np.bincount(parts.ravel(), minlength=NUM_PARTS + 1)[1 : NUM_PARTS + 1]
    seen = total >= FEWEST_PIXELS
    return (hidden_pixels(parts, windows) >= SHARE_HIDDEN * total) & seen, seen


def covers(
    parts: UInt8[np.ndarray, "rows cols"],
    windows: Int64[np.ndarray, "windows 4"],
    joint_names: tuple[str, ...],
) -> Int64[np.ndarray, "joints windows"]:
    """What each window covers, seen from each joint: an index into `COVERED`, (J, W)."""
    touched = hidden_pixels(parts, windows) > 0
    limbs = np.stack([touched[:, limb == _LIMB_OF_PART].any(axis=1) for limb in range(len(LIMBS))], axis=1)
    found = np.full((len(joint_names), len(windows)), COVERED.index("background"))
    for row, name in enumerate(joint_names):
        if (limb := limb_of_joint(name)) is not None:
            nearest = np.where(limbs, _distances(limb), COVERED.index("background"))
            found[row] = nearest.min(axis=1)
    return found


def image_influence(
    values_mm: Float64[np.ndarray, "joints windows"],
    parts: UInt8[np.ndarray, "rows cols"],
    sight: UInt8[np.ndarray, " joints"],
    windows: Int64[np.ndarray, "windows 4"],
    joint_names: tuple[str, ...],
) -> ImageInfluence:
    """Reads the maps of one image by what its windows hide.

    Args:
        values_mm: of every joint under every window, such as the increase of its error, (J, W).
        parts: labels of the crop, 1 + k for part k, (R, R).
        sight: what hides each joint in the picture, an index into `SIGHTS`, (J,).
        windows: rectangles (y0, y1, x0, x1), (W, 4).
        joint_names: J of them.
    """
    hidden, seen = hides(parts, windows)
    with_mean = np.concatenate((values_mm, values_mm.mean(axis=0, keepdims=True)))
    count = hidden.sum(axis=0)[:, None]
    sums = hidden.T.astype(np.float64) @ with_mean.T
    by_part = np.divide(sums, count, out=np.full(sums.shape, np.nan), where=count > 0)

    covered = covers(parts, windows, joint_names)
    of_kind = covered[None] == np.arange(len(COVERED))[:, None, None]
    sums, number = (of_kind * values_mm).sum(axis=2), of_kind.sum(axis=2)
    in_sight = sight == SIGHTS.index("seen")
    rows = np.stack([np.ones_like(in_sight), in_sight, sight > SIGHTS.index("seen")])[:, None]

    def told(values: np.ndarray) -> Float64[np.ndarray, "3 4 columns"]:
        chosen = np.where(rows, values[None], 0)
        return np.concatenate((chosen, chosen.sum(axis=2, keepdims=True)), axis=2).astype(np.float64)

    return ImageInfluence(by_part, seen, told(sums), told(number))


def _distances(limb: int) -> Int64[np.ndarray, " limbs"]:
    """How near every limb is to one: an index into `COVERED`."""
    far = np.full(len(LIMBS), COVERED.index("remote"))
    if limb == _TORSO:
        far[:] = COVERED.index("neighbour")
    far[_TORSO] = COVERED.index("neighbour")
    far[limb] = COVERED.index("own")
    return far


LIMB_NAMES = tuple(LIMBS)
PART_ORDER = tuple(PART_NAMES.index(name) for names in LIMBS.values() for name in names)
"""All parts, limb by limb."""
