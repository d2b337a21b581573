"""Training data in exactly the published formats, of drawn people whose truth is known.

EFT's json, PARE's and SPIN's npz and Pascal VOC's folders are written from the description of their formats,
without the toolkit's readers.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from scipy.spatial.transform import Rotation

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joints49 import Joints49
from occlusion_toolkit.body.parameters import BodyParameters

HEIGHT, WIDTH = 240, 320


@dataclass(frozen=True)
class Truth:
    """People, one an image: parameters, the box's centre and side, 3D joints and pixels of the 49 joints."""

    rotmats: np.ndarray
    betas: np.ndarray
    camera: np.ndarray
    boxes: np.ndarray
    joints: np.ndarray
    pixels: np.ndarray

    def __len__(self) -> int:
        return len(self.rotmats)

    @property
    def poses(self) -> np.ndarray:
        return Rotation.from_matrix(self.rotmats.reshape(-1, 3, 3)).as_rotvec().reshape(-1, 72)

    @property
    def keypoints(self) -> np.ndarray:
        """(N, 49, 3), all certain."""
        return np.concatenate([self.pixels, np.ones((len(self), 49, 1))], axis=2)


def make_people(body: BodyModel, joints49: Joints49, count: int, seed: int = 0) -> Truth:
    """Standing people in mild poses under weak-perspective cameras (SPIN's convention)."""
    rng = np.random.default_rng(seed)
    rotvecs = rng.normal(0, 0.2, (count, 24, 3))
    rotmats = Rotation.from_rotvec(rotvecs.reshape(-1, 3)).as_matrix().reshape(count, 24, 3, 3)
    heading = Rotation.from_rotvec(np.outer(rng.uniform(-1, 1, count), [0, 1.0, 0])).as_matrix()
    rotmats[:, 0] = np.diag([1.0, -1.0, -1.0]) @ heading
    betas = rng.normal(0, 1, (count, 10))
    camera = np.array([0.85, 0.0, 0.25]) + rng.normal(0, 0.02, (count, 3))
    boxes = np.column_stack([rng.uniform((140, 110), (180, 130), (count, 2)), rng.uniform(150, 220, count)])
    parameters = BodyParameters(*(torch.from_numpy(a).float() for a in (rotmats, betas, camera)))
    joints = joints49(parameters).double().numpy()
    seen = camera[:, None, :1] * (joints[..., :2] + camera[:, None, 1:])
    pixels = boxes[:, None, :2] + seen * boxes[:, None, 2:] / 2
    return Truth(rotmats, betas, camera, boxes, joints, pixels)


def write_images(truth: Truth, paths: list[Path]) -> None:
    """Grey photographs of noise in which every joint of J24 is a bright dot."""
    rng = np.random.default_rng(5)
    for pixels, path in zip(truth.pixels, paths, strict=True):
        picture = Image.fromarray(rng.integers(0, 60, (HEIGHT, WIDTH, 3), dtype=np.uint8))
        pen = ImageDraw.Draw(picture)
        for x, y in pixels[25:]:
            pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=(255, 255, 255))
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, quality=95)


def eft_item(truth: Truth, row: int, image: str) -> dict[str, Any]:
    """A person of EFT's json; its camera means x = s X + t."""
    scale, *shift = truth.camera[row]
    return {
        "parm_pose": truth.rotmats[row].tolist(),
        "parm_shape": truth.betas[row].tolist(),
        "parm_cam": [scale, scale * shift[0], scale * shift[1]],
        "bbox_scale": truth.boxes[row, 2] / 200,
        "bbox_center": truth.boxes[row, :2].tolist(),
        "gt_keypoint_2d": truth.keypoints[row].tolist(),
        "joint_validity_openpose18": [1] * 18,
        "smpltype": "smpl",
        "annotId": 1000 + row,
        "imageName": image,
    }


def write_eft(root: Path, truth: Truth, name: str = "COCO2014-All-ver01.json", **changes: object) -> Path:
    """COCO-EFT with its images; `changes` replace keys of the first person."""
    images = [f"COCO_train2014_{row:012d}.jpg" for row in range(len(truth))]
    write_images(truth, [root / "train2014" / image for image in images])
    items = [eft_item(truth, row, image) for row, image in enumerate(images)]
    items[0] |= changes
    path = root / name
    path.write_text(json.dumps({"ver": 0.1, "data": items, "meta": {"comments": "made for tests"}}))
    return path


def pare_columns(truth: Truth, prefix: str = "train2014/COCO_train2014_") -> dict[str, np.ndarray]:
    """The columns of PARE's `*_train_eft.npz`: axis-angle, and joints of the body as `S`."""
    certain = np.ones((len(truth), 24, 1))
    return {
        "imgname": np.array([f"{prefix}{row:012d}.jpg" for row in range(len(truth))]),
        "center": truth.boxes[:, :2],
        "scale": truth.boxes[:, 2] / 200,
        "pose": truth.poses,
        "shape": truth.betas,
        "part": truth.keypoints[:, 25:],
        "openpose": truth.keypoints[:, :25],
        "S": np.concatenate([truth.joints[:, 25:], certain], axis=2),
    }


