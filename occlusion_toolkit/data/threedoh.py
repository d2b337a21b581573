"""3DOH50K, people behind objects: the official annotations (annots.json) and PARE's list (3doh_test.npz).

    ROOT/testset/annots.json     ground truth of all images, by number
    ROOT/testset/images/         the images

The body is SMPL's neutral one. The files name no sequences, so all images of a split count as one.
"""

import json
import re
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64
from scipy.spatial.transform import Rotation

from occlusion_toolkit.body.arrays import GENDERS, SMPL_TOPOLOGY
from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.body.joints49 import J24, NUM_OPENPOSE
from occlusion_toolkit.data.annotations import AnnotationTable, ImageFolder
from occlusion_toolkit.data.boxes import BOX_MARGIN, CropBox
from occlusion_toolkit.data.people import BAD, PeopleList
from occlusion_toolkit.data.problems import Problems
from occlusion_toolkit.data.published_list import ListedPeople, Locate, locate_below, read_list
from occlusion_toolkit.data.sample import GENDER_CODES, are_rotations, camera_rotmats
from occlusion_toolkit.errors import DatasetError

SPLITS = ("test", "train")

_MAX_BYTES = 2 * 1024**3  # the training split's file is a few hundred megabytes

_NUMBER = re.compile(r"\d{1,9}")


def read_threedoh(
    root: Path, split: str, people_list: Path | None = None, *, skip_bad: bool = False
) -> PeopleList:
    """Reads a split, from the official annotations or from a list of PARE's.

    Args:
        root: folder of the data set.
        split: "test" or "train".
        people_list: the list (.npz); the official annotations when None.
        skip_bad: leave out people that cannot be used, with a warning that names them.

    Raises:
        UnsafeFileError: the list is missing, damaged or holds pickled objects.
        DatasetError: the data set is missing or malformed; the message lists every problem found.
    """
    folder = root / f"{split}set"

    def locate(image: PurePosixPath) -> Path | None:
        # Lists name images from the root, annotations from the folder of the split. Lists may call that
        # folder otherwise than the official files do; then the last part of the name decides.
        candidates = (root / image, folder / image, folder / "images" / image.name)
        return next((path for path in candidates if path.is_file()), None)

    if people_list is None:
        path = folder / "annots.json"
        listed = _listed(_annotations(path), path, locate, skip_bad)
    else:
        listed = read_list(people_list, locate, gendered=False, skip_bad=skip_bad)
    problems = Problems()
    samples = []
    seen: Counter[int] = Counter()
    for row, image in enumerate(listed.images):
        if not _NUMBER.fullmatch(image.stem):
            problems.add(f"the image {image.name} is not named by a number")
            continue
        frame = int(image.stem)
        samples.append(listed.sample(row, f"{split}set", frame, seen[frame]))
        seen[frame] += 1
    problems.raise_for_dataset(people_list or folder)
    return PeopleList(
        "3doh", split, root, SMPL_TOPOLOGY, samples, {BAD: listed.skipped} if listed.skipped else {}
    )


def read_threedoh_training(path: Path, folder: ImageFolder) -> AnnotationTable:
    """The official annotations as a table to train on, as PARE's preparation of the training split makes it.

    The 14 `lsp_joints_2d` are J24's first 14 keypoints, all certain; 3D joints are left to the body.

    Args:
        path: annots.json.
        folder: finds the images.

    Raises:
        DatasetError: the file is missing or malformed, or images are; the message lists every problem found.
    """
    items = _annotations(path)
    problems = Problems()
    listed = _listed(items, path, lambda name: _below(folder, name), skip_bad=False)
    count, first = len(listed), NUM_OPENPOSE
    keypoints: Float32[np.ndarray, "people 49 3"] = np.zeros((count, first + len(J24), 3), np.float32)
    for row, (key, item) in enumerate(items.items()):
        joints = problems.array(item.get("lsp_joints_2d"), f"{key}: lsp_joints_2d", (len(LSP14), 2))
        if joints is not None and problems.finite(joints, f"{key}: lsp_joints_2d"):
            keypoints[row, first : first + len(LSP14)] = np.column_stack([joints, np.ones(len(LSP14))])
    problems.raise_for_dataset(path)
    images = [image.relative_to(folder.root).as_posix().encode() for image in listed.images]
    return AnnotationTable(
        root=folder.root,
        images=np.array(images, np.bytes_),
        boxes_px=np.array([(*box.centre, box.size) for box in listed.boxes], np.float64),
        keypoints_px=keypoints,
        joints_m=None,
        poses=Rotation.from_matrix(listed.rotmats.reshape(-1, 3, 3))
        .as_rotvec()
        .reshape(count, 72)
        .astype(np.float32),
        betas=listed.betas,
        cameras=None,
        pinholes=None,
        has_smpl=np.ones(count, bool),
        has_pose_3d=np.zeros(count, bool),
        genders=np.full(count, GENDERS.index("neutral"), np.uint8),
    )


