"""Named joint sets and the 24-joint tree every body of the toolkit shares."""

from dataclasses import dataclass

from occlusion_toolkit.errors import UsageError

PARENTS: tuple[int, ...] = (
    -1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21,
)  # fmt: skip
"""Parent of each of the 24 SMPL joints; -1 is the root. Parents come before their children."""


@dataclass(frozen=True)
class JointSet:
    """An ordered set of named joints.

    Attributes:
        name: how options and files call the set.
        joint_names: one name per joint, snake_case, sides spelled out ("left_knee").
        mirror: for each joint the index of its mirror image (itself on the midline).
    """

    name: str
    joint_names: tuple[str, ...]
    mirror: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.joint_names)

    def index(self, joint_name: str) -> int:
        """Position of a joint by name.

        Raises:
            UsageError: the set has no such joint; the message lists those it has.
        """
        if joint_name not in self.joint_names:
            raise UsageError(
                f"joint set {self.name!r} has no joint {joint_name!r}; it has: {', '.join(self.joint_names)}"
            )
        return self.joint_names.index(joint_name)


def _mirror_of(joint_names: tuple[str, ...]) -> tuple[int, ...]:
    """Mirror permutation read off the names: left_x and right_x are each other's image."""
    swapped = {"left": "right", "right": "left"}

    def image(name: str) -> str:
        side, _, rest = name.partition("_")
        return f"{swapped[side]}_{rest}" if side in swapped else name

    return tuple(joint_names.index(image(name)) for name in joint_names)


def _named(name: str, *joint_names: str) -> JointSet:
    return JointSet(name, joint_names, _mirror_of(joint_names))


SMPL24 = _named(
    "smpl24",
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle",
    "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hand", "right_hand",
)  # fmt: skip
"""The kinematic joints, in the order of the rotations."""

H36M17 = _named(
    "h36m17",
    "pelvis", "left_hip", "left_knee", "left_ankle", "right_hip", "right_knee", "right_ankle", "spine",
    "neck", "nose", "head_top", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder",
    "right_elbow", "right_wrist",
)  # fmt: skip
"""Rows of the Human3.6M-style vertex regressor; row 0 is the pelvis that centres errors."""

LSP_FROM_H36M: tuple[int, ...] = (6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10)
"""The H36M17 rows that make up LSP14, in order (SPIN's and PARE's evaluation subset)."""

LSP14 = _named("lsp14", *(H36M17.joint_names[row] for row in LSP_FROM_H36M))
"""The 14 joints that MPJPE and PA-MPJPE are averaged over."""

BLAZEPOSE33 = _named(
    "blazepose33",
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear", "left_mouth", "right_mouth", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index",
    "left_thumb", "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle", "left_heel", "right_heel", "left_foot_index", "right_foot_index",
)  # fmt: skip
"""BlazePose's landmarks, in order; left is the person's."""

_JOINT_SETS = (SMPL24, H36M17, LSP14, BLAZEPOSE33)


def joint_set(name: str) -> JointSet:
    """The joint set of that name.

    Raises:
        UsageError: no set has that name.
    """
    for candidate in _JOINT_SETS:
        if candidate.name == name:
            return candidate
    known = ", ".join(candidate.name for candidate in _JOINT_SETS)
    raise UsageError(f"unknown joint set {name!r}; choose one of: {known}")
