"""The bodies of annotated people and their 49 training joints."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Int64
from scipy.spatial.transform import Rotation

from occlusion_toolkit.body.arrays import GENDERS, SMPL_TOPOLOGY, Gender
from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints49 import J24, NUM_EXTRA, NUM_OPENPOSE, SPIN49, Joints49
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.body.parts import face_parts
from occlusion_toolkit.body.smpl_files import (
    EXTRA_REGRESSOR,
    HOW_TO_GET_REGRESSORS,
    find_smpl_files,
    read_part_mapping,
    read_regressor,
)
from occlusion_toolkit.data.annotations import AnnotationTable
from occlusion_toolkit.data.people import People
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.errors import BodyModelError, DatasetError

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
        self._face_parts: dict[Gender, Int64[np.ndarray, " faces"]] = {}

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

    def face_parts(self, gender: Gender) -> Int64[np.ndarray, " faces"]:
        """The part of each face, 0 to 23, that part labels are rendered with.

        Of SMPL as in PARE's code where its mapping is in SMPL's folder: the smallest part of the three
        corners. Elsewhere the part of most corners, each being moved mostly by that joint.

        Raises:
            BodyModelError: the mapping is not one.
            UnsafeFileError: the mapping is damaged, or asks for more than plain data.
        """
        if gender not in self._face_parts:
            arrays, mapping = self.model(gender).arrays, self.part_mapping
            if mapping is not None:
                parts = read_part_mapping(mapping)[arrays.faces].min(axis=1)
            else:
                parts = face_parts(self.model(gender).vertex_parts.cpu().numpy(), arrays.faces)
            self._face_parts[gender] = parts
        return self._face_parts[gender]

    @property
    def part_mapping(self) -> Path | None:
        """PARE's part of each vertex of SMPL; None where it is not there, and for other bodies."""
        if self.topology != SMPL_TOPOLOGY:
            return None
        return find_smpl_files(self._bodies.smpl_dir).part_mapping

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


OPENPOSE_FROM_COCO18 = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
"""Where 3DPW's 18 keypoints stand among OpenPose's 25."""

_PIXEL_CENTRE = 0.5  # intrinsics have pixel centres at whole numbers, boxes pixel borders


def table_of_people(people: People, bodies: TrainingBodies) -> AnnotationTable:
    """Annotations of all people: detected OpenPose keypoints, and the body's own joints in 3D and 2D.

    The J24 keypoints are the joints of the true body (of its own gender) seen by the true camera, confidence
    1. PARE's list has detected keypoints only, which its loss gives no weight.

    Raises:
        DatasetError: the data set does not publish keypoints, joints or cameras.
    """
    frames = list(people)
    pelvis = np.array([frame.joints_m[0] for frame in frames if frame.joints_m is not None])
    seen = all(frame.keypoints_px is not None and frame.intrinsics is not None for frame in frames)
    if not frames or not seen or len(pelvis) < len(frames):
        raise DatasetError(f"{str(people.root)!r} lacks people, or their keypoints, joints or cameras")
    table = _detections(people, frames)
    cameras = np.array([frame.intrinsics for frame in frames])
    shift = pelvis - _own_pelvis(table, bodies)
    joints = body_joints(table, np.arange(len(frames)), bodies)[:, NUM_OPENPOSE:] + shift[:, None]
    projected = np.einsum("nij,nkj->nki", cameras, joints.astype(np.float64))
    keypoints = table.keypoints_px
    keypoints[:, NUM_OPENPOSE:, :2] = projected[..., :2] / projected[..., 2:] + _PIXEL_CENTRE
    keypoints[:, NUM_OPENPOSE:, 2] = 1.0
    half = table.boxes_px[:, 2:] / 2
    focal = cameras[:, [0, 1], [0, 1]] / half
    centre = (cameras[:, :2, 2] + _PIXEL_CENTRE - table.boxes_px[:, :2]) / half
    pinholes = np.concatenate([shift, focal, centre], axis=1).astype(np.float32)
    return with_body_joints(dataclasses.replace(table, pinholes=pinholes), bodies)


def _detections(people: People, frames: Sequence[Sample]) -> AnnotationTable:
    """The table with detected keypoints alone."""
    count = len(frames)
    keypoints = np.zeros((count, 49, 3), np.float32)
    keypoints[:, OPENPOSE_FROM_COCO18] = [frame.keypoints_px for frame in frames]
    rotmats = np.array([frame.rotmats for frame in frames]).reshape(-1, 3, 3)
    names = [frame.image_path.relative_to(people.root).as_posix().encode() for frame in frames]
    return AnnotationTable(
        root=people.root,
        images=np.array(names, np.bytes_),
        boxes_px=np.array([(*frame.box.centre, frame.box.size) for frame in frames], np.float64),
        keypoints_px=keypoints,
        joints_m=None,
        poses=Rotation.from_matrix(rotmats).as_rotvec().reshape(count, 72).astype(np.float32),
        betas=np.array([frame.betas for frame in frames]),
        cameras=None,
        pinholes=None,
        has_smpl=np.ones(count, bool),
        has_pose_3d=np.zeros(count, bool),
        genders=np.array([GENDERS.index(frame.gender) for frame in frames], np.uint8),
    )


def _own_pelvis(table: AnnotationTable, bodies: TrainingBodies) -> np.ndarray:
    """Where the kinematic pelvis of each body is in the body's own frame, (N, 3)."""
    if table.betas is None:
        raise DatasetError("these annotations have no bodies")
    pelvis = np.zeros((len(table), 3), np.float32)
    for code in np.unique(table.genders):
        rows = table.genders == code
        joints = bodies.joints(GENDERS[int(code)])
        root, directions = joints.rest_joints[0].numpy(), joints.rest_joint_dirs[0].numpy()
        pelvis[rows] = root + table.betas[rows] @ directions.T
    return pelvis
