"""The surface that values over vertices are shown on, and the pose it is shown in."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int64
from scipy.spatial.transform import Rotation

from occlusion_toolkit.body.arrays import NUM_BETAS, NUM_JOINTS
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.body.parts import PART_NAMES


@dataclass(frozen=True)
class BodySurface:
    """A body in one pose, with the part of each vertex.

    Attributes:
        topology: id of the mesh; values over the vertices of another id must never be combined with it.
        vertices_m: x to the body's left, y up, z to its front, metres, (V, 3).
        faces: corner indices, anticlockwise when seen from outside, (F, 3).
        vertex_parts: index of each vertex's part in `part_names`, (V,).
        part_names: names of the parts.
    """

    topology: str
    vertices_m: Float32[np.ndarray, "vertices 3"]
    faces: Int64[np.ndarray, "faces 3"]
    vertex_parts: Int64[np.ndarray, " vertices"]
    part_names: tuple[str, ...]


# Degrees. Arms half down keep the figure narrow, arms forward uncover the flanks in views from the side,
# and legs apart uncover the thighs. The collars come down with the arms, as docs/open-body.md advises.
_ARM_DOWN, _ARM_FORWARD, _COLLAR_DOWN, _LEG_OUT = 46.0, 30.0, 9.0, 7.0


def display_surface(body: BodyModel) -> BodySurface:
    """The mean body in an A-pose that hides little of its surface from the front, the back and the sides.

    Args:
        body: any body of SMPL's format, on any device.

    Returns:
        Its surface; the box around it is centred on the origin.
    """
    like = body.rest_joints
    parameters = BodyParameters(
        rotmats=torch.from_numpy(_display_rotmats()).to(like)[None],
        betas=like.new_zeros(1, NUM_BETAS),
        camera=like.new_zeros(1, 3),
    )
    with torch.no_grad():
        vertices = body(parameters).vertices[0]
    vertices = vertices - (vertices.amin(0) + vertices.amax(0)) / 2
    return BodySurface(
        topology=body.topology,
        vertices_m=np.asarray(vertices.cpu().numpy(), dtype=np.float32),
        faces=body.faces.cpu().numpy(),
        vertex_parts=body.vertex_parts.cpu().numpy(),
        part_names=PART_NAMES,
    )


def _display_rotmats() -> np.ndarray:
    rotmats = np.tile(np.eye(3), (NUM_JOINTS, 1, 1))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        arm = Rotation.from_euler("yz", [-sign * _ARM_FORWARD, -sign * _ARM_DOWN], degrees=True)
        collar = Rotation.from_euler("z", -sign * _COLLAR_DOWN, degrees=True)
        leg = Rotation.from_euler("z", sign * _LEG_OUT, degrees=True)
        for part, turn in (("shoulder", arm), ("collar", collar), ("hip", leg)):
            rotmats[SMPL24.index(f"{side}_{part}")] = turn.as_matrix()
    return rotmats
