"""The 49 training joints of annotated bodies, for annotations that hold bodies but no joints."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float32
from scipy.spatial.transform import Rotation

from occlusion_toolkit.body.arrays import GENDERS, SMPL_TOPOLOGY, Gender
from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints49 import J24, NUM_EXTRA, NUM_OPENPOSE, SPIN49, Joints49
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.body.smpl_files import (
    EXTRA_REGRESSOR,
    HOW_TO_GET_REGRESSORS,
    find_smpl_files,
    read_regressor,
)
from occlusion_toolkit.data.annotations import AnnotationTable
from occlusion_toolkit.errors import BodyModelError

_ROWS_PER_PASS = 1024


class TrainingBodies:
    """The bodies of one topology with their 49 joints, each made once.

    Args:
        bodies: reads them.
        topology: id of the mesh.
    """

    def __init__(self, bodies: Bodies, topology: str) -> None:
        self.topology = topology
        self._bodies = bodies
        self._joints: dict[Gender, Joints49] = {}

    def model(self, gender: Gender) -> BodyModel:
        """The body of a gender, on the CPU."""
        return self._bodies.load(self.topology, gender)

    def joints(self, gender: Gender) -> Joints49:
        """The 49 joints of a gender.

        Raises:
            BodyModelError: SMPL's additional regressor is missing or is not one.
        """
        if gender not in self._joints:
            arrays = self.model(gender).arrays
            self._joints[gender] = Joints49(arrays, self._extra(arrays.num_vertices))
        return self._joints[gender]

    def _extra(self, vertices: int) -> np.ndarray | None:
        if self.topology != SMPL_TOPOLOGY:
            return None
        path = find_smpl_files(self._bodies.smpl_dir).extra_regressor
        if path is None:
            raise BodyModelError(
                f"training on published data needs {EXTRA_REGRESSOR} in {str(self._bodies.smpl_dir)!r}; "
                f"{HOW_TO_GET_REGRESSORS}"
            )
        return read_regressor(path, NUM_EXTRA, vertices)


def bodies_of(
    table: AnnotationTable, rows: np.ndarray
) -> Iterator[tuple[Gender, np.ndarray, BodyParameters]]:
    """The bodies of some people, in batches of one gender each.

    Args:
        table: annotations that have bodies.
        rows: people with a body.

    Yields:
        The gender, places in `rows` and the parameters; cameras are zero.
    """
    if table.poses is None or table.betas is None:
        return
    for code in np.unique(table.genders[rows]):
        same = np.flatnonzero(table.genders[rows] == code)
        for start in range(0, len(same), _ROWS_PER_PASS):
            places = same[start : start + _ROWS_PER_PASS]
            some = rows[places]
            rotmats = Rotation.from_rotvec(table.poses[some].reshape(-1, 3)).as_matrix()
            parameters = BodyParameters(
                torch.from_numpy(rotmats.reshape(-1, 24, 3, 3).astype(np.float32)),
                torch.from_numpy(table.betas[some]),
                torch.zeros(len(some), 3),
            )
            yield GENDERS[int(code)], places, parameters


def body_joints(
    table: AnnotationTable, rows: np.ndarray, bodies: TrainingBodies
) -> Float32[np.ndarray, "rows 49 3"]:
    """The 49 joints of some people's bodies, in the order of `rows`, metres, not centred, (N, 49, 3)."""
    joints: np.ndarray = np.zeros((len(rows), len(SPIN49), 3), np.float32)
    for gender, places, parameters in bodies_of(table, rows):
        joints[places] = bodies.joints(gender)(parameters).numpy()
    return joints


def with_body_joints(table: AnnotationTable, bodies: TrainingBodies) -> AnnotationTable:
    """The table with 3D joints of the body, confidence 1, for everybody who has a body and no 3D joints.

    So does PARE's preparation of EFT's fits (`S` of its lists).
    """
    rows = np.flatnonzero(table.has_smpl & ~table.has_pose_3d)
    if len(rows) == 0:
        return table
    joints = np.zeros((len(table), len(J24), 4), np.float32)
    if table.joints_m is not None:
        joints[:] = table.joints_m
    joints[rows, :, :3] = body_joints(table, rows, bodies)[:, NUM_OPENPOSE:]
    joints[rows, :, 3] = 1.0
    return dataclasses.replace(table, joints_m=joints, has_pose_3d=table.has_pose_3d | table.has_smpl)
