"""When a person counts as turned, and when left and right count as swapped.

The *heading* is the direction from the right hip to the left one, seen from above (the camera's x-z plane). A
person is *turned* where the heading is more than 90 degrees off. Where the line of the hips is steep (its
length from above is less than half of its length) nobody knows the heading, and the person is not counted as
turned.

Left and right are *swapped* where the mean distance of the joints that have a side falls by more than 50 mm
when every joint takes the place of its mirror image.
"""

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from occlusion_toolkit.errors import UsageError

TURNED_DEGREES = 90.0
SWAP_MARGIN_MM = 50.0

KINDS = ("turned", "swapped", "either")
"""What can be reversed."""

_STEEP = 0.5


def check_joints(joint_names: tuple[str, ...]) -> None:
    """Makes sure that joints tell a heading and sides.

    Raises:
        UsageError: the hips are not among them.
    """
    if not {"left_hip", "right_hip"} <= set(joint_names):
        raise UsageError("reversals need the joints left_hip and right_hip; sweep lsp14 or smpl24")


def heading_degrees(joints_m: Float[np.ndarray, "... joints 3"], joint_names: tuple[str, ...]) -> np.ndarray:
    """Direction of the line of the hips, seen from above, degrees; NaN where it is too steep to have one.

    0 is a person who faces the camera, 180 one who turns the back to it.

    Args:
        joints_m: in the camera frame (x right, y down, z forward), (..., J, 3).
        joint_names: J of them.
    """
    left, right = (joints_m[..., joint_names.index(f"{side}_hip"), :] for side in ("left", "right"))
    across = np.asarray(left - right, dtype=np.float64)
    level = np.hypot(across[..., 0], across[..., 2])
    length = np.linalg.norm(across, axis=-1)
    heading = np.degrees(np.arctan2(across[..., 2], across[..., 0]))
    return np.where((length > 0) & (level >= _STEEP * length), heading, np.nan)


def turned(
    joints_m: Float[np.ndarray, "... joints 3"],
    reference_m: Float[np.ndarray, "... joints 3"],
    joint_names: tuple[str, ...],
) -> NDArray[np.bool_]:
    """Whether people look the other way than those they are compared with, (...)."""
    apart = heading_degrees(joints_m, joint_names) - heading_degrees(reference_m, joint_names)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs((apart + 180) % 360 - 180) > TURNED_DEGREES)


def swapped(
    joints_m: Float[np.ndarray, "... joints 3"],
    reference_m: Float[np.ndarray, "... joints 3"],
    joint_names: tuple[str, ...],
    margin_mm: float = SWAP_MARGIN_MM,
) -> NDArray[np.bool_]:
    """Whether people fit better with left and right exchanged, by more than a margin, (...)."""
    mirror = _mirror(joint_names)
    sided = mirror != np.arange(len(joint_names))

    def apart(joints: np.ndarray) -> np.ndarray:
        return np.asarray(1000 * np.linalg.norm(joints - reference_m, axis=-1)[..., sided].mean(axis=-1))

    return np.asarray(apart(joints_m) - apart(joints_m[..., mirror, :]) > margin_mm)


def reversed_windows(
    joints_m: Float[np.ndarray, "windows joints 3"],
    reference_m: Float[np.ndarray, "joints 3"],
    joint_names: tuple[str, ...],
) -> Bool[np.ndarray, "kinds windows"]:
    """What is reversed under each window, by `KINDS`, (3, W)."""
    around = turned(joints_m, reference_m[None], joint_names)
    sides = swapped(joints_m, reference_m[None], joint_names)
    return np.stack([around, sides, around | sides])


def _mirror(joint_names: tuple[str, ...]) -> NDArray[np.int64]:
    """For each joint the index of its mirror image; itself on the midline, or where that is not measured."""
    other = {"left": "right", "right": "left"}

    def image(name: str) -> str:
        side, _, rest = name.partition("_")
        twin = f"{other[side]}_{rest}" if side in other else name
        return twin if twin in joint_names else name

    return np.array([joint_names.index(image(name)) for name in joint_names])
