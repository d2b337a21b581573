"""Arrays come back from .npy and .npz files as NumPy itself reads them."""

import numpy as np
import pytest

from occlusion_toolkit.errors import UnsafeFileError
from occlusion_toolkit.files.arrays import load_npy, load_npz

ARRAYS = [
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.array([1, 2], ">u2"),
    np.array([True, False]),
    np.array([1 + 2j]),
    np.array(["imageFiles/a.jpg", "é"]),
    np.array([b"ab", b"c"]),
    np.array("m"),
    np.empty((0, 3)),
    np.array(7.5),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype.str}{array.shape}")
def test_an_array_is_read_as_numpy_reads_it(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    read = load_npy(tmp_path / "a.npy")
    assert read.dtype == array.dtype
    assert read.flags.writeable
    assert read.flags.f_contiguous == np.load(tmp_path / "a.npy").flags.f_contiguous
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archives_are_read_in_order_whole_or_in_part(tmp_path, save):
    arrays = {f"array{number}": array for number, array in enumerate(ARRAYS)}
    save(tmp_path / "a.npz", **arrays)
    read = load_npz(tmp_path / "a.npz")
    assert list(read) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
    assert list(load_npz(tmp_path / "a.npz", {"array3", "absent"})) == ["array3"]


def test_arrays_that_nobody_asked_for_are_not_looked_at(tmp_path):
    np.savez(tmp_path / "a.npz", good=np.eye(2), bad=np.array([None]))
    assert list(load_npz(tmp_path / "a.npz", {"good"})) == ["good"]
    with pytest.raises(UnsafeFileError, match=r"a\.npz.*Python objects"):
        load_npz(tmp_path / "a.npz")


def test_the_limit_is_on_what_unpacks(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", zeros=np.zeros(10_000))
    assert (tmp_path / "a.npz").stat().st_size < 1000
    load_npz(tmp_path / "a.npz", max_bytes=81_000)
    with pytest.raises(UnsafeFileError, match="80128 bytes, more than the 80000"):
        load_npz(tmp_path / "a.npz", max_bytes=80_000)
    np.save(tmp_path / "a.npy", np.zeros(10_000))
    with pytest.raises(UnsafeFileError, match="80128 bytes, more than the 80000"):
        load_npy(tmp_path / "a.npy", max_bytes=80_000)


@pytest.mark.parametrize("load", [load_npy, load_npz])
@pytest.mark.parametrize("name", ["nowhere", "."])
def test_what_is_not_a_file_is_said_to_be_so(tmp_path, load, name):
    with pytest.raises(UnsafeFileError, match="not a file that exists"):
        load(tmp_path / name)
