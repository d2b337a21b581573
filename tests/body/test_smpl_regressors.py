"""J_regressor_h36m.npy and J_regressor_extra.npy: shape, numbers, and the order of their rows."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from support.smpl_like_body import smpl_like_arrays

from occlusion_toolkit.body.joints import H36M17
from occlusion_toolkit.body.smpl_files import check_order, read_regressor
from occlusion_toolkit.errors import BodyModelError, UnsafeFileError

PATH = Path("J_regressor_h36m.npy")


def saved(folder, array):
    np.save(folder / PATH, array)
    return folder / PATH


@pytest.mark.parametrize("dtype", [np.float64, np.float32, ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_regressor_is_read_in_double_precision(tmp_path, dtype, order):
    values = np.random.default_rng(0).random((17, 50)).astype(dtype)
    read = read_regressor(saved(tmp_path, np.asarray(values, order=order)), 17, 50)
    assert read.dtype == np.float64
    np.testing.assert_array_equal(read, values)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((50, 17)),
        np.zeros((24, 50)),
        np.zeros(17),
        np.full((17, 50), "a"),
        np.zeros((17, 50), complex),
    ],
)
def test_another_shape_or_type_is_refused(tmp_path, array):
    with pytest.raises(BodyModelError, match=r"numbers of shape \(17, 50\)"):
        read_regressor(saved(tmp_path, array), 17, 50)


def test_values_that_are_not_finite_are_refused(tmp_path):
    with pytest.raises(BodyModelError, match="not finite"):
        read_regressor(saved(tmp_path, np.full((17, 50), np.nan)), 17, 50)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not an array",
        pickle.dumps([1]),
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (17, 9999999999), }".ljust(
            127
        )
        + b"\n",
    ],
    ids=["empty", "text", "pickle", "a header that promises 1 TB"],
)
def test_a_damaged_file_is_an_error(tmp_path, data):
    path = tmp_path / PATH
    path.write_bytes(data)
    with pytest.raises(UnsafeFileError, match=r"J_regressor_h36m.npy"):
        read_regressor(path, 17, 50)


def test_objects_in_a_file_are_never_opened(tmp_path):
    path = tmp_path / PATH
    np.save(path, np.array([[{}]], dtype=object), allow_pickle=True)
    with pytest.raises(UnsafeFileError, match=r"J_regressor_h36m.npy"):
        read_regressor(path, 17, 50)


@pytest.mark.parametrize("gender", ["neutral", "male", "female"])
def test_rows_in_the_published_order_pass(gender):
    body = smpl_like_arrays(gender)
    check_order(body.h36m_regressor, body, PATH)


def test_swapped_sides_are_found():
    body = smpl_like_arrays()
    with pytest.raises(BodyModelError, match=r"row 1 \(left_hip\) lies at the right_hip"):
        check_order(body.h36m_regressor[list(H36M17.mirror)], body, PATH)


@pytest.mark.parametrize("seed", range(5))
def test_rows_in_another_order_are_found(seed):
    body = smpl_like_arrays()
    order = np.random.default_rng(seed).permutation(17)
    with pytest.raises(BodyModelError, match=r"not Human3.6M's 17 joints"):
        check_order(body.h36m_regressor[order], body, PATH)


def test_a_regressor_of_another_mesh_is_found():
    body = smpl_like_arrays()
    with pytest.raises(BodyModelError, match=r"not Human3.6M's 17 joints"):
        check_order(np.roll(body.h36m_regressor, 1000, axis=1), body, PATH)
