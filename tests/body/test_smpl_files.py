"""Reading SMPL's files as published: Python-2 pickles of chumpy and scipy.sparse objects."""

import pickle
import pickletools

import numpy as np
import pytest
from support.python2_pickler import chumpy_node, python2_pickle
from support.smpl_files_writer import shared_smpl_folder, smpl_content, write_smpl_folder
from support.smpl_like_body import SMPL_VERTEX_IDS, smpl_like_arrays

from occlusion_toolkit.body.arrays import GENDERS
from occlusion_toolkit.body.smpl_files import find_smpl_files, read_smpl, read_smpl_file
from occlusion_toolkit.errors import BodyModelError, UnsafeFileError

ARRAYS = ("v_template", "shapedirs", "posedirs", "joint_regressor", "weights", "faces", "parents")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return shared_smpl_folder(tmp_path_factory)


def written(path, content, protocol=2):
    path.write_bytes(python2_pickle(content, protocol))
    return path


def shapes(vertices, joints, faces=13776):
    """A body file of another model, as far as it takes to tell which."""
    return {
        "v_template": np.zeros((vertices, 3)),
        "shapedirs": np.zeros((1, 3, 10)),
        "posedirs": np.zeros((1, 3, 1)),
        "J_regressor": np.zeros((joints, 1)),
        "weights": np.zeros((1, joints)),
        "f": np.zeros((faces, 3), np.uint32),
        "kintree_table": np.zeros((2, joints), np.int64),
    }


@pytest.mark.parametrize("gender", GENDERS)
def test_every_gender_is_read_to_the_last_bit(folder, gender):
    body = read_smpl(find_smpl_files(folder), gender)
    wanted = smpl_like_arrays(gender)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(body, name), getattr(wanted, name), err_msg=name)
    np.testing.assert_array_equal(body.h36m_regressor, wanted.h36m_regressor)
    assert body.topology == "smpl"
    assert dict(body.vertex_ids) == SMPL_VERTEX_IDS


@pytest.mark.parametrize("protocol", [0, 1])
def test_older_pickle_protocols_hold_the_same_body(tmp_path, protocol):
    content = smpl_content("female")
    content["posedirs"] = content["posedirs"].astype(np.float16)  # nine tenths of the file
    body, betas = read_smpl_file(written(tmp_path / "SMPL_FEMALE.pkl", content, protocol))
    np.testing.assert_array_equal(body.posedirs, content["posedirs"])
    assert betas == 10


def test_version_1_1_0_is_cut_to_the_first_ten_of_its_300_betas(tmp_path):
    write_smpl_folder(tmp_path, ["neutral"], "1.1.0")
    body, betas = read_smpl_file(find_smpl_files(tmp_path).body("neutral"))
    assert betas == 300
    np.testing.assert_array_equal(body.shapedirs, smpl_like_arrays().shapedirs)
    assert body.shapedirs.base is None  # the other 290 are let go


def test_a_root_of_minus_one_is_a_root_whatever_its_integer_type(tmp_path):
    content = smpl_content("male")
    content["kintree_table"] = content["kintree_table"].astype(np.int64)
    content["kintree_table"][0, 0] = -1
    body, _ = read_smpl_file(written(tmp_path / "SMPL_MALE.pkl", content))
    assert body.parents[0] == -1


@pytest.mark.parametrize(
    ("vertices", "joints", "name"),
    [
        (10475, 55, "SMPL-X"),
        (6890, 52, r"SMPL\+H"),
        (778, 16, "MANO"),
        (5023, 5, "FLAME"),
        (3889, 33, "SMAL"),
    ],
)
def test_other_bodies_are_called_by_their_name(tmp_path, vertices, joints, name):
    path = written(tmp_path / "SMPL_MALE.pkl", shapes(vertices, joints))
    with pytest.raises(BodyModelError, match=rf"SMPL_MALE.pkl' is {name}.*{vertices} vertices"):
        read_smpl_file(path)


@pytest.mark.parametrize("other", [shapes(6890, 24, faces=100), shapes(100, 24), shapes(6890, 23)])
def test_unknown_meshes_are_refused(tmp_path, other):
    with pytest.raises(BodyModelError, match="is not SMPL: v_template has shape"):
        read_smpl_file(written(tmp_path / "SMPL_MALE.pkl", other))


@pytest.mark.parametrize("content", [["a list"], {}, {"v_template": np.zeros((6890, 3))}])
def test_something_else_in_a_pickle_is_refused(tmp_path, content):
    with pytest.raises(BodyModelError, match="is not a SMPL file"):
        read_smpl_file(written(tmp_path / "SMPL_MALE.pkl", content))


@pytest.mark.parametrize("value", ["text", None, np.array(["a"]), chumpy_node("chumpy.ch_ops", "add", a=1)])
def test_an_entry_that_is_no_array_of_numbers_is_refused(tmp_path, value):
    content = shapes(6890, 24) | {"weights": value}
    with pytest.raises(BodyModelError, match="its weights is not an array of numbers"):
        read_smpl_file(written(tmp_path / "SMPL_MALE.pkl", content))


def test_a_broken_array_names_file_and_array(tmp_path):
    content = smpl_content("male")
    content["weights"] = content["weights"] * 2
    with pytest.raises(BodyModelError, match=r"SMPL_MALE.pkl': .*rows of weights do not sum to one"):
        read_smpl_file(written(tmp_path / "SMPL_MALE.pkl", content))


def test_another_tree_is_refused(tmp_path):
    content = smpl_content("male")
    content["kintree_table"][0, 5] = 0
    with pytest.raises(BodyModelError, match="parents are not SMPL's"):
        read_smpl_file(written(tmp_path / "SMPL_MALE.pkl", content))


def test_code_in_a_body_file_never_runs(tmp_path):
    sentinel = tmp_path / "sentinel"
    command = f"touch {sentinel}".encode()
    call = b"cposix\nsystem\n(S'" + command + b"'\ntR"
    path = tmp_path / "SMPL_MALE.pkl"
    path.write_bytes(b"(dS'v_template'\n" + call + b"s.")
    with pytest.raises(UnsafeFileError, match=r"posix\.system"):
        read_smpl_file(path)
    assert not sentinel.exists()


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999999])
def test_a_truncated_file_is_an_error(folder, tmp_path, share):
    data = find_smpl_files(folder).body("male").read_bytes()
    path = tmp_path / "SMPL_MALE.pkl"
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(UnsafeFileError, match=r"SMPL_MALE.pkl"):
        read_smpl_file(path)


def test_the_stand_in_pickles_are_what_python_itself_reads():
    """The writer is not only the reader's mirror image: pickletools and Python agree with it."""
    data = python2_pickle({"a": np.arange(3.0), "text": "f\xfcr", "set": {1}}, 2)
    assert {code.name for code, _, _ in pickletools.genops(data)} >= {"SHORT_BINSTRING", "GLOBAL", "BUILD"}
    content = pickle.loads(data, encoding="latin1")
    np.testing.assert_array_equal(content["a"], np.arange(3.0))
    assert content["text"] == "f\xfcr"
    assert content["set"] == {1}
