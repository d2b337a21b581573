"""3DPW's layout is read in SPIN's convention, and everything wrong with a data set is said at once."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from support.threedpw_fixtures import FRAMES, sequence, write_dataset, write_sequence, write_topology

from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.errors import DatasetError, UnsafeFileError


@pytest.fixture
def root(tmp_path) -> Path:
    write_dataset(tmp_path)
    return tmp_path


def changed(root: Path, name: str, key: str, value: object, person: int | None = None) -> None:
    """Rewrites one entry of a sequence that exists."""
    content = sequence(name, people=2 if name == "cafe_01" else 1)
    if person is None:
        content[key] = value
    else:
        content[key][person] = value
    write_sequence(root, "test", content, name)


def problems(root: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        ThreeDPW(root, "test")
    return str(caught.value)


def test_samples_come_by_sequence_name_then_person_then_frame(root):
    order = [(item.sequence, item.person, item.frame) for item in ThreeDPW(root, "test")]
    expected = [("cafe_01", person, frame) for person in (0, 1) for frame in range(FRAMES)]
    assert order == expected + [("street_00", 0, frame) for frame in range(FRAMES)]


def test_the_order_of_files_on_disk_does_not_matter(tmp_path):
    for folder, names in (("a", ("street_00", "cafe_01")), ("b", ("cafe_01", "street_00"))):
        for name in names:
            write_sequence(tmp_path / folder, "test", sequence(name))
    first, second = (
        [(item.sequence, item.frame, item.betas.tolist()) for item in ThreeDPW(tmp_path / folder, "test")]
        for folder in ("a", "b")
    )
    assert first == second


def test_indices_agree_with_iteration(root):
    data = ThreeDPW(root, "test")
    assert len(data) == 3 * FRAMES
    for index, item in enumerate(data):
        for same in (data[index], data[index - len(data)]):
            assert (same.sequence, same.person, same.frame) == (item.sequence, item.person, item.frame)
    assert [item.frame for item in data[1:8:3]] == [data[1].frame, data[4].frame, data[7].frame]
    for outside in (len(data), -len(data) - 1):
        with pytest.raises(IndexError):
            data[outside]


def test_the_root_is_turned_by_the_camera_and_nothing_else_is(root):
    content = sequence("street_00")
    for item in ThreeDPW(root, "test", ["street_00"]):
        pose = content["poses"][0][item.frame].reshape(24, 3)
        camera = content["cam_poses"][item.frame]
        root_rotation = camera[:3, :3] @ Rotation.from_rotvec(pose[0]).as_matrix()
        np.testing.assert_allclose(item.rotmats[0], root_rotation, atol=1e-6)
        np.testing.assert_allclose(item.rotmats[1:], Rotation.from_rotvec(pose[1:]).as_matrix(), atol=1e-6)


def test_joints_are_moved_into_the_camera_frame(root):
    content = sequence("street_00")
    for item in ThreeDPW(root, "test", ["street_00"]):
        world = content["jointPositions"][0][item.frame].reshape(24, 3)
        camera = content["cam_poses"][item.frame]
        expected = [(camera @ [*point, 1.0])[:3] for point in world]
        np.testing.assert_allclose(item.joints_m, expected, atol=1e-6)


def test_the_box_is_the_square_around_seen_keypoints_with_margin(root):
    content = sequence("street_00")
    content["poses2d"][0][:, 2, 5:] = 0.0
    content["poses2d"][0][:, :2, 5:] = 9999.0
    write_sequence(root, "test", content)
    item = ThreeDPW(root, "test", ["street_00"])[2]
    xy = content["poses2d"][0][2, :2, :5]
    low, high = xy.min(axis=1), xy.max(axis=1)
    np.testing.assert_allclose(item.box.centre, (low + high) / 2, rtol=1e-6)
    assert item.box.size == pytest.approx(1.2 * (high - low).max(), rel=1e-6)


def test_long_betas_are_cut_to_ten(root):
    item = ThreeDPW(root, "test").find("cafe_01", 0, person=1)
    assert len(sequence("cafe_01", 2)["betas"][1]) == 300
    np.testing.assert_allclose(item.betas, sequence("cafe_01", 2)["betas"][1][:10], rtol=1e-6)


def test_names_may_be_plain_text_or_bytes_of_python_2(root):
    for name in ("street_00", np.array("street_00"), np.array(b"street_00")):
        changed(root, "street_00", "sequence", name)
        assert ThreeDPW(root, "test", ["street_00"])[0].sequence == "street_00"


def test_genders_are_spelled_out(root):
    assert [track.gender for track in ThreeDPW(root, "test").tracks] == ["male", "female", "male"]


def test_paths_lead_to_the_files_of_the_frame(root):
    (root / "partFiles" / "street_00").mkdir(parents=True)
    (root / "partFiles" / "street_00" / "part_00003.png").touch()
    data = ThreeDPW(root, "test")
    item = data.find("street_00", 3)
    assert item.image_path == root / "imageFiles" / "street_00" / "image_00003.jpg"
    assert item.part_path == root / "partFiles" / "street_00" / "part_00003.png"
    assert data.find("street_00", 2).part_path is None


def test_frames_without_valid_camera_or_keypoints_are_left_out_and_counted(root):
    content = sequence("street_00")
    content["campose_valid"][0][1] = 0
    content["poses"][0][1] = np.nan  # of a frame that is not used
    content["cam_poses"][1] = np.nan
    content["poses2d"][0][2] = 0.0
    content["poses2d"][0][3, 2, 1:] = 0.0  # a single keypoint spans no box
    write_sequence(root, "test", content)
    data = ThreeDPW(root, "test", ["street_00"])
    assert [item.frame for item in data] == [0, 4]
    assert data.left_out == {"camera pose not valid": 1, "fewer than two keypoints seen": 2}


def test_a_sequence_without_usable_frames_is_empty_not_an_error(root):
    changed(root, "street_00", "campose_valid", np.zeros(FRAMES), person=0)
    assert len(ThreeDPW(root, "test", ["street_00"])) == 0


def test_images_of_unused_frames_need_not_exist(root):
    changed(root, "street_00", "campose_valid", np.array([1, 1, 1, 1, 0]), person=0)
    (root / "imageFiles" / "street_00" / "image_00004.jpg").unlink()
    assert len(ThreeDPW(root, "test", ["street_00"])) == FRAMES - 1


def test_the_topology_is_smpls_unless_the_data_set_names_another(root):
    assert ThreeDPW(root, "test").topology == "smpl"
    write_topology(root)
    assert ThreeDPW(root, "test").topology == "open-body-test"
    (root / "dataset.test.json").write_text("{}")
    assert "does not name the body" in problems(root)


def test_find_names_what_there_is(root):
    data = ThreeDPW(root, "test")
    with pytest.raises(DatasetError, match="usable frames: 0 to 4"):
        data.find("street_00", 99)
    with pytest.raises(DatasetError, match="no person 2; it has: 0, 1"):
        data.find("cafe_01", 0, person=2)


def test_every_problem_of_every_file_is_listed_at_once(root):
    changed(root, "street_00", "genders", ["x"])
    content = sequence("cafe_01", 2)
    content["poses"][0][2, 5] = np.nan
    content["betas"][1] = np.zeros(9)
    write_sequence(root, "test", content)
    (root / "imageFiles" / "street_00" / "image_00001.jpg").unlink()
    write_sequence(root, "test", sequence("market_02"))
    (root / "imageFiles" / "market_02" / "image_00000.jpg").unlink()
    (root / "imageFiles" / "market_02" / "image_00002.jpg").unlink()
    message = problems(root)
    assert "4 problems" in message
    assert "street_00.pkl: the gender of person 0 is 'x'" in message
    assert "cafe_01.pkl: poses of person 0 has NaN" in message
    assert "cafe_01.pkl: betas of person 1 has 9 values" in message
    assert "market_02: imageFiles/market_02 lacks 2 images, image_00000.jpg first" in message


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("poses", np.zeros((FRAMES, 71)), "poses of person 0 has shape (5, 71), not (N, 72)"),
        ("poses", "text", "poses of person 0 does not hold numbers"),
        ("betas", np.full(10, np.inf), "betas of person 0 has NaN or infinite"),
        ("betas", np.zeros((FRAMES, 10)), "betas of person 0 has shape (5, 10)"),
        ("betas", np.zeros((9, 1)), "betas of person 0 has 9 values"),
        ("poses2d", np.zeros((FRAMES, 18, 3)), "poses2d of person 0 has shape (5, 18, 3)"),
        ("poses2d", np.full((FRAMES, 3, 18), np.nan), "poses2d of person 0 has NaN"),
        ("campose_valid", np.ones(FRAMES + 1), "campose_valid of person 0 has shape (6,)"),
        ("campose_valid", np.ones((FRAMES, 2)), "campose_valid of person 0 has shape (5, 2)"),
        ("campose_valid", [[1] * FRAMES] * 9, "campose_valid of person 0 is a list"),
        ("genders", "male", "gender of person 0 is 'male'"),
        ("genders", 1, "gender of person 0 is 1"),
        ("genders", None, "gender of person 0 is None"),
        ("genders", ["m"] * 9, "gender of person 0 is a list"),
        ("genders", "\x1b[2J", r"gender of person 0 is '\x1b[2J'"),
        ("poses", [[0.0] * 72] * FRAMES, "poses of person 0 is a list, not an array"),
    ],
)
def test_a_wrong_entry_of_a_person_is_named(root, key, value, words):
    changed(root, "street_00", key, value, person=0)
    assert words in problems(root)


@pytest.mark.parametrize("key", ["poses", "betas", "poses2d", "campose_valid", "genders"])
def test_a_list_that_is_too_short_is_named(root, key):
    content = sequence("cafe_01", people=2)
    content[key] = content[key][:1]
    write_sequence(root, "test", content)
    if key == "poses":  # decides how many people there are
        assert len(ThreeDPW(root, "test", ["cafe_01"]).tracks) == 1
    else:
        assert "person 1" in problems(root)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("poses", [], "'poses' is not a list"),
        ("poses", None, "'poses' is not a list"),
        ("cam_poses", np.zeros((FRAMES, 3, 4)), "cam_poses has shape"),
        ("cam_poses", np.tile(np.eye(4), (FRAMES + 1, 1, 1)), "cam_poses 6"),
        ("cam_poses", np.tile(np.diag([1.0, 1, -1, 1]), (FRAMES, 1, 1)), "rigid"),
        ("cam_poses", np.tile(2 * np.eye(4), (FRAMES, 1, 1)), "rigid"),
        ("cam_poses", np.full((FRAMES, 4, 4), np.nan), "rigid"),
        ("cam_poses", [np.eye(4).tolist()] * FRAMES, "cam_poses is a list, not an array"),
        ("sequence", ["street_00"] * 9, "'sequence' is a list, not a name"),
        ("sequence", "other_name", "'other_name', but the file is named 'street_00'"),
        ("sequence", "../street_00", "not the name of a folder"),
        ("sequence", "/etc", "not the name of a folder"),
        ("sequence", "..", "not the name of a folder"),
        ("sequence", "a\\b", "not the name of a folder"),
    ],
)
def test_a_wrong_entry_of_a_sequence_is_named(root, key, value, words):
    changed(root, "street_00", key, value)
    assert words in problems(root)


def test_a_pickle_that_is_no_dictionary_is_named(root):
    (root / "sequenceFiles" / "test" / "street_00.pkl").write_bytes(pickle.dumps([1, 2]))
    assert "street_00.pkl: the file holds no dictionary" in problems(root)


class _Attack:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("exit 1",)


def test_a_pickle_that_asks_for_code_is_refused(root):
    (root / "sequenceFiles" / "test" / "street_00.pkl").write_bytes(pickle.dumps({"poses": _Attack()}))
    with pytest.raises(UnsafeFileError, match="system"):
        ThreeDPW(root, "test")


def test_a_file_that_cannot_be_read_does_not_hide_the_problems_of_others(root):
    (root / "sequenceFiles" / "test" / "street_00.pkl").write_bytes(b"garbage")
    changed(root, "cafe_01", "genders", "x", person=1)
    with pytest.raises(UnsafeFileError) as caught:
        ThreeDPW(root, "test")
    assert "street_00.pkl: " in str(caught.value)
    assert "cafe_01.pkl: the gender of person 1 is 'x'" in str(caught.value)


def test_a_long_list_of_problems_is_cut(tmp_path):
    for number in range(60):
        write_sequence(tmp_path, "test", {**sequence("x"), "poses": None}, f"s_{number:02d}")
    message = problems(tmp_path)
    assert "more" in message.splitlines()[-1]
    assert len(message.splitlines()) < 50


def test_missing_folders_splits_and_sequences_are_named(root):
    with pytest.raises(DatasetError, match="sequenceFiles"):
        ThreeDPW(root / "none", "test")
    with pytest.raises(DatasetError, match="no split 'train'; it has: test"):
        ThreeDPW(root, "train")
    with pytest.raises(DatasetError, match="no sequence bar_09"):
        ThreeDPW(root, "test", ["street_00", "bar_09"])
    with pytest.raises(DatasetError, match="no sequence"):
        ThreeDPW(root, "test", ["../test/street_00"])
    (root / "sequenceFiles" / "empty").mkdir()
    with pytest.raises(DatasetError, match="no sequences"):
        ThreeDPW(root, "empty")
    with pytest.raises(DatasetError, match="no split"):
        ThreeDPW(root, "../sequenceFiles/test")


def test_without_image_folder_all_images_are_missing(root):
    for image in (root / "imageFiles" / "street_00").iterdir():
        image.unlink()
    (root / "imageFiles" / "street_00").rmdir()
    assert "lacks 5 images" in problems(root)
