import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from support import training_files as files

from occlusion_toolkit.body.joints49 import Joints49
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.data.annotations import AnnotationTable, ImageFolder
from occlusion_toolkit.data.eft import read_eft
from occlusion_toolkit.data.published_list import read_npz
from occlusion_toolkit.errors import DatasetError, UnsafeFileError
from occlusion_toolkit.files.json_items import json_items


@pytest.fixture(scope="module")
def truth() -> files.Truth:
    body = load_open_body()
    return files.make_people(body, Joints49(body.arrays), 3)


def _read(path: Path) -> AnnotationTable:
    folder = ImageFolder(path.parent, ("train2014", "images"))
    return read_eft(path, folder) if path.suffix == ".json" else read_npz(path, folder)


def test_eft_and_pares_list_of_the_same_people_agree(tmp_path: Path, truth: files.Truth) -> None:
    eft = _read(files.write_eft(tmp_path / "a", truth))
    listed = _read(files.write_npz(tmp_path / "b" / "list.npz", truth, files.pare_columns(truth)))
    assert [eft.image_path(row).name for row in range(3)] == [listed.image_path(row).name for row in range(3)]
    assert all(eft.image_path(row).is_file() and listed.image_path(row).is_file() for row in range(3))
    for name in ("boxes_px", "keypoints_px", "betas"):
        np.testing.assert_allclose(getattr(eft, name), getattr(listed, name), rtol=1e-6)
    turns = Rotation.from_rotvec(eft.poses.reshape(-1, 3)).as_matrix()
    np.testing.assert_allclose(
        turns, Rotation.from_rotvec(listed.poses.reshape(-1, 3)).as_matrix(), atol=1e-5
    )
    assert eft.has_smpl.all()
    assert not eft.has_pose_3d.any()
    assert listed.has_pose_3d.all()
    assert eft.gender(0) == listed.gender(0) == "neutral"


def test_camera_of_eft_becomes_that_of_the_toolkit(tmp_path: Path, truth: files.Truth) -> None:
    table = _read(files.write_eft(tmp_path, truth))
    np.testing.assert_allclose(table.cameras, truth.camera, rtol=1e-5)
    normalised = table.cameras[:, None, :1] * (truth.joints[..., :2] + table.cameras[:, None, 1:])
    pixels = table.boxes_px[:, None, :2] + normalised * table.boxes_px[:, None, 2:] / 2
    np.testing.assert_allclose(pixels, table.keypoints_px[..., :2], atol=1e-3)


def test_human36m_has_joints_and_no_bodies(tmp_path: Path, truth: files.Truth) -> None:
    table = _read(files.write_h36m(tmp_path, truth))
    assert table.poses is None
    assert not table.has_smpl.any()
    assert table.has_pose_3d.all()
    assert (table.joints_m[..., 3].sum(axis=1) == 17).all()
    assert (table.keypoints_px[:, :25, 2] == 0).all()
    assert table.image_path(1).parent.name == "images"


def test_mpi_inf_says_who_has_a_body(tmp_path: Path, truth: files.Truth) -> None:
    table = _read(files.write_mpi_inf(tmp_path, truth))
    assert table.has_smpl.tolist() == [False, True, False]
    assert table.image_path(2).is_file()


def test_bodies_of_people_who_have_none_may_be_anything(tmp_path: Path, truth: files.Truth) -> None:
    columns = files.pare_columns(truth) | {"has_smpl": np.array([0, 1, 0])}
    columns |= {name: columns[name].copy() for name in ("pose", "shape")}
    columns["pose"][0], columns["shape"][2] = np.nan, np.inf  # as SPIN's list of MPI-INF-3DHP mixes them
    table = _read(files.write_npz(tmp_path / "list.npz", truth, columns))
    assert table.has_smpl.tolist() == [False, True, False]
    assert np.isfinite(table.poses).all()
    assert np.isfinite(table.betas).all()
    np.testing.assert_allclose(table.poses[1], columns["pose"][1], rtol=1e-6)
    columns["pose"][1, 4] = np.nan
    with pytest.raises(DatasetError, match="pose has NaN or infinite values in 1 rows, row 1 first"):
        _read(files.write_npz(tmp_path / "list.npz", truth, columns))


