"""Posed people for the body tests, and a second implementation of skinning to hold smplx against."""

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from occlusion_toolkit.body.arrays import NUM_POSE_FEATURES, BodyArrays
from occlusion_toolkit.body.joints import PARENTS, SMPL24
from occlusion_toolkit.body.open_body import open_body_arrays
from occlusion_toolkit.body.parameters import BodyParameters

# Largest angles in degrees about x, y and z of the left side, around the T-pose: (low, high).
LIMITS = {
    "hip": ((-90, 20), (-25, 25), (-10, 35)),
    "knee": ((0, 110), (0, 0), (0, 0)),
    "ankle": ((-25, 20), (-10, 10), (-10, 10)),
    "collar": ((0, 0), (-10, 8), (-10, 15)),
    "shoulder": ((-40, 40), (-80, 20), (-80, 60)),
    "elbow": ((-40, 40), (-120, 0), (0, 0)),
    "wrist": ((0, 0), (-15, 15), (-40, 40)),
    "spine1": ((-8, 25), (-12, 12), (-10, 10)),
    "spine2": ((-6, 18), (-12, 12), (-10, 10)),
    "spine3": ((-5, 12), (-10, 10), (-8, 8)),
    "neck": ((-18, 22), (-28, 28), (-14, 14)),
    "head": ((-15, 15), (-25, 25), (-10, 10)),
}


def random_people(count: int, seed: int, dtype: torch.dtype = torch.float32) -> BodyParameters:
    """Natural poses within joint limits, any global orientation, betas of the population."""
    rng = np.random.default_rng(seed)
    rotmats = np.tile(np.eye(3), (count, 24, 1, 1))
    rotmats[:, 0] = Rotation.random(count, random_state=seed).as_matrix()
    for joint, name in enumerate(SMPL24.joint_names):
        side, _, limb = name.rpartition("_")
        if limb in LIMITS:
            angles = np.stack([rng.uniform(*limit, count) for limit in LIMITS[limb]], axis=1)
            if side == "right":
                angles[:, 1:] *= -1
            rotmats[:, joint] = Rotation.from_euler("ZYX", angles[:, ::-1], degrees=True).as_matrix()
    betas = rng.normal(size=(count, 10))
    return BodyParameters(
        torch.tensor(rotmats, dtype=dtype),
        torch.tensor(betas, dtype=dtype),
        torch.zeros(count, 3, dtype=dtype),
    )


def tpose(count: int = 1, dtype: torch.dtype = torch.float32) -> BodyParameters:
    """The mean body in T-pose, unturned."""
    eye = torch.eye(3, dtype=dtype).expand(count, 24, 3, 3).contiguous()
    return BodyParameters(eye, torch.zeros(count, 10, dtype=dtype), torch.zeros(count, 3, dtype=dtype))


def with_random_posedirs(seed: int = 0) -> BodyArrays:
    """The open body with small pose-dependent offsets, as a SMPL file has them."""
    arrays = open_body_arrays()
    shape = (arrays.num_vertices, 3, NUM_POSE_FEATURES)
    posedirs = np.random.default_rng(seed).normal(0, 2e-3, shape)
    return dataclasses.replace(arrays, posedirs=posedirs, topology="open-adult-with-posedirs")


def skinned_by_hand(
    arrays: BodyArrays, rotmats: NDArray[np.float64], betas: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Vertices and joints of one person with 4x4 matrices, straight from the SMPL paper."""
    vertices = arrays.v_template + arrays.shapedirs[..., :10] @ betas
    joints = arrays.joint_regressor @ vertices
    if arrays.posedirs is not None:
        vertices = vertices + arrays.posedirs @ (rotmats[1:] - np.eye(3)).reshape(-1)
    world = np.zeros((24, 4, 4))
    for joint, parent in enumerate(PARENTS):
        local = np.eye(4)
        local[:3, :3] = rotmats[joint]
        local[:3, 3] = joints[joint] - (joints[parent] if parent >= 0 else 0)
        world[joint] = world[parent] @ local if parent >= 0 else local
    rest = np.tile(np.eye(4), (24, 1, 1))
    rest[:, :3, 3] = -joints
    blended = np.tensordot(arrays.weights, world @ rest, axes=1)
    homogeneous = np.concatenate([vertices, np.ones((len(vertices), 1))], axis=1)
    return np.einsum("vab,vb->va", blended, homogeneous)[:, :3], world[:, :3, 3]
