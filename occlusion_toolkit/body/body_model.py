"""Body model over smplx: parameters to vertices, and to joints without the mesh."""

import contextlib
import io
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from smplx import SMPLLayer
from smplx.utils import Struct
from torch import Tensor

from occlusion_toolkit.body.arrays import NUM_BETAS, NUM_JOINTS, NUM_POSE_FEATURES, BodyArrays
from occlusion_toolkit.body.joints import H36M17, LSP14, LSP_FROM_H36M, SMPL24, JointSet
from occlusion_toolkit.body.kinematics import FoldedRegressor, Skeleton, keep_array
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.errors import BodyModelError


@dataclass(frozen=True)
class BodyOutput:
    """A posed body in the camera frame of the root rotation, without translation.

    Attributes:
        vertices: (B, V, 3) metres.
        joints: (B, 24, 3) metres, in the order of `SMPL24`.
    """

    vertices: Float[Tensor, "batch vertices 3"]
    joints: Float[Tensor, "batch 24 3"]


class BodyModel(Skeleton):
    """A body of SMPL's format: 24 joints, 10 betas, any mesh.

    The mesh is skinned by smplx. Joints alone take a shorter way that agrees with it to rounding:
    the kinematic chain for `SMPL24`, and on top of it a regressor folded through the skinning for
    `H36M17` and `LSP14`.

    All arrays are buffers, so `.to(device)` and `.double()` move them; none of them enters a
    `state_dict`, so a checkpoint never carries the body.

    Args:
        arrays: the body; see `occlusion_toolkit.body.open_body.load_open_body`.
    """

    faces: Tensor
    vertex_parts: Tensor

    def __init__(self, arrays: BodyArrays) -> None:
        super().__init__(arrays)
        self.arrays = arrays
        self.topology = arrays.topology
        self._layer = _smplx_layer(arrays)
        keep_array(self, "faces", arrays.faces.astype(np.int64))
        parts = arrays.weights.argmax(axis=1) if arrays.vertex_parts is None else arrays.vertex_parts
        keep_array(self, "vertex_parts", parts.astype(np.int64))
        h36m = arrays.h36m_regressor
        self._h36m = None if h36m is None else FoldedRegressor(arrays, h36m)

    @property
    def num_vertices(self) -> int:
        """Vertices of the mesh."""
        return self.arrays.num_vertices

    def forward(self, parameters: BodyParameters) -> BodyOutput:
        """The whole mesh and the 24 joints.

        Raises:
            BodyModelError: the batch is empty, or parameters and body differ in type or device.
        """
        self._check(parameters)
        with _full_precision(self.rest_joints.device):
            output = self._layer(
                betas=parameters.betas,
                global_orient=parameters.rotmats[:, :1],
                body_pose=parameters.rotmats[:, 1:],
            )
        return BodyOutput(output.vertices, output.joints[:, :NUM_JOINTS])

    def joints(self, parameters: BodyParameters, joint_set: JointSet) -> Float[Tensor, "batch joints 3"]:
        """Joints (B, J, 3) in metres, in the camera frame of the root rotation, not centred.

        Raises:
            BodyModelError: as `forward`; or the set needs a regressor that the body does not have.
        """
        return self._joints_and_pelvis(parameters, joint_set)[0]

    def pelvis(self, parameters: BodyParameters, joint_set: JointSet) -> Float[Tensor, "batch 3"]:
        """The point (B, 3) that errors of a joint set are centred on.

        It is joint 0 for `SMPL24` and the regressed H36M pelvis for `H36M17` and `LSP14`.
        """
        return self._joints_and_pelvis(parameters, joint_set)[1]

    def centred_joints(
        self, parameters: BodyParameters, joint_set: JointSet
    ) -> Float[Tensor, "batch joints 3"]:
        """`joints` minus `pelvis`, for the price of one of them."""
        joints, pelvis = self._joints_and_pelvis(parameters, joint_set)
        return joints - pelvis[:, None]

    def require(self, joint_set: JointSet) -> None:
        """Makes sure that `joints` of a set can be had.

        Raises:
            BodyModelError: the regressor that they need is missing.
        """
        if joint_set != SMPL24:
            self._regressor_of(joint_set)

    def _joints_and_pelvis(self, parameters: BodyParameters, joint_set: JointSet) -> tuple[Tensor, Tensor]:
        self._check(parameters)
        with _full_precision(self.rest_joints.device):
            skeleton = self.posed(parameters)
            if joint_set == SMPL24:
                return skeleton.positions, skeleton.positions[:, 0]
            regressed = self._regressor_of(joint_set)(parameters.rotmats, parameters.betas, skeleton)
        selected = regressed[:, list(LSP_FROM_H36M)] if joint_set == LSP14 else regressed
        return selected, regressed[:, 0]

    def _regressor_of(self, joint_set: JointSet) -> FoldedRegressor:
        if joint_set not in (H36M17, LSP14):
            raise BodyModelError(f"joint set {joint_set.name!r} is not one that bodies know how to make")
        if self._h36m is None:
            raise BodyModelError(
                f"body {self.topology!r} has no H36M regressor, which joint set {joint_set.name!r} needs; "
                f"use {SMPL24.name!r}, or put J_regressor_h36m.npy (from the data archives of SPIN and PARE, "
                "docs/smpl.md) beside the body's files"
            )
        return self._h36m

    def _check(self, parameters: BodyParameters) -> None:
        if len(parameters) == 0:
            raise BodyModelError("the batch has no people; a body needs at least one set of parameters")
        own = (self.rest_joints.dtype, self.rest_joints.device)
        for name in ("rotmats", "betas"):
            tensor: Tensor = getattr(parameters, name)
            if (tensor.dtype, tensor.device) != own:
                raise BodyModelError(
                    f"{name} are {tensor.dtype} on {tensor.device}, the body is {own[0]} on {own[1]}; "
                    "move one of them with .to(...)"
                )


def _full_precision(device: torch.device) -> torch.autocast:
    """Millimetres need more than bfloat16's three digits: autocast ends where the body begins."""
    return torch.autocast(device.type, enabled=False)


def _smplx_layer(arrays: BodyArrays) -> SMPLLayer:
    posedirs = arrays.posedirs
    if posedirs is None:
        posedirs = np.zeros((arrays.num_vertices, 3, NUM_POSE_FEATURES), np.float32)
    data = Struct(
        v_template=arrays.v_template,
        shapedirs=arrays.shapedirs[..., :NUM_BETAS],
        posedirs=posedirs,
        J_regressor=arrays.joint_regressor,
        weights=arrays.weights,
        kintree_table=np.stack([arrays.parents, np.arange(NUM_JOINTS)]).astype(np.int64),
        f=arrays.faces,
    )
    with contextlib.redirect_stdout(io.StringIO()):  # smplx prints a warning for 10-beta bodies
        layer = SMPLLayer(
            "", data_struct=data, vertex_ids=dict(arrays.vertex_ids), dtype=torch.get_default_dtype()
        )
    for module in layer.modules():
        for name, buffer in list(module.named_buffers(recurse=False)):
            module.register_buffer(name, buffer, persistent=False)
    return layer
