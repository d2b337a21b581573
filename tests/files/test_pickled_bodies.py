"""chumpy and SciPy objects become arrays, in every protocol and under old and new names, without either."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from support.python2_pickler import chumpy_array, chumpy_node, old_csc_matrix, python2_pickle

from occlusion_toolkit.errors import UnsafeFileError
from occlusion_toolkit.files.pickled_smpl import SMPL_DATA, UnevaluatedExpression
from occlusion_toolkit.files.safe_pickle import load_pickle

VALUES = np.random.default_rng(0).normal(size=(7, 3, 5))
MATRIX = np.where(VALUES[..., 0] > 0.3, VALUES[..., 0], 0.0)


def load(folder: Path, content: object, protocol: int = 2) -> object:
    (folder / "body.pkl").write_bytes(python2_pickle(content, protocol))
    return load_pickle(folder / "body.pkl", allow=SMPL_DATA)


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_chumpy_arrays_become_arrays(tmp_path, protocol):
    read = load(
        tmp_path, {"shapedirs": chumpy_array(VALUES), "J_regressor": old_csc_matrix(MATRIX)}, protocol
    )
    assert type(read["shapedirs"]) is type(read["J_regressor"]) is np.ndarray
    np.testing.assert_array_equal(read["shapedirs"], VALUES)
    np.testing.assert_array_equal(read["J_regressor"], MATRIX)


def test_rearranged_chumpy_arrays_are_evaluated(tmp_path):
    flat = np.arange(VALUES.size).reshape(VALUES.shape)[..., :2]
    leaf = chumpy_array(VALUES)
    select = chumpy_node("chumpy.reordering", "Select", a=leaf, idxs=flat.ravel(), preferred_shape=flat.shape)
    read = load(
        tmp_path,
        {
            "selected": select,
            "unshaped": chumpy_node("chumpy.reordering", "Select", a=leaf, idxs=np.array([3, 1])),
            "transposed": chumpy_node("chumpy.reordering", "transpose", a=leaf, axes=None),
            "permuted": chumpy_node("chumpy.reordering", "transpose", a=leaf, axes=(1, 0, 2)),
            "nested": chumpy_node("chumpy.reordering", "Reshape", a=select, newshape=(-1, 2)),
        },
    )
    np.testing.assert_array_equal(read["selected"], VALUES[..., :2])
    np.testing.assert_array_equal(read["unshaped"], VALUES.ravel()[[3, 1]])
    np.testing.assert_array_equal(read["transposed"], VALUES.T)
    np.testing.assert_array_equal(read["permuted"], VALUES.transpose(1, 0, 2))
    np.testing.assert_array_equal(read["nested"], VALUES[..., :2].reshape(-1, 2))


def test_computed_chumpy_arrays_are_only_named(tmp_path):
    total = chumpy_node("chumpy.ch_ops", "add", a=chumpy_array(VALUES), b=chumpy_array(VALUES))
    assert load(tmp_path, [total]) == [UnevaluatedExpression("chumpy.ch_ops.add")]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "kind",
    [
        sparse.csc_matrix, sparse.csr_matrix, sparse.coo_matrix, sparse.csc_array, sparse.csr_array,
        sparse.coo_array,
    ],
)  # fmt: skip
def test_the_installed_scipys_matrices_become_dense(tmp_path, kind, protocol):
    content = {
        "full": kind(MATRIX),
        "empty": kind(np.zeros((2, 3))),
        "whole": kind(np.eye(3, dtype=np.int32)),
    }
    (tmp_path / "body.pkl").write_bytes(pickle.dumps(content, protocol))
    read = load_pickle(tmp_path / "body.pkl", allow=SMPL_DATA)
    for name, matrix in content.items():
        assert read[name].dtype == matrix.dtype
        np.testing.assert_array_equal(read[name], matrix.toarray())


def test_repeated_places_add_up_as_in_scipy(tmp_path):
    matrix = sparse.coo_matrix(([1.0, 2.0], ([1, 1], [2, 2])), shape=(2, 4))
    (tmp_path / "body.pkl").write_bytes(pickle.dumps(matrix))
    np.testing.assert_array_equal(load_pickle(tmp_path / "body.pkl", allow=SMPL_DATA), matrix.toarray())


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("data", np.ones(2)),
        ("data", None),
        ("data", np.array(["a", "b", "c"])),
        ("indices", np.array([0, 1, 9])),
        ("indices", np.array([0, 1, -1])),
        ("indices", np.array([0.0, 1.0, 2.0])),
        ("indptr", np.array([0, 1, 2])),
        ("indptr", np.array([0, 2, 1, 3])),
        ("indptr", np.array([1, 1, 2, 3])),
        # Differences that are positive and add up to 3 only because their sum, 2**64 + 3, wraps around.
        ("indptr", np.array([0, *[6148914691236517206] * 2, 6148914691236517207]).cumsum()),
        ("_shape", (3,)),
        ("_shape", (10**6, 10**6)),
        ("_shape", None),
    ],
)
def test_malformed_matrices_are_refused(tmp_path, attribute, value):
    matrix = old_csc_matrix(np.eye(3))
    vars(matrix)[attribute] = value
    with pytest.raises(UnsafeFileError, match=r"body\.pkl"):
        load(tmp_path, matrix)


@pytest.mark.parametrize(
    "node",
    [
        chumpy_node("chumpy.ch", "Ch"),
        chumpy_node("chumpy.ch", "Ch", x="text"),
        chumpy_node("chumpy.reordering", "Select", a=chumpy_array(VALUES), idxs=np.array([10**6])),
        chumpy_node("chumpy.reordering", "transpose", a=chumpy_array(VALUES), axes=(0,)),
        chumpy_node("chumpy.ch", "ChLambda", x=1),
        chumpy_node("chumpy.utils", "timer"),
    ],
    ids=("empty", "text", "selected beyond its end", "axes missing", "function", "no array"),
)
def test_malformed_nodes_are_refused(tmp_path, node):
    with pytest.raises(UnsafeFileError, match=r"body\.pkl"):
        load(tmp_path, {"v_template": node})


def test_plain_data_does_not_include_bodies(tmp_path):
    (tmp_path / "body.pkl").write_bytes(python2_pickle(chumpy_array(VALUES), 2))
    with pytest.raises(UnsafeFileError, match=r"asks for chumpy\.ch\.Ch"):
        load_pickle(tmp_path / "body.pkl")
