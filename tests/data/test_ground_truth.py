"""Ground truth from a file and from a data set is the same body; anything doubtful in it is refused."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from support.threedpw_fixtures import sequence, write_dataset, write_topology

from occlusion_toolkit.data.crops import CropBox
from occlusion_toolkit.data.ground_truth import load_ground_truth
from occlusion_toolkit.errors import DatasetError, GroundTruthError

POSE = np.random.default_rng(1).normal(scale=0.5, size=72)
BETAS = np.linspace(-1, 1, 10)


def write(folder: Path, **arrays: object) -> str:
    path = folder / "person.npz"
    np.savez(path, **{"pose": POSE, "betas": BETAS, **arrays})
    return str(path)


def refusal(source: str) -> str:
    with pytest.raises(GroundTruthError) as caught:
        load_ground_truth(source)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_file_with_pose_and_shape_is_enough(tmp_path):
    truth = load_ground_truth(write(tmp_path))
    expected = Rotation.from_rotvec(POSE.reshape(24, 3)).as_matrix()
    np.testing.assert_allclose(truth.parameters.rotmats[0], expected, atol=1e-6)
    np.testing.assert_allclose(truth.parameters.betas[0], BETAS, atol=1e-6)
    assert len(truth.parameters) == 1
    assert truth.parameters.rotmats.dtype == torch.float32
    assert not truth.has_camera
    assert (truth.topology, truth.box, truth.image_path) == (None, None, None)


def test_rotation_matrices_and_a_batch_dimension_are_accepted(tmp_path):
    rotmats = Rotation.from_rotvec(POSE.reshape(24, 3)).as_matrix()[None].astype(np.float32)
    np.savez(tmp_path / "person.npz", rotmats=rotmats, betas=BETAS[None])
    truth = load_ground_truth(str(tmp_path / "person.npz"))
    np.testing.assert_array_equal(truth.parameters.rotmats, rotmats)


def test_camera_box_and_topology_are_read(tmp_path):
    truth = load_ground_truth(
        write(
            tmp_path,
            camera=np.array([0.9, 0.1, -0.2]),
            bbox=np.array([10, 20, 30, 40]),
            topology=np.array("open-body"),
            trans=np.array([0.0, 0.0, 3.0]),
        )
    )
    assert truth.has_camera
    np.testing.assert_allclose(truth.parameters.camera[0], [0.9, 0.1, -0.2], atol=1e-7)
    assert truth.box == CropBox.from_xywh(10.0, 20.0, 30.0, 40.0)
    assert truth.topology == "open-body"


@pytest.mark.parametrize("name", ["pose", "betas", "camera", "bbox"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_by_name(tmp_path, name, value):
    arrays = {"pose": POSE.copy(), "betas": BETAS.copy(), "camera": np.ones(3), "bbox": np.ones(4)}
    arrays[name][1] = value
    message = refusal(write(tmp_path, **arrays))
    assert f"{name} has NaN" in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pose", np.zeros(71)),
        ("pose", np.zeros((2, 72))),
        ("betas", np.zeros(300)),
        ("betas", np.zeros(())),
        ("camera", np.zeros(4)),
        ("bbox", np.zeros((2, 2))),
        ("rotmats", np.zeros((23, 3, 3))),
        ("rotmats", np.zeros((24, 3, 3))),
        ("rotmats", np.tile(np.diag([1.0, 1.0, -1.0]), (24, 1, 1))),
        ("bbox", np.array([1.0, 1.0, 0.0, 5.0])),
        ("betas", np.array(["a"] * 10)),
        ("betas", np.zeros(10, complex)),
        ("topology", np.zeros(1)),
        ("topology", np.array(["a", "b"])),
    ],
)
def test_a_wrong_array_is_named(tmp_path, name, value):
    assert name in refusal(write(tmp_path, **{name: value}))


class _Attack:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


def test_objects_in_a_file_are_never_opened(tmp_path):
    source = write(tmp_path, betas=np.array([_Attack(tmp_path / "sentinel")], object))
    assert "person.npz" in refusal(source)
    assert not (tmp_path / "sentinel").exists()


def test_a_pickle_named_npz_is_never_opened(tmp_path):
    (tmp_path / "person.npz").write_bytes(pickle.dumps(_Attack(tmp_path / "sentinel")))
    refusal(str(tmp_path / "person.npz"))
    assert not (tmp_path / "sentinel").exists()


@pytest.mark.parametrize("missing", ["pose", "betas"])
def test_a_missing_array_is_named(tmp_path, missing):
    arrays = {"pose": POSE, "betas": BETAS}
    del arrays[missing]
    np.savez(tmp_path / "person.npz", **arrays)
    assert f"'{missing}'" in refusal(str(tmp_path / "person.npz"))


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 broken"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "person.npz").write_bytes(content)
    assert "not a file of arrays" in refusal(str(tmp_path / "person.npz"))


def test_a_truncated_file_is_refused(tmp_path):
    path = Path(write(tmp_path))
    path.write_bytes(path.read_bytes()[:-100])
    assert "not a file of arrays" in refusal(str(path))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    member = io.BytesIO()
    np.save(member, np.zeros(10**7))
    with zipfile.ZipFile(tmp_path / "person.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("betas.npy", member.getvalue())
    assert "holds 80000" in refusal(str(tmp_path / "person.npz"))


def test_an_array_header_that_claims_terabytes_is_refused(tmp_path):
    member = io.BytesIO()
    np.save(member, np.zeros(10))
    lying = member.getvalue().replace(b"(10,), }        ", b"(900000000000,)}")
    assert lying != member.getvalue()
    with zipfile.ZipFile(tmp_path / "person.npz", "w") as archive:
        archive.writestr("betas.npy", lying)
    assert "does not have the size of its bytes" in refusal(str(tmp_path / "person.npz"))


@pytest.mark.parametrize(
    "source", ["none.npz", "nothing", "a:b", "root:test/seq", "root:test/seq:x", ":t/s:1", ""]
)
def test_what_is_neither_file_nor_frame_is_refused(source):
    assert "check the path" in refusal(source) or "FRAME" in refusal(source)


@pytest.mark.parametrize(("suffix", "person"), [("", 0), (":0", 0), (":1", 1)])
def test_a_frame_of_a_data_set_is_found(tmp_path, suffix, person):
    root = tmp_path / "3dpw: test"  # a colon in the path is not the end of the root
    write_dataset(root)
    write_topology(root)
    truth = load_ground_truth(f"{root}:test/cafe_01:3{suffix}")
    content = sequence("cafe_01", people=2)
    np.testing.assert_allclose(truth.parameters.betas[0], content["betas"][person][:10], rtol=1e-6)
    assert truth.topology == "open-body-test"
    assert truth.gender == ("male", "female")[person]
    assert truth.image_path == root / "imageFiles" / "cafe_01" / "image_00003.jpg"
    assert truth.box is not None
    assert (truth.dataset, truth.split, truth.has_camera) == ("3dpw: test", "test", False)


def test_a_frame_that_does_not_exist_is_a_clear_error(tmp_path):
    write_dataset(tmp_path)
    for source in (":test/cafe_01:99", ":test/cafe_01:0:7", ":test/bar_00:0", ":train/cafe_01:0"):
        with pytest.raises(DatasetError):
            load_ground_truth(f"{tmp_path}{source}")
