"""Rendered data read back as 3DPW does, and its ground truth is the open body's own (no GL needed)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import binary_dilation

from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.body.rasterize import rasterize
from occlusion_toolkit.data.ground_truth import load_ground_truth
from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.files.safe_pickle import load_pickle
from occlusion_toolkit.open_world.rig import rotmats_from_axis_angle
from occlusion_toolkit.open_world.sequence_files import COCO18
from occlusion_toolkit.open_world.splits import pose_bin, shape_bin, split_of_bin

EXAMPLES = Path(__file__).parents[2] / "examples"
OPEN_TEST = EXAMPLES / "open-test-2"
SEQUENCES = sorted(path.stem for path in (OPEN_TEST / "sequenceFiles" / "test").glob("*.pkl"))
UNOCCLUDED = [SEQUENCES[index] for index in (0, 6, 12, 36)]
"""People whom neither a thing nor the frame hides in part."""


def record_of(sequence: str) -> dict[str, object]:
    record = load_pickle(OPEN_TEST / "sequenceFiles" / "test" / f"{sequence}.pkl")
    assert isinstance(record, dict)
    return record


def posed_in_world(record: dict[str, object], frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and joints in world metres from nothing but the stored parameters and the body model."""
    body = load_open_body()
    rotmats = rotmats_from_axis_angle(record["poses"][0][frame].reshape(24, 3))
    posed = body(
        BodyParameters(
            torch.tensor(rotmats, dtype=torch.float32)[None],
            torch.tensor(record["betas"][0], dtype=torch.float32)[None],
            torch.tensor([[1.0, 0.0, 0.0]]),
        )
    )
    trans = record["trans"][0][frame]
    return posed.vertices[0].numpy() + trans, posed.joints[0].numpy() + trans


def seen(record: dict[str, object], frame: int, points: np.ndarray) -> np.ndarray:
    camera = record["cam_poses"][frame]
    pixels = (points @ camera[:3, :3].T + camera[:3, 3]) @ record["cam_intrinsics"].T
    return pixels[:, :2] / pixels[:, 2:]


def labels_of(sequence: str, frame: int) -> np.ndarray:
    return np.asarray(Image.open(OPEN_TEST / "partFiles" / sequence / f"part_{frame:05d}.png"))


def test_the_shipped_test_set_has_72_sequences_of_2_frames():
    data = ThreeDPW(OPEN_TEST, "test")
    assert len(SEQUENCES) == 72
    assert len(data) == 144
    assert data.topology == load_open_body().topology
    assert json.loads((OPEN_TEST / "dataset.json").read_text())["licence"] == "CC0-1.0"
    for frame in (data[0], data[143]):
        with Image.open(frame.image_path) as image, Image.open(frame.part_path) as parts:
            assert image.size == parts.size == (320, 320)


def test_a_record_has_the_keys_and_shapes_of_3dpw():
    record = record_of(SEQUENCES[0])
    assert {
        key: np.shape(record[key][0]) for key in ("poses", "trans", "betas", "poses2d", "jointPositions")
    } == {
        "poses": (2, 72),
        "trans": (2, 3),
        "betas": (10,),
        "poses2d": (2, 3, 18),
        "jointPositions": (2, 72),
    }
    assert record["cam_poses"].shape == (2, 4, 4)
    assert record["cam_intrinsics"].shape == (3, 3)
    assert record["campose_valid"][0].all()
    assert record["genders"][0] in ("m", "f")
    assert record["sequence"] == SEQUENCES[0]
    assert np.array_equal(record["img_frame_ids"], np.arange(2))


@pytest.mark.parametrize("sequence", UNOCCLUDED)
def test_joints_of_the_reposed_body_are_the_stored_ones(sequence: str):
    record = record_of(sequence)
    body = load_open_body()
    ids = body.arrays.vertex_ids
    for frame in range(2):
        vertices, joints = posed_in_world(record, frame)
        assert np.abs(joints - record["jointPositions"][0][frame].reshape(24, 3)).max() < 1e-5
        face = vertices[[ids[name] for name in ("nose", "reye", "leye", "rear", "lear")]]
        neck = joints[[16, 17]].mean(axis=0, keepdims=True)
        pixels = seen(record, frame, np.concatenate([joints, face, neck])[list(COCO18)])
        stored = record["poses2d"][0][frame]
        inside = stored[2] > 0
        assert inside.sum() >= 12
        assert np.abs(pixels[inside] - stored[:2, inside].T).max() < 0.05
        assert (stored[:, ~inside] == 0).all()


@pytest.mark.parametrize("sequence", UNOCCLUDED)
def test_the_reposed_body_lies_under_the_label_map(sequence: str):
    record, body = record_of(sequence), load_open_body()
    vertices, _ = posed_in_world(record, 1)
    camera = record["cam_poses"][1]
    depth = vertices @ camera[2, :3] + camera[2, 3]
    # The rasteriser counts pixels from their corners, the data set from their centres.
    screen = np.concatenate([seen(record, 1, vertices) + 0.5, depth[:, None]], axis=1)
    drawn = rasterize(torch.tensor(screen, dtype=torch.float32)[None], body.faces, 320, 320)
    face = drawn.face[0].numpy()
    labels = labels_of(sequence, 1)
    bare, dressed = face >= 0, labels > 0
    assert bare.sum() > 2000
    # Clothes, hair and shoes add an outline; nothing of the body is left uncovered but single edge pixels.
    assert (bare & ~binary_dilation(dressed)).mean() < 1e-4
    assert (bare & dressed).sum() / (bare | dressed).sum() > 0.8
    corners = body.faces.numpy()[face[bare & dressed]]
    parts = body.vertex_parts.numpy()[corners] + 1
    assert (parts == labels[bare & dressed][:, None]).any(axis=1).mean() > 0.85


def test_left_and_right_are_the_persons_own():
    record, body = record_of(SEQUENCES[0]), load_open_body()
    vertices, joints = posed_in_world(record, 0)
    parts = body.vertex_parts.numpy()
    for left, right in ((4, 5), (18, 19)):
        for side, other in ((left, right), (right, left)):
            centre = vertices[parts == side].mean(axis=0)
            assert np.linalg.norm(centre - joints[side]) < np.linalg.norm(centre - joints[other])


def test_labels_are_background_and_24_parts():
    everything = np.unique(np.concatenate([labels_of(sequence, 0).ravel() for sequence in SEQUENCES]))
    assert set(everything.tolist()) == set(range(25))


def test_shipped_shapes_and_poses_lie_in_test_cells():
    for sequence in SEQUENCES:
        record = record_of(sequence)
        assert split_of_bin("shape", shape_bin(record["betas"][0])) == "test"
        for pose in record["poses"][0]:
            assert split_of_bin("pose", pose_bin(pose.reshape(24, 3))) == "test"


def test_the_example_person_is_usable_ground_truth():
    truth = load_ground_truth(str(EXAMPLES / "rendered-person.npz"))
    assert truth.topology == load_open_body().topology
    with np.load(EXAMPLES / "rendered-person.npz") as arrays:
        body = load_open_body()
        joints = body(truth.parameters).joints[0].numpy() + arrays["trans"]
        pixels = joints @ arrays["intrinsics"].T
        pixels = pixels[:, :2] / pixels[:, 2:]
        x, y, width, height = arrays["bbox"]
        assert split_of_bin("shape", shape_bin(arrays["betas"])) == "test"
        assert split_of_bin("pose", pose_bin(arrays["pose"].reshape(24, 3))) == "test"
    assert (pixels > [x, y]).all()
    assert (pixels < [x + width, y + height]).all()
