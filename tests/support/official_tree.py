"""A stand-in for everything a user fetches: every official file under its name, in its format and size class.

Nothing in it is SMPL, 3DPW or anybody's weights: the body is the open one with SMPL's number of vertices, the
pictures are shaded ellipses, the weights are random with a seed.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from scipy.spatial.transform import Rotation

from occlusion_toolkit.body.arrays import SMPL_TOPOLOGY
from occlusion_toolkit.body.joints49 import Joints49
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.data.catalogue import OCCLUDED_KINDS, TEST_SEQUENCES
from occlusion_toolkit.files.checkpoints import write_state_dict
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.models.architecture import HMRArchitecture, PAREArchitecture
from occlusion_toolkit.models.cards import ModelCard, Training, Weights, write_card
from occlusion_toolkit.models.networks import build_network
from support.checkpoint_layouts import LAYOUTS
from support.lightning_checkpoint_writer import write_lightning_checkpoint
from support.python2_pickler import python2_pickle
from support.smpl_files_writer import write_smpl_folder
from support.threedoh_fixtures import annotations, write_threedoh
from support.training_files import make_people, write_eft, write_voc

GOLDEN = Path(__file__).parents[1] / "golden"

FIGURE_FRAME = ("downtown_bar_00", 120)
"""The image of 3DPW that the recipes of single images take."""

TINY_MODELS = ("tiny-baseline", "tiny-augmented", "tiny-pare")

_TINY = {"kind": "resnet", "block": "basic", "layers": [1, 1, 1, 1], "width": 4, "input_pooling": 4}


@dataclass(frozen=True)
class Size:
    """How large the tree is.

    Attributes:
        rows: of a sequence's file; most have no valid camera.
        frames: that can be used, in every sequence.
        width: of the images, pixels; they are upright.
        height: of the images, pixels.
    """

    rows: int
    frames: int
    width: int
    height: int


TINY = Size(rows=3, frames=1, width=135, height=240)
WHOLE = Size(rows=1200, frames=3, width=1080, height=1920)


def write_official_tree(home: Path, size: Size = WHOLE, *, weights: bool = True) -> Path:
    """Writes the tree: some hundred megabytes of checkpoints and bodies, and pictures.

    Args:
        home: becomes the toolkit's folder.
        size: of sequences and images.
        weights: write the published checkpoints; without, cards of tiny networks on SMPL's body.
    """
    write_smpl_folder(home / "smpl")
    write_threedpw(home / "data" / "3dpw", size)
    write_threedoh_with_pictures(home / "data" / "3doh", size)
    body = load_open_body()
    write_eft(home / "data" / "coco-eft", make_people(body, Joints49(body.arrays), 3))
    write_voc(home / "data" / "voc")
    if weights:
        write_checkpoints(home / "weights")
    else:
        write_tiny_cards(home / "cards")
    return home


def write_checkpoints(folder: Path) -> None:
    """SPIN's, EFT's and both of PARE's, about 100 and 250 MB each, with what their trainers save beside."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("model_checkpoint.pt", "2020_05_31-00_50_43-best-51.749683916568756.pt")
    for seed, name in enumerate(names):
        torch.manual_seed(seed)
        state = build_network("spin_hmr").state_dict()
        torch.save(LAYOUTS["trainer of SPIN and EFT"](state), folder / name)
    shapes = json.loads((GOLDEN / "pare_lightning_extra_keys.json").read_text())
    beside = {name: torch.zeros(shape) for name, shape in shapes.items()}
    for seed, name in enumerate(("pare_checkpoint.ckpt", "pare_w_3dpw_checkpoint.ckpt"), start=2):
        torch.manual_seed(seed)
        state = build_network("pare_hrnet_w32_conv").state_dict()
        # A mean shape before a camera that shows it: random features are far too large for both.
        for part in ("shape_mlp.weight", "shape_mlp.bias", "cam_mlp.weight"):
            state[f"head.{part}"].zero_()
        state["head.cam_mlp.bias"].copy_(torch.tensor([0.9, 0.0, 0.0]))
        write_lightning_checkpoint(folder / name, {f"model.{key}": t for key, t in state.items()} | beside)


def write_tiny_cards(folder: Path) -> None:
    """Three networks of some thousand weights that predict SMPL's parameters: two HMR and a PARE."""
    hmr = HMRArchitecture.model_validate({"kind": "hmr", "backbone": _TINY, "hidden": 16})
    pare = PAREArchitecture.model_validate(
        {"kind": "pare", "backbone": _TINY, "branch": "upsample", "filters": [8, 8], "corrects_mean": True}
    )
    (folder / "weights").mkdir(parents=True)
    for seed, (name, network) in enumerate(zip(TINY_MODELS, (hmr, hmr, pare), strict=True)):
        torch.manual_seed(seed)
        file = folder / "weights" / f"{name}.safetensors"
        write_state_dict(file, network.build().state_dict(), {})
        stored = Weights(
            file=file.name, sha256=sha256_file(file), shipped=True, licence="CC0-1.0", source="random"
        )
        card = ModelCard(
            name=name,
            title="A stand-in",
            description="Random weights for a rehearsal.",
            network=network,
            weights=stored,
            body=SMPL_TOPOLOGY,
            training=Training(data="none", seed=seed, steps=1, samples=1, hardware="none", hours=0.1),
        )
        write_card(card, folder / f"{name}.yaml")


