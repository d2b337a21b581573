"""3DOH's annotations and PARE's list of it give the same people, in the camera frame."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from support.threedoh_fixtures import annotations, write_pare_list, write_threedoh

from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.errors import DatasetError, UsageError


@pytest.fixture
def root(tmp_path) -> Path:
    write_threedoh(tmp_path, annotations())
    return tmp_path


def test_the_root_is_turned_by_the_camera_and_nothing_else_is(root):
    for item, person in zip(annotations().values(), open_dataset("3doh", root), strict=True):
        pose = np.array(item["pose"]).reshape(24, 3)
        root_rotation = np.array(item["extri"])[:3, :3] @ Rotation.from_rotvec(pose[0]).as_matrix()
        np.testing.assert_allclose(person.rotmats[0], root_rotation, atol=1e-6)
        np.testing.assert_allclose(person.rotmats[1:], Rotation.from_rotvec(pose[1:]).as_matrix(), atol=1e-6)
        np.testing.assert_allclose(person.betas, item["betas"][0], rtol=1e-6)


def test_people_are_neutral_smpl_bodies_in_one_sequence(root):
    people = open_dataset("3doh", root)
    assert (people.dataset, people.split, people.topology, people.frame_filter) == (
        "3doh",
        "test",
        "smpl",
        None,
    )
    assert {person.gender for person in people} == {"neutral"}
    assert [(person.sequence, person.frame) for person in people] == [
        ("testset", frame) for frame in range(4)
    ]
    assert people[2].image_path == root / "testset" / "images" / "00002.jpg"


def test_the_box_is_a_square_of_the_height_with_margin(root):
    (left, top), (right, bottom) = annotations()["00001"]["bbox"]
    box = open_dataset("3doh", root)[1].box
    assert box.centre == pytest.approx(((left + right) / 2, (top + bottom) / 2))
    assert box.size == pytest.approx(1.2 * (bottom - top))


@pytest.mark.parametrize("folder", ["testset", "test"])
def test_pares_list_gives_the_same_people_whatever_it_calls_the_folder(root, folder):
    path = write_pare_list(root / "3doh_test.npz", annotations(), folder)
    official, listed = open_dataset("3doh", root), open_dataset("3doh", root, people_list=path)
    assert listed.fingerprint == official.fingerprint
    for one, other in zip(listed, official, strict=True):
        np.testing.assert_allclose(one.rotmats, other.rotmats, atol=1e-6)
        np.testing.assert_allclose(one.betas, other.betas)
        assert (one.image_path, one.gender) == (other.image_path, other.gender)


def test_the_training_split_has_its_own_folder(root):
    write_threedoh(root, annotations(2), "train")
    people = open_dataset("3doh", root, "train")
    assert [person.image_path.parts[-3] for person in people] == ["trainset"] * 2
    with pytest.raises(UsageError, match="has no split 'validation' here; give test or train"):
        open_dataset("3doh", root, "validation")
    with pytest.raises(UsageError, match="--filter"):
        open_dataset("3doh", root, frame_filter="vibe")


def refusal(root: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        open_dataset("3doh", root)
    return str(caught.value)


def test_every_problem_of_the_annotations_is_said_at_once(root):
    items = annotations(7)
    items["00000"]["pose"] = items["00000"]["pose"][0]
    items["00001"]["betas"][0][3] = float("nan")
    items["00002"]["extri"][0][0] = 5.0
    items["00003"]["bbox"] = [[10, 10], [10, 50]]
    items["00004"]["img_path"] = "..\\..\\secret.jpg"
    items["00005"]["bbox"] = [[10, 60], [20, 50]]
    del items["00006"]["extri"]
    write_threedoh(root, items)
    message = refusal(root)
    for words in (
        "00000: pose has shape (72,), not (1, 72)",
        "00001: pose or betas have NaN or infinite values",
        "00002: extri is not a rigid motion",
        "00003: bbox (10, 10) to (10, 50) has no area",
        "1 images are missing, ..\\..\\secret.jpg first",
        "00005: bbox (10, 60) to (20, 50) has no area",
        "00006: extri is missing",
    ):
        assert words in message
    assert "7 problems" in message


def test_missing_images_are_counted(root):
    for number in (1, 3):
        (root / "testset" / "images" / f"{number:05d}.jpg").unlink()
    assert "2 images are missing, images\\00001.jpg first" in refusal(root)


@pytest.mark.parametrize("content", [b"", b"hello", b"[]", b"{}", b'{"0": 1}', b"[" * 100_000, b"\xff\xfe"])
def test_other_files_are_refused(root, content):
    (root / "testset" / "annots.json").write_bytes(content)
    assert "annots.json' is" in refusal(root)


def test_a_missing_file_is_named(root):
    (root / "testset" / "annots.json").unlink()
    assert "annots.json' does not exist" in refusal(root)
