"""Option values that need more than a type: joints and devices."""

import torch

from occlusion_toolkit.body.joints import LSP14, SMPL24, JointSet
from occlusion_toolkit.errors import UsageError
from occlusion_toolkit.sweep.network import existing_device


def select_joints(text: str) -> tuple[JointSet, tuple[str, ...]]:
    """The joint set and the joints that `--joints` names.

    Args:
        text: "lsp14", "smpl24", or joint names of one of them, separated by commas.

    Raises:
        UsageError: a joint is in neither set, or the joints are not all in one set.
    """
    sets = (LSP14, SMPL24)
    for joint_set in sets:
        if text.strip().lower() == joint_set.name:
            return joint_set, joint_set.joint_names
    names = tuple(dict.fromkeys(word.strip().lower().replace(" ", "_") for word in text.split(",")))
    for joint_set in sets:
        if set(names) <= set(joint_set.joint_names):
            return joint_set, names
    known = {joint_set.name: ", ".join(joint_set.joint_names) for joint_set in sets}
    unknown = [name for name in names if not any(name in joint_set.joint_names for joint_set in sets)]
    problem = f"there is no joint {unknown[0]!r}" if unknown else f"{text!r} mixes the two joint sets"
    raise UsageError(
        f"--joints: {problem}; give lsp14, smpl24, or joints of one set. "
        + " ".join(f"{name}: {joints}." for name, joints in known.items())
    )


def select_device(text: str) -> torch.device:
    """The device that `--device` names; "auto" takes the first GPU where there is one.

    Raises:
        UsageError: no such device, or not on this machine.
    """
    if text == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return existing_device(text)
