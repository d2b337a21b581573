"""Random poses within joint limits, for fitting regressors that hold on posed bodies."""

import numpy as np
from geometry import Array
from scipy.spatial.transform import Rotation

from occlusion_toolkit.body.joints import PARENTS, SMPL24

# Euler angles in degrees about the T-pose axes of the LEFT side: (lowest, most likely, highest) for x, y, z.
_LIMITS = {
    "hip": ((-115, -15, 25), (-35, 0, 35), (-15, 5, 45)),
    "knee": ((0, 15, 135), (-4, 0, 4), (-4, 0, 4)),
    "ankle": ((-35, 0, 25), (-12, 0, 12), (-12, 0, 12)),
    "foot": ((-20, 0, 15), (-2, 0, 2), (-2, 0, 2)),
    "collar": ((-4, 0, 4), (-12, 0, 10), (-12, -3, 22)),
    "shoulder": ((-55, 0, 55), (-105, -20, 30), (-88, -55, 75)),
    "elbow": ((-65, 0, 65), (-140, -35, 0), (-3, 0, 3)),
    "wrist": ((-8, 0, 8), (-20, 0, 20), (-50, 0, 55)),
    "hand": ((-3, 0, 3), (-6, 0, 6), (-45, -8, 8)),
    "spine1": ((-10, 5, 30), (-16, 0, 16), (-14, 0, 14)),
    "spine2": ((-8, 3, 22), (-16, 0, 16), (-12, 0, 12)),
    "spine3": ((-6, 2, 14), (-12, 0, 12), (-8, 0, 8)),
    "neck": ((-22, 3, 28), (-32, 0, 32), (-18, 0, 18)),
    "head": ((-18, 0, 18), (-28, 0, 28), (-12, 0, 12)),
}
_LEGS = ("hip", "knee", "ankle", "foot")


def sample_poses(rng: np.random.Generator, count: int) -> Array:
    """Rotations relative to the parent, (count, 24, 3, 3); the root stays upright."""
    rotmats = np.tile(np.eye(3), (count, 24, 1, 1))
    for joint, name in enumerate(SMPL24.joint_names):
        side, _, limb = name.rpartition("_")
        if limb not in _LIMITS:
            continue
        draws = np.stack([_draw(rng, count, *limit) for limit in _LIMITS[limb]], axis=-1)
        if side == "right":
            draws *= [1.0, -1.0, -1.0]
        # The rotation about x acts first: flexion in the legs and trunk, twist in the arms.
        order = (2, 1, 0) if limb in _LEGS else (1, 2, 0)
        sequence = "".join("XYZ"[axis] for axis in order)
        rotmats[:, joint] = Rotation.from_euler(sequence, draws[:, order], degrees=True).as_matrix()
    return rotmats


def _draw(rng: np.random.Generator, count: int, lowest: float, mode: float, highest: float) -> Array:
    """Beta-distributed angles on [lowest, highest] with the given mode (a flat PERT distribution)."""
    at = (mode - lowest) / (highest - lowest)
    return lowest + (highest - lowest) * rng.beta(1 + 4.4 * at, 1 + 4.4 * (1 - at), count)


def posed(vertices: Array, joints: Array, weights: Array, rotmats: Array) -> tuple[Array, Array]:
    """Linear blend skinning of one body per pose.

    Args:
        vertices: (N, V, 3) shaped bodies in T-pose.
        joints: (N, 24, 3) their joints.
        weights: (V, 24).
        rotmats: (N, 24, 3, 3).

    Returns:
        Posed vertices (N, V, 3) and joints (N, 24, 3).
    """
    world = np.empty_like(rotmats)
    places = np.empty_like(joints)
    for joint, parent in enumerate(PARENTS):
        if parent < 0:
            world[:, joint], places[:, joint] = rotmats[:, joint], joints[:, joint]
            continue
        world[:, joint] = world[:, parent] @ rotmats[:, joint]
        bone = joints[:, joint] - joints[:, parent]
        places[:, joint] = places[:, parent] + np.einsum("nab,nb->na", world[:, parent], bone)
    shift = places - np.einsum("njab,njb->nja", world, joints)
    transforms = np.concatenate([world.reshape(*world.shape[:2], 9), shift], axis=-1)
    result = np.empty_like(vertices)
    for n, body in enumerate(vertices):
        blended = weights @ transforms[n]
        result[n] = np.einsum("vab,vb->va", blended[:, :9].reshape(-1, 3, 3), body) + blended[:, 9:]
    return result, places
