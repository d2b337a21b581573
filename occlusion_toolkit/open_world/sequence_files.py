"""Writes 3DPW's file layout: sequence pickles of plain NumPy arrays, numbered images, part-label maps."""

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from occlusion_toolkit.files.atomic import write_bytes
from occlusion_toolkit.open_world.rig import Floats
from occlusion_toolkit.open_world.sequence import Person, RenderedFrame

# OpenPose/COCO order of 3DPW's poses2d: landmarks are nose, right eye, left eye, right ear, left ear, neck.
_NOSE, _RIGHT_EYE, _LEFT_EYE, _RIGHT_EAR, _LEFT_EAR, _NECK = range(24, 30)

COCO18 = (
    *(_NOSE, _NECK, 17, 19, 21, 16, 18, 20, 2, 5, 8, 1, 4, 7),
    *(_RIGHT_EYE, _LEFT_EYE, _RIGHT_EAR, _LEFT_EAR),
)
"""Index of each of 3DPW's 18 image joints in the 24 SMPL joints followed by six landmarks."""


def image_path(root: Path, sequence: str, frame: int) -> Path:
    """Return where a frame's picture lies."""
    return root / "imageFiles" / sequence / f"image_{frame:05d}.jpg"


def part_path(root: Path, sequence: str, frame: int) -> Path:
    """Return where a frame's label map lies."""
    return root / "partFiles" / sequence / f"part_{frame:05d}.png"


def sequence_path(root: Path, split: str, sequence: str) -> Path:
    """Return where a sequence's ground truth lies; it is written last, so it marks a finished sequence."""
    return root / "sequenceFiles" / split / f"{sequence}.pkl"


def image_joints(frame: RenderedFrame) -> Floats:
    """Return 3DPW's 2D joints (3, 18): x, y in pixels and confidence; outside the picture all are zero."""
    points = np.concatenate([frame.joints, frame.landmarks])[list(COCO18)]
    pixels, depth = frame.camera.project(points)
    inside = (depth > 0) & (pixels >= -0.5).all(axis=1)
    inside &= (pixels[:, 0] < frame.camera.width - 0.5) & (pixels[:, 1] < frame.camera.height - 0.5)
    return np.where(inside, np.concatenate([pixels.T, np.ones((1, len(points)))]), 0.0)


def sequence_content(name: str, person: Person, frames: Sequence[RenderedFrame]) -> dict[str, object]:
    """Return the ground truth of a sequence under 3DPW's keys, for one person and N frames.

    Values are NumPy arrays, lists and strings only. There is no 60 Hz track: `poses_60Hz` repeats `poses`
    and `img_frame_ids` counts frames.
    """
    poses = np.stack([frame.pose for frame in frames])
    trans = np.stack([frame.trans for frame in frames])
    count = len(frames)
    return {
        "sequence": name,
        "poses": [poses],
        "trans": [trans],
        "betas": [person.betas.copy()],
        "poses_60Hz": [poses.copy()],
        "trans_60Hz": [trans.copy()],
        "genders": [person.gender],
        "poses2d": [np.stack([image_joints(frame) for frame in frames])],
        "jointPositions": [np.stack([frame.joints.ravel() for frame in frames])],
        "cam_poses": np.stack([frame.camera.extrinsics for frame in frames]),
        "cam_intrinsics": frames[0].camera.intrinsics.copy(),
        "campose_valid": [np.ones(count, dtype=np.uint8)],
        "img_frame_ids": np.arange(count),
        "texture_maps": [],
    }


def write_frame(root: Path, sequence: str, index: int, frame: RenderedFrame) -> None:
    """Write a frame's JPEG and label PNG."""
    picture, labels = image_path(root, sequence, index), part_path(root, sequence, index)
    picture.parent.mkdir(parents=True, exist_ok=True)
    labels.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(frame.image).save(picture, quality=frame.jpeg_quality, subsampling=2)
    Image.fromarray(frame.labels).save(labels, optimize=False)


def write_sequence(
    root: Path, split: str, name: str, person: Person, frames: Sequence[RenderedFrame]
) -> None:
    """Write a sequence: pictures first, ground truth last and at once."""
    for index, frame in enumerate(frames):
        write_frame(root, name, index, frame)
    path = sequence_path(root, split, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, pickle.dumps(sequence_content(name, person, frames), protocol=4))