def _below(folder: ImageFolder, name: PurePosixPath) -> Path | None:
    found = folder.find(name.as_posix())
    return None if found is None else folder.root / found


def _listed(items: dict[str, dict[str, Any]], path: Path, locate: Locate, skip_bad: bool) -> ListedPeople:
    """The official annotations as a list: root rotations turned by `extri`, boxes made from `bbox`.

    The box is a square around the centre of `bbox` with 1.2 times its height, as PARE's preparation of the
    training split makes it.

    Raises:
        DatasetError: the file is missing or malformed; the message lists every problem found.
    """
    problems, skipped, missing = Problems(), 0, []
    images, boxes, poses, cameras, betas = [], [], [], [], []
    for key, item in items.items():
        name, own = str(item.get("img_path", "")), Problems()
        pose = own.array(item.get("pose"), f"{key}: pose", (1, 72))
        shape = own.array(item.get("betas"), f"{key}: betas", (1, 10))
        camera = own.array(item.get("extri"), f"{key}: extri", (4, 4))
        corners = own.array(item.get("bbox"), f"{key}: bbox", (2, 2))
        if (image := locate_below(name, locate)) is None:
            missing.append(name)
        if image is None or pose is None or shape is None or camera is None or corners is None:
            pass  # noted above
        elif not np.isfinite([*pose.flat, *shape.flat]).all():
            own.add(f"{key}: pose or betas have NaN or infinite values")
        elif not are_rotations(camera[None, :3, :3]).all():
            own.add(f"{key}: extri is not a rigid motion")
        elif (box := _box(corners, key, own)) is not None:
            images.append(image)
            boxes.append(box)
            poses.append(pose[0])
            betas.append(shape[0])
            cameras.append(camera[:3, :3])
            continue
        skipped += 1
        problems.lines += own.lines
    problems.missing(missing)
    if skip_bad and images:
        problems.remarks, problems.lines = [f"skipped {line}" for line in problems.lines], []
    problems.raise_for_dataset(path)
    problems.warn(path.name)
    return ListedPeople(
        images=tuple(images),
        boxes=tuple(boxes),
        rotmats=camera_rotmats(np.array(poses), np.array(cameras)),
        betas=np.array(betas, np.float32),
        genders=tuple(GENDER_CODES["n"] for _ in images),
        skipped=skipped,
    )


def _annotations(path: Path) -> dict[str, dict[str, Any]]:
    if not path.is_file():
        raise DatasetError(f"{str(path)!r} does not exist")
    if path.stat().st_size > _MAX_BYTES:
        raise DatasetError(f"{str(path)!r} has more than {_MAX_BYTES} bytes, too many for 3DOH's annotations")
    try:
        items = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{str(path)!r} is damaged or not JSON ({error})") from error
    if not isinstance(items, dict) or not items or not all(isinstance(item, dict) for item in items.values()):
        raise DatasetError(f"{str(path)!r} is not a dictionary of annotations by number")
    return items


def _box(corners: Float64[np.ndarray, "2 2"], key: str, problems: Problems) -> CropBox | None:
    """The square around a rectangle; None with a problem noted where it has no area."""
    (left, top), (right, bottom) = corners.tolist()
    if not (right > left and bottom > top and np.isfinite(corners).all()):
        problems.add(f"{key}: bbox ({left:g}, {top:g}) to ({right:g}, {bottom:g}) has no area")
        return None
    centre, person = ((left + right) / 2, (top + bottom) / 2), (right - left, bottom - top)
    return CropBox(centre, BOX_MARGIN * (bottom - top), person)
