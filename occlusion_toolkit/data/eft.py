"""EFT's fits (`COCO2014-All-ver01.json`, `MPII_ver01.json`, `LSPet_ver01.json`, ...): SMPL in photographs.

The file is `{"ver", "data": [person, ...], "meta"}`. Of a person these are read: `imageName`, `bbox_center`
and `bbox_scale` (side / 200 pixels, margin included), `gt_keypoint_2d` (49 x 3, image pixels), `parm_pose`
(24 x 3 x 3), `parm_shape` (10) and `parm_cam`.
"""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from occlusion_toolkit.body.arrays import GENDERS
from occlusion_toolkit.data.annotations import AnnotationTable, ImageFolder
from occlusion_toolkit.data.problems import Problems
from occlusion_toolkit.data.sample import are_rotations
from occlusion_toolkit.files.json_items import json_items

_SHAPES = {
    "bbox_center": (2,),
    "bbox_scale": (),
    "gt_keypoint_2d": (49, 3),
    "parm_pose": (24, 3, 3),
    "parm_shape": (10,),
    "parm_cam": (3,),
}


def read_eft(path: Path, folder: ImageFolder) -> AnnotationTable:
    """Reads and checks a file of EFT's; bodies are SMPL's neutral one.

    EFT's camera (s, t) means x = s X + t; the table's means x = s (X + t / s).

    Args:
        path: the .json file.
        folder: finds the images.

    Raises:
        UnsafeFileError: the file is missing, too large or damaged.
        DatasetError: people are malformed or images are missing; the message lists every problem found.
    """
    problems = Problems()
    names: list[str] = []
    columns: dict[str, list[np.ndarray]] = {key: [] for key in _SHAPES}
    for row, item in enumerate(json_items(path, "data")):
        person = _person(item, row, problems)
        if person is not None:
            names.append(str(item["imageName"]))
            for key, values in person.items():
                columns[key].append(values)
    if not names and not problems.lines:
        problems.add("the file has no people")
    images = folder.find_all(names, problems)
    problems.raise_for_dataset(path)
    arrays = {key: np.array(values) for key, values in columns.items()}
    scale, shift = arrays["parm_cam"][:, :1], arrays["parm_cam"][:, 1:]
    rotvecs = Rotation.from_matrix(arrays["parm_pose"].reshape(-1, 3, 3)).as_rotvec()
    everyone = np.ones(len(names), bool)
    return AnnotationTable(
        root=folder.root,
        images=images,
        boxes_px=np.column_stack([arrays["bbox_center"], 200.0 * arrays["bbox_scale"]]).astype(np.float64),
        keypoints_px=arrays["gt_keypoint_2d"],
        joints_m=None,
        poses=rotvecs.reshape(-1, 72).astype(np.float32),
        betas=arrays["parm_shape"],
        cameras=np.concatenate([scale, shift / scale], axis=1).astype(np.float32),
        pinholes=None,
        has_smpl=everyone,
        has_pose_3d=np.zeros(len(names), bool),
        genders=np.full(len(names), GENDERS.index("neutral"), np.uint8),
    )


def _person(item: Any, row: int, problems: Problems) -> dict[str, np.ndarray] | None:
    """The numbers of one person in single precision, boxes in double; None with problems noted."""
    if not isinstance(item, dict) or not isinstance(item.get("imageName"), str):
        problems.add(f"person {row} has no imageName")
        return None
    values = {}
    for key, shape in _SHAPES.items():
        array = problems.array(item.get(key), f"{key} of person {row}", shape)
        if array is not None and problems.finite(array, f"{key} of person {row}"):
            values[key] = array
    if len(values) < len(_SHAPES):
        return None
    if values["bbox_scale"] <= 0 or values["parm_cam"][0] <= 0:
        problems.add(f"person {row} has a box or a camera whose scale is not positive")
        return None
    if not are_rotations(values["parm_pose"]).all():
        problems.add(f"parm_pose of person {row} holds a matrix that is not a rotation")
        return None
    exact = ("bbox_center", "bbox_scale")
    return {key: array if key in exact else array.astype(np.float32) for key, array in values.items()}
