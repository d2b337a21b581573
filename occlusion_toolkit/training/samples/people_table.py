"""People of an evaluation data set (3DPW) as annotations to train with."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from occlusion_toolkit.body.arrays import GENDERS
from occlusion_toolkit.body.joints49 import NUM_OPENPOSE
from occlusion_toolkit.data.annotations import AnnotationTable
from occlusion_toolkit.data.people import People
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.errors import DatasetError
from occlusion_toolkit.training.samples.body_joints import TrainingBodies, body_joints, with_body_joints

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
