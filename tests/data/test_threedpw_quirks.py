"""Real files are not refused for what is not used; what cannot be used is skipped only on demand."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from support.published_lists import spin_columns, write_spin_list
from support.threedoh_fixtures import annotations, write_threedoh
from support.threedpw_fixtures import FRAMES, sequence, write_dataset, write_sequence

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.people import BAD
from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.errors import DatasetError
from occlusion_toolkit.training.bodies import TrainingBodies, table_of_people

NAME = "street_00"


@pytest.fixture
def root(tmp_path) -> Path:
    write_dataset(tmp_path)
    return tmp_path


def rewritten(root: Path, **changes: object) -> None:
    """The sequence of one person with other entries."""
    write_sequence(root, "test", sequence(NAME) | changes)


def read(root: Path, **settings: object) -> ThreeDPW:
    return ThreeDPW(root, "test", [NAME], **settings)


@pytest.mark.parametrize("shape", [(10, 1), (1, 10), (300, 1), (10,)])
def test_betas_may_be_a_column_or_a_row(root, shape):
    betas = np.random.default_rng(0).normal(size=shape)
    rewritten(root, betas=[betas])
    np.testing.assert_allclose(read(root)[0].betas, betas.reshape(-1)[:10], rtol=1e-6)


VALID = [1, 0, 1, 1, 0]


@pytest.mark.parametrize(
    "form",
    [
        [np.array(VALID, np.uint8)],
        [np.array(VALID, bool)],
        [np.array(VALID, float)[:, None]],
        [VALID],
        (tuple(VALID),),
        np.array([VALID]),
        np.array([VALID], np.uint8)[..., None],
    ],
)
def test_validity_may_have_any_form_of_an_array(root, form):
    rewritten(root, campose_valid=form)
    assert [item.frame for item in read(root)] == [0, 2, 3]


def test_arrays_with_a_row_per_person_stand_for_lists(root):
    content = sequence("cafe_01", people=2)
    for key in ("poses", "campose_valid", "poses2d", "jointPositions"):
        content[key] = np.array(content[key])
    before = [item.rotmats for item in ThreeDPW(root, "test", ["cafe_01"])]
    write_sequence(root, "test", content)
    np.testing.assert_array_equal([item.rotmats for item in ThreeDPW(root, "test", ["cafe_01"])], before)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        (
            "jointPositions",
            [np.full((FRAMES, 72), np.nan)],
            "NaN or infinite values in frames 0, 1, 2, 3 and 4",
        ),
        ("jointPositions", [np.zeros((FRAMES - 1, 72))], "has shape (4, 72)"),
        ("jointPositions", [1000 * sequence(NAME)["jointPositions"][0]], "must be in metres"),
        ("jointPositions", [np.zeros((FRAMES, 72))], "must be in metres"),
        ("jointPositions", [], "jointPositions of person 0 is missing"),
        ("cam_intrinsics", np.full((3, 3), np.nan), "cam_intrinsics has NaN"),
        ("cam_intrinsics", None, "cam_intrinsics is missing"),
    ],
)
def test_what_only_training_needs_is_a_warning_and_training_refuses_it(root, caplog, key, value, words):
    sound = [(item.rotmats, item.box) for item in read(root)]
    rewritten(root, **{key: value})
    data = read(root)
    assert words in caplog.text
    assert "only training needs it" in caplog.text
    for item, (rotmats, box) in zip(data, sound, strict=True):
        np.testing.assert_array_equal(item.rotmats, rotmats)
        assert item.box == box
        assert (item.joints_m if key == "jointPositions" else item.intrinsics) is None
    with pytest.raises(DatasetError, match="lacks people, or their keypoints, joints or cameras"):
        table_of_people(data, TrainingBodies(Bodies(), OPEN_BODY_TOPOLOGY))


def test_a_camera_slightly_off_a_rotation_becomes_the_nearest_with_a_warning(root, caplog):
    cameras = sequence(NAME)["cam_poses"]
    exact = cameras.copy()
    cameras[[1, 3], :3, :3] *= 1.01  # a uniform scale has the rotation itself nearest
    rewritten(root, cam_poses=cameras)
    data = read(root)
    assert "not exactly a rotation in frames 1 and 3 of person 0" in caplog.text
    for item in data:
        pose = sequence(NAME)["poses"][0][item.frame][:3]
        expected = exact[item.frame, :3, :3] @ Rotation.from_rotvec(pose).as_matrix()
        np.testing.assert_allclose(item.rotmats[0], expected, atol=1e-6)


def bad_frames() -> dict[str, object]:
    """A pose, a keypoint and a camera that are broken, in frames 1, 2 and 4."""
    content = sequence(NAME)
    content["poses"][0][1, 5] = np.nan
    content["poses2d"][0][2, 0, 3] = np.inf
    content["cam_poses"][4] = np.diag([1.0, 1.0, -1.0, 1.0])
    return content


def test_bad_frames_are_refused_by_number_and_the_way_out_is_named(root):
    write_sequence(root, "test", bad_frames())
    with pytest.raises(DatasetError) as caught:
        read(root)
    for words in (
        "poses of person 0 has NaN or infinite values in frame 1",
        "poses2d of person 0 has NaN or infinite values in frame 2",
        "cam_poses has a matrix that is not a rigid motion, for person 0 in frame 4",
        "--skip-bad",
    ):
        assert words in str(caught.value)


def test_bad_frames_are_skipped_when_that_is_asked_for_and_never_silently(root, caplog):
    write_sequence(root, "test", bad_frames())
    (root / "imageFiles" / NAME / "image_00003.jpg").unlink()
    data = read(root, skip_bad=True)
    assert [item.frame for item in data] == [0]
    assert data.left_out[BAD] == 4
    for frame in (1, 2, 4):
        assert f"street_00.pkl: skipped frame {frame}: " in caplog.text
    assert (
        "skipped frames without an image: imageFiles/street_00 lacks 1 images, image_00003.jpg first"
        in caplog.text
    )
    assert data[0].joints_m is not None


def test_a_sound_data_set_is_the_same_with_and_without(root):
    sound, skipping = ThreeDPW(root, "test"), ThreeDPW(root, "test", skip_bad=True)
    assert sound.fingerprint == skipping.fingerprint
    assert sound.left_out == skipping.left_out


def test_rows_of_a_list_are_skipped_too(root, caplog):
    contents = [sequence(NAME)]
    columns = spin_columns(contents)
    columns["pose"][1][0] = np.nan
    columns["scale"][2] = 0.0
    columns["gender"][3] = "x"
    (root / "imageFiles" / NAME / "image_00004.jpg").unlink()
    path = write_spin_list(root / "list.npz", contents, **columns)
    people = open_dataset("3dpw", root, "all", people_list=path, skip_bad=True)
    assert [item.frame for item in people] == [0]
    assert people.left_out[BAD] == 4
    for row in (1, 2, 3, 4):
        assert f"skipped row {row}: " in caplog.text
    with pytest.raises(DatasetError):
        open_dataset("3dpw", root, "all", people_list=path)


def test_people_of_3doh_are_skipped_too(tmp_path, caplog):
    items = annotations()
    items["00001"]["pose"][0][3] = float("nan")
    write_threedoh(tmp_path, items)
    (tmp_path / "testset" / "images" / "00002.jpg").unlink()
    with pytest.raises(DatasetError, match="00001: pose or betas have NaN"):
        open_dataset("3doh", tmp_path)
    people = open_dataset("3doh", tmp_path, skip_bad=True)
    assert [item.frame for item in people] == [0, 3]
    assert people.left_out[BAD] == 2
    assert "skipped 00001: pose or betas have NaN" in caplog.text
    assert "skipped 1 images are missing" in caplog.text
