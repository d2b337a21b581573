"""A tiny data set in 3DPW's layout, as its pickles are documented, for tests of its readers."""

import json
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from support.python2_pickler import python2_pickle

FRAMES = 5


def camera_poses(generator: np.random.Generator) -> np.ndarray:
    """World to camera, (N, 4, 4): the camera turns and moves."""
    matrices = np.tile(np.eye(4), (FRAMES, 1, 1))
    matrices[:, :3, :3] = Rotation.random(FRAMES, random_state=7).as_matrix()
    matrices[:, :3, 3] = generator.normal(size=(FRAMES, 3))
    return matrices


def skeleton(generator: np.random.Generator) -> np.ndarray:
    """Joints in the world, (N, 72): a plausible height between pelvis and head."""
    joints = generator.normal(scale=0.3, size=(FRAMES, 24, 3))
    joints[:, 15] = joints[:, 0] + (0, 0.6, 0)
    return joints.reshape(FRAMES, 72)


def sequence(name: str, people: int = 1) -> dict[str, object]:
    """The content of one sequence pickle."""
    generator = np.random.default_rng(len(name))
    keypoints = np.ones((FRAMES, 3, 18))
    keypoints[:, 0] = generator.uniform(20, 60, (FRAMES, 18))
    keypoints[:, 1] = generator.uniform(10, 90, (FRAMES, 18))
    return {
        "sequence": np.array(name.encode()),  # a string of Python 2
        "poses": [generator.normal(scale=0.4, size=(FRAMES, 72)) for _ in range(people)],
        "trans": [generator.normal(size=(FRAMES, 3)) for _ in range(people)],
        "betas": [np.concatenate([generator.normal(size=10), np.zeros(290 * p)]) for p in range(people)],
        "genders": ["m", "f"][:people],
        "poses_60Hz": [generator.normal(size=(2 * FRAMES, 72)) for _ in range(people)],
        "trans_60Hz": [generator.normal(size=(2 * FRAMES, 3)) for _ in range(people)],
        "betas_clothed": [generator.normal(size=10) for _ in range(people)],
        "v_template_clothed": [np.zeros((6890, 3)) for _ in range(people)],
        "poses2d": [keypoints + 3 * p * (np.arange(3) < 2)[:, None] for p in range(people)],
        "jointPositions": [skeleton(generator) for _ in range(people)],
        "cam_poses": camera_poses(generator),
        "cam_intrinsics": np.array([[100.0, 0, 40], [0, 100, 50], [0, 0, 1]]),
        "campose_valid": [np.ones(FRAMES, np.uint8) for _ in range(people)],
        "img_frame_ids": np.arange(FRAMES) * 2,
        "texture_maps": [],
    }


def write_sequence(root: Path, split: str, content: dict[str, object], name: str | None = None) -> None:
    """Writes the pickle as Python 2 did, and empty image files."""
    name = name or content["sequence"].item().decode()
    folder = root / "sequenceFiles" / split
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.pkl").write_bytes(python2_pickle(content, 2))
    images = root / "imageFiles" / name
    images.mkdir(parents=True, exist_ok=True)
    for frame in range(FRAMES):
        (images / f"image_{frame:05d}.jpg").touch()


def write_dataset(root: Path, split: str = "test") -> None:
    """Two sequences, the second with two people."""
    write_sequence(root, split, sequence("street_00"))
    write_sequence(root, split, sequence("cafe_01", people=2))


def write_topology(root: Path, split: str = "test") -> None:
    (root / f"dataset.{split}.json").write_text(json.dumps({"body": "open-body-test"}))