def write_npz(path: Path, truth: Truth, columns: dict[str, np.ndarray]) -> Path:
    """A list and the images that it names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_images(truth, [path.parent / name for name in columns["imgname"]])
    np.savez(path, **columns)
    return path


def write_h36m(root: Path, truth: Truth) -> Path:
    """SPIN's `h36m_train.npz`: centred joints of 17 of the 24 places, no bodies."""
    given = np.zeros(24)
    given[[14, 3, 4, 5, 2, 1, 0, 16, 12, 17, 18, 9, 10, 11, 8, 7, 6]] = 1
    columns = pare_columns(truth)
    columns["S"] = np.dstack([truth.joints[:, 25:] - truth.joints[:, 39:40], np.tile(given, (len(truth), 1))])
    columns["part"][..., 2] = given
    columns["imgname"] = np.array(
        [f"S1_Directions.54138969_{5 * row + 1:06d}.jpg" for row in range(len(truth))]
    )
    kept = {name: columns[name] for name in ("imgname", "center", "scale", "part", "openpose", "S")}
    kept["openpose"] = np.zeros((len(truth), 25, 3))
    path = write_npz(root / "h36m_train.npz", truth, kept)
    (root / "images").mkdir()
    for image in root.glob("*.jpg"):
        image.rename(root / "images" / image.name)
    return path


def write_mpi_inf(root: Path, truth: Truth) -> Path:
    """SPIN's `mpi_inf_3dhp_train.npz`, where only some people have a body."""
    columns = pare_columns(truth, "S1/Seq1/imageFrames/video_0/frame_")
    columns["has_smpl"] = np.arange(len(truth)) % 2
    return write_npz(root / "mpi_inf_3dhp_train.npz", truth, columns)


def write_threedoh(root: Path, truth: Truth) -> Path:
    """3DOH50K's `trainset/annots.json` and its images; the published box is the person's height."""
    folder, items = root / "trainset", {}
    write_images(truth, [folder / "images" / f"{row:05d}.jpg" for row in range(len(truth))])
    for row, (x, y, side) in enumerate(truth.boxes.tolist()):
        half = side / 1.2 / 2
        items[f"{row:05d}"] = {
            "img_path": f"images\\{row:05d}.jpg",
            "pose": truth.poses[row : row + 1].tolist(),
            "betas": truth.betas[row : row + 1].tolist(),
            "extri": np.eye(4).tolist(),
            "bbox": [[x - half / 2, y - half], [x + half / 2, y + half]],
            "lsp_joints_2d": truth.pixels[row, 25:39].tolist(),
        }
    path = folder / "annots.json"
    path.write_text(json.dumps(items))
    return path


def write_voc(root: Path) -> Path:
    """Pascal VOC with one image of four objects: a usable dog, a person, a truncated and a tiny chair."""
    folder = root / "VOCdevkit" / "VOC2012"
    owners = np.zeros((100, 160), np.uint8)
    owners[10:70, 10:50] = 1
    owners[10:70, 60:90] = 2
    owners[10:90, 100:150] = 3
    owners[85:95, 10:30] = 4
    objects = [
        ("dog", (11, 11, 50, 70), 0, 0),
        ("person", (61, 11, 90, 70), 0, 0),
        ("chair", (101, 11, 150, 90), 1, 0),
        ("chair", (11, 86, 30, 95), 0, 0),
    ]
    for name in ("Annotations", "SegmentationObject", "JPEGImages"):
        (folder / name).mkdir(parents=True)
    picture = np.full((100, 160, 3), 30, np.uint8)
    picture[owners == 1] = (200, 40, 40)
    Image.fromarray(picture).save(folder / "JPEGImages" / "2007_000032.jpg", quality=100, subsampling=0)
    image = Image.fromarray(owners, "P")
    image.putpalette([value for index in range(256) for value in (index, 255 - index, index // 2)])
    image.save(folder / "SegmentationObject" / "2007_000032.png")
    entries = "".join(
        f"<object><name>{name}</name><pose>Left</pose><truncated>{truncated}</truncated>"
        f"<difficult>{difficult}</difficult><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax>"
        f"<ymax>{y1}</ymax></bndbox></object>"
        for name, (x0, y0, x1, y1), truncated, difficult in objects
    )
    text = f"<annotation><filename>2007_000032.jpg</filename>{entries}</annotation>"
    (folder / "Annotations" / "2007_000032.xml").write_text(text)
    return root