def test_genders_by_letter_and_by_number(tmp_path: Path, truth: files.Truth) -> None:
    for number, codes in enumerate((["m", "f", "m"], [0, 1, 0])):
        columns = files.pare_columns(truth) | {"gender": np.array(codes)}
        table = _read(files.write_npz(tmp_path / str(number) / "list.npz", truth, columns))
        assert [table.gender(row) for row in range(3)] == ["male", "female", "male"]


def test_every_problem_is_listed_at_once(tmp_path: Path, truth: files.Truth) -> None:
    columns = files.pare_columns(truth)
    columns["scale"][1] = -1
    columns["pose"][2, 5] = np.nan
    columns["S"] = columns["S"][:, :17]
    path = files.write_npz(tmp_path / "list.npz", truth, columns)
    next((tmp_path / "train2014").iterdir()).unlink()
    with pytest.raises(DatasetError) as caught:
        _read(path)
    for words in ("scale is not positive", "pose has NaN", "S has shape", "1 images are missing"):
        assert words in str(caught.value)


def test_problems_of_eft_name_the_person(tmp_path: Path, truth: files.Truth) -> None:
    turned_inside_out = (-np.eye(3)).tolist()
    path = files.write_eft(tmp_path, truth, parm_pose=[turned_inside_out] * 24)
    with pytest.raises(DatasetError, match="parm_pose of person 0 holds a matrix that is not a rotation"):
        _read(path)
    path = files.write_eft(tmp_path, truth, parm_shape=[0.0] * 9, gt_keypoint_2d=[[float("nan")] * 3] * 49)
    with pytest.raises(DatasetError, match=r"(?s)gt_keypoint_2d of person 0 has NaN.*parm_shape of person 0"):
        _read(path)


def test_images_outside_the_folder_are_not_found(tmp_path: Path, truth: files.Truth) -> None:
    files.write_images(truth, [tmp_path / f"{row}.jpg" for row in range(3)])
    folder = ImageFolder(tmp_path / "train2014", ("..",))
    assert folder.find("../0.jpg") is None
    assert folder.find(str(tmp_path / "0.jpg")) is None


def test_pickled_columns_are_refused(tmp_path: Path, truth: files.Truth) -> None:
    columns = files.pare_columns(truth)
    names = columns["imgname"]
    path = files.write_npz(tmp_path / "list.npz", truth, columns)
    np.savez(path, **(columns | {"imgname": np.array(list(names), object)}))
    with pytest.raises(UnsafeFileError, match="Python objects"):
        _read(path)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ('{"data": []}', []),
        ('{"ver": 0.1, "meta": {"data": [9]}, "data": [1, {"a": [2]} , "]"] }', [1, {"a": [2]}, "]"]),
        ('\n{ "x" : "\\"data\\": [7]", "data":[3]}', [3]),
    ],
)
def test_items_are_those_of_the_outermost_list(tmp_path: Path, text: str, items: list) -> None:
    path = tmp_path / "list.json"
    path.write_text(text)
    assert list(json_items(path, "data")) == items == json.loads(text)["data"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"data": [1, ', '{"data": 3}', '{"data": [1 2]}', "[" * 9999]
)
def test_damaged_lists_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list.json"
    path.write_text(text)
    with pytest.raises(UnsafeFileError, match="damaged or not an object with a list 'data'"):
        list(json_items(path, "data"))


def test_long_and_missing_lists_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    with pytest.raises(UnsafeFileError, match="no such file"):
        list(json_items(path, "data"))
    path.write_text('{"data": [1]}')
    with pytest.raises(UnsafeFileError, match="more than the 5 bytes"):
        list(json_items(path, "data", max_bytes=5))


def test_fingerprint_follows_every_array(tmp_path: Path, truth: files.Truth) -> None:
    first = _read(files.write_eft(tmp_path, truth))
    again = _read(files.write_eft(tmp_path, truth))
    changed = _read(files.write_eft(tmp_path, truth, parm_shape=[0.5] * 10))
    assert first.fingerprint == again.fingerprint != changed.fingerprint
