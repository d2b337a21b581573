"""A tiny 3DOH50K as its annotations are documented, and the list that PARE's preparation makes of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from support.published_lists import turned


def annotations(count: int = 4) -> dict[str, dict[str, Any]]:
    """The content of annots.json."""
    generator = np.random.default_rng(3)
    cameras = Rotation.random(count, random_state=5).as_matrix()
    items = {}
    for index in range(count):
        extrinsics = np.eye(4)
        extrinsics[:3, :3], extrinsics[:3, 3] = cameras[index], generator.normal(size=3)
        left, top = generator.uniform(10, 50, 2)
        items[f"{index:05d}"] = {
            "img_path": f"images\\{index:05d}.jpg",
            "pose": generator.normal(scale=0.4, size=(1, 72)).tolist(),
            "betas": generator.normal(size=(1, 10)).tolist(),
            "trans": generator.normal(size=(1, 3)).tolist(),
            "scale": [1.0],
            "bbox": [[left, top], [left + 60.5, top + 120.25]],
            "intri": [[1000.0, 0, 500], [0, 1000, 400], [0, 0, 1]],
            "extri": extrinsics.tolist(),
            "smpl_joints_2d": np.zeros((24, 2)).tolist(),
            "smpl_joints_3d": np.zeros((24, 3)).tolist(),
            "lsp_joints_2d": np.zeros((14, 2)).tolist(),
            "lsp_joints_3d": np.zeros((14, 3)).tolist(),
        }
    return items


def write_threedoh(root: Path, items: dict[str, dict[str, Any]], split: str = "test") -> None:
    """Writes the annotations and empty image files."""
    folder = root / f"{split}set"
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "annots.json").write_text(json.dumps(items))
    for item in items.values():
        (folder / "images" / str(item["img_path"]).replace("\\", "/").split("/")[-1]).touch()


def write_pare_list(path: Path, items: dict[str, dict[str, Any]], folder: str = "testset") -> Path:
    """Writes PARE's list of the data set: no genders, boxes of 1.2 times the height."""
    poses, centres, scales = [], [], []
    for item in items.values():
        pose = np.array(item["pose"][0])
        pose[:3] = turned(np.array(item["extri"])[:3, :3], pose[:3])
        (left, top), (right, bottom) = item["bbox"]
        poses.append(pose)
        centres.append([(left + right) / 2, (top + bottom) / 2])
        scales.append(1.2 * (bottom - top) / 200)
    np.savez(
        path,
        imgname=[f"{folder}/" + item["img_path"].replace("\\", "/") for item in items.values()],
        center=centres,
        scale=scales,
        pose=poses,
        shape=[item["betas"][0] for item in items.values()],
    )
    return path
