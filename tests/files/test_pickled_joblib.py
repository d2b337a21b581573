"""What joblib writes is read without joblib, and nothing else gets in that way."""

import pickle
from pathlib import Path

import joblib
import numpy as np
import pytest
from support.hostile_pickles import Call
from support.plain_content import assert_plain

from occlusion_toolkit.errors import UnsafeFileError
from occlusion_toolkit.files.pickled_joblib import JOBLIB_DATA
from occlusion_toolkit.files.safe_pickle import load_pickle

PLAIN = {
    "smpl_index": np.arange(6890) % 24,
    "fortran": np.asfortranarray(np.arange(6.0, dtype=np.float32).reshape(2, 3)),
    "empty": np.empty((0, 3)),
    "list": [np.array([1, 2], ">u2"), "text", 3],
}


def load(path: Path) -> object:
    return load_pickle(path, allow=JOBLIB_DATA)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_files_of_joblib_are_read(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "mapping.pkl"
    joblib.dump(PLAIN, path, protocol=protocol)
    content = load(path)
    assert_plain(content)
    np.testing.assert_equal(content, PLAIN)


def test_files_before_padding_was_written_are_read(tmp_path: Path) -> None:
    """joblib 1.1 and older, of the time of the published file, put the bytes right behind the pickle."""
    path = tmp_path / "mapping.pkl"
    joblib.dump({"smpl_index": PLAIN["smpl_index"]}, path, protocol=3)
    new, values = path.read_bytes(), PLAIN["smpl_index"].tobytes()
    name = b"X\x1b\x00\x00\x00numpy_array_alignment_bytes"
    start, begin = new.index(name), new.index(values)
    end_of_value = start + len(name) + 2 + 2  # its memo entry and the number 16
    padding = begin - new[:begin].rindex(b"ub") - 2
    assert padding == new[begin - padding] + 1
    path.write_bytes(new[:start] + new[end_of_value : begin - padding] + new[begin:])
    np.testing.assert_equal(load(path), {"smpl_index": PLAIN["smpl_index"]})


def test_plain_pickles_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "mapping.pkl"
    path.write_bytes(pickle.dumps(PLAIN))
    np.testing.assert_equal(load(path), PLAIN)


def test_cut_files_and_files_that_are_longer_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mapping.pkl"
    joblib.dump(PLAIN["smpl_index"], path)
    whole = path.read_bytes()
    for damaged in (whole[:-1], whole[: len(whole) // 2], whole[:60], whole + b"."):
        path.write_bytes(damaged)
        with pytest.raises(UnsafeFileError, match=r"mapping\.pkl"):
            load(path)


@pytest.mark.parametrize("content", [np.array([{}, "text"], object), np.ma.array([1, 2])])
def test_arrays_of_objects_and_of_other_classes_are_refused(tmp_path: Path, content: np.ndarray) -> None:
    path = tmp_path / "mapping.pkl"
    joblib.dump(content, path)
    with pytest.raises(UnsafeFileError, match="was not opened"):
        load(path)


def test_code_and_compression_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mapping.pkl"
    path.write_bytes(pickle.dumps({"smpl_index": Call(print, "never")}))
    with pytest.raises(UnsafeFileError, match="not plain data"):
        load(path)
    joblib.dump(PLAIN, path, compress=3)
    with pytest.raises(UnsafeFileError, match="not a pickle"):
        load(path)


def test_a_small_file_cannot_ask_for_a_large_array(tmp_path: Path) -> None:
    path = tmp_path / "mapping.pkl"
    joblib.dump(np.zeros(7, np.uint8), path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"K\x07\x85", b"\x8a\x06" + (2**40).to_bytes(6, "little") + b"\x85"))
    assert path.read_bytes() != content
    with pytest.raises(UnsafeFileError, match="do not fill its shape"):
        load(path)