def write_threedpw(root: Path, size: Size) -> None:
    """3DPW: its 24 test sequences, and of each kind of 3DPW-OCC that is not among them one elsewhere."""
    kinds = sorted(OCCLUDED_KINDS - {"_".join(name.split("_")[:2]) for name in TEST_SEQUENCES})
    splits = {"test": sorted(TEST_SEQUENCES)}
    splits |= {
        "train": [f"{kind}_00" for kind in kinds[::2]],
        "validation": [f"{kind}_00" for kind in kinds[1::2]],
    }
    for split, names in splits.items():
        for number, name in enumerate(names):
            _write_sequence(root, split, name, 2 if number % 4 == 1 else 1, number, size)


def _write_sequence(root: Path, split: str, name: str, people: int, number: int, size: Size) -> None:
    """A sequence as its pickle is documented, with forms that real files have: see `_quirks`."""
    generator = np.random.default_rng([number, len(name)])
    rows = max(size.rows, FIGURE_FRAME[1] + 1) if name == FIGURE_FRAME[0] else size.rows
    used = (
        np.arange(rows - size.frames, rows)
        if name != FIGURE_FRAME[0]
        else FIGURE_FRAME[1] - np.arange(size.frames)[::-1]
    )
    valid = np.zeros(rows, np.uint8)
    valid[used] = 1
    camera = np.tile(np.eye(4), (rows, 1, 1))
    camera[:, :3, :3] = Rotation.from_rotvec(generator.normal(scale=0.3, size=(rows, 3))).as_matrix()
    camera[:, :3, 3] = generator.normal(size=(rows, 3))
    upright = Rotation.from_rotvec([np.pi, 0, 0])
    poses = generator.normal(scale=0.25, size=(people, rows, 72))
    for person in range(people):
        seen = upright * Rotation.from_rotvec(poses[person, :, :3] * [0.2, 2.0, 0.2])
        poses[person, :, :3] = (Rotation.from_matrix(camera[:, :3, :3]).inv() * seen).as_rotvec()
    joints = generator.normal(scale=0.3, size=(people, rows, 24, 3))
    joints[:, :, 15] = joints[:, :, 0] + (0, 0.6, 0)
    keypoints = np.zeros((people, rows, 3, 18))
    centres = generator.uniform((0.4, 0.45), (0.6, 0.55), (people, 2)) * (size.width, size.height)
    spread = generator.uniform(-1, 1, (people, 1, 2, 18)) * np.array([0.12, 0.3])[:, None]
    keypoints[:, :, :2] = centres[:, None, :, None] + spread * size.height
    keypoints[:, :, 2] = generator.uniform(0.4, 1.0, (people, 1, 18))
    content: dict[str, object] = {
        "sequence": np.array(name.encode()),
        "poses": list(poses),
        "trans": list(generator.normal(size=(people, rows, 3))),
        "betas": [generator.normal(scale=0.5, size=10) for _ in range(people)],
        "genders": ["mf"[(number + person) % 2] for person in range(people)],
        "poses_60Hz": [np.zeros((2 * rows, 72)) for _ in range(people)],
        "trans_60Hz": [np.zeros((2 * rows, 3)) for _ in range(people)],
        "betas_clothed": [np.zeros(10) for _ in range(people)],
        "v_template_clothed": [np.zeros((6890, 3)) for _ in range(people)],
        "poses2d": list(keypoints),
        "jointPositions": list(joints.reshape(people, rows, 72)),
        "cam_poses": camera,
        "cam_intrinsics": np.array([[1961.85, 0, 540], [0, 1969.23, 960], [0, 0, 1]]),
        "campose_valid": [valid for _ in range(people)],
        "img_frame_ids": np.arange(rows) * 2,
        "texture_maps": [],
    }
    folder = root / "sequenceFiles" / split
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.pkl").write_bytes(python2_pickle(content | _quirks(content, number), 2))
    for frame in used:
        path = root / "imageFiles" / name / f"image_{frame:05d}.jpg"
        _write_picture(path, centres[0], size, int(number * 31 + frame))


def _quirks(content: dict[str, object], number: int) -> dict[str, object]:
    """Forms that files of 3DPW have been seen or described in, a different one from sequence to sequence."""
    betas, valid = content["betas"], content["campose_valid"]
    return (
        {},
        {"betas": [np.concatenate([each, np.zeros(290)]) for each in betas]},
        {"betas": [each[:, None] for each in betas]},
        {"campose_valid": np.array(valid)},
        {"campose_valid": [each.tolist() for each in valid]},
    )[number % 5]


def write_threedoh_with_pictures(root: Path, size: Size, count: int = 4) -> None:
    """3DOH's test set with pictures; PARE's list is made of the same by its own writer."""
    items = annotations(count)
    write_threedoh(root, items)
    for number in range(count):
        _write_picture(
            root / "testset" / "images" / f"{number:05d}.jpg", np.array([60.0, 90.0]), size, number
        )


def _write_picture(path: Path, centre: np.ndarray, size: Size, seed: int) -> None:
    """A shaded background with an upright ellipse for a person."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[0 : size.height : 8, 0 : size.width : 8]
    waves = [np.sin(rows / 90 + k) + np.cos(columns / 70 - k) for k in generator.uniform(0, 6, 3)]
    small = np.stack([np.uint8(110 + 40 * wave) for wave in waves], axis=-1)
    picture = Image.fromarray(small).resize((size.width, size.height), Image.Resampling.BILINEAR)
    x, y = centre
    box = (x - 0.1 * size.width, y - 0.25 * size.height, x + 0.1 * size.width, y + 0.25 * size.height)
    ImageDraw.Draw(picture).ellipse(box, fill=tuple(generator.integers(60, 230, 3).tolist()))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=85)
