"""Malformed archives, streams and arrays are refused; damaged files are never half read."""

import contextlib
import functools
import pickle
import resource
import time
from collections.abc import Callable
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from support.hostile_files import ARCHIVES, ARRAYS, NPZ, STREAMS, array_files, genuine_arrays
from support.lightning_checkpoint_writer import write_lightning_checkpoint
from support.plain_content import assert_plain
from support.python2_pickler import chumpy_array, old_csc_matrix, python2_pickle

from occlusion_toolkit.errors import CheckpointError, UnsafeFileError
from occlusion_toolkit.files.arrays import load_npy, load_npz
from occlusion_toolkit.files.checkpoints import read_state_dict, write_state_dict
from occlusion_toolkit.files.pickled_smpl import SMPL_DATA, UnevaluatedExpression
from occlusion_toolkit.files.safe_pickle import load_pickle
from occlusion_toolkit.files.torch_files import ForeignObject

TYPED = (UnsafeFileError, CheckpointError)


def assert_refused(path: Path, data: bytes, load: Callable[[Path], object]) -> None:
    path.write_bytes(data)
    peak, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(TYPED) as caught:
        load(path)
    assert path.name in str(caught.value)
    assert time.process_time() - started < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 200_000  # kilobytes


@pytest.mark.parametrize("name", ARCHIVES)
def test_malformed_archives_of_pytorch_are_refused(tmp_path, name):
    assert_refused(tmp_path / "x.ckpt", ARCHIVES[name](), read_state_dict)


@pytest.mark.parametrize("name", STREAMS)
def test_malformed_streams_of_old_pytorch_are_refused(tmp_path, name):
    assert_refused(tmp_path / "x.pt", STREAMS[name](), read_state_dict)


@pytest.mark.parametrize("file", ["x.npy", "x.npz"])
@pytest.mark.parametrize("name", ARRAYS)
def test_malformed_arrays_are_refused(tmp_path, name, file):
    data, load = array_files(name)[file]
    assert_refused(tmp_path / file, data, load)


@pytest.mark.parametrize("name", NPZ)
def test_malformed_archives_of_arrays_are_refused(tmp_path, name):
    assert_refused(tmp_path / "x.npz", NPZ[name](), functools.partial(load_npz, max_bytes=50_000_000))


@pytest.fixture(scope="module")
def genuine(tmp_path_factory) -> dict[str, tuple[Path, Callable[[Path], object]]]:
    """One good file of every kind, each of many kilobytes."""
    folder = tmp_path_factory.mktemp("genuine")
    arrays = genuine_arrays()
    sequence = {"sequence": "a_00", "poses": [arrays["pose"]], "genders": ["m"], "texture_maps": []}
    body = {"shapedirs": chumpy_array(arrays["pose"]), "J_regressor": old_csc_matrix(np.eye(24))}
    state = {"layer.weight": torch.arange(5000.0), "layer.bias": torch.ones(7)}
    (folder / "3dpw.pkl").write_bytes(pickle.dumps(sequence, 2))
    (folder / "python2.pkl").write_bytes(python2_pickle(sequence, 0))
    (folder / "smpl.pkl").write_bytes(python2_pickle(body, 2))
    np.savez(folder / "list.npz", **arrays)
    np.savez_compressed(folder / "compressed.npz", **arrays)
    np.save(folder / "regressor.npy", arrays["pose"])
    write_lightning_checkpoint(folder / "archive.ckpt", state)
    write_lightning_checkpoint(folder / "stream.ckpt", state, zipped=False)
    write_state_dict(folder / "weights.safetensors", state, {})

    def load_smpl(path: Path) -> object:
        return load_pickle(path, allow=SMPL_DATA)

    readers = {".npz": load_npz, ".npy": load_npy, ".ckpt": read_state_dict, ".safetensors": read_state_dict}
    return {
        path.name: (path, load_smpl if path.suffix == ".pkl" else readers[path.suffix])
        for path in folder.iterdir()
    }


KINDS = (
    "3dpw.pkl", "python2.pkl", "smpl.pkl", "list.npz", "compressed.npz", "regressor.npy", "archive.ckpt",
    "stream.ckpt", "weights.safetensors",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_at_any_kilobyte_is_refused(tmp_path, genuine, kind):
    path, load = genuine[kind]
    load(path)
    data = path.read_bytes()
    cuts = [*range(0, len(data), 1024), len(data) - 1]
    assert len(cuts) >= 10
    for cut in cuts:
        assert_refused(tmp_path / kind, data[:cut], load)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_with_anything_behind_it_is_read_the_same_or_refused(tmp_path, genuine, kind):
    path, load = genuine[kind]
    (tmp_path / kind).write_bytes(path.read_bytes() + b"cos\nsystem\n(S'touch x'\ntR.")
    with contextlib.suppress(*TYPED):
        assert repr(load(tmp_path / kind)) == repr(load(path))


@pytest.mark.parametrize("kind", KINDS)
@hypothesis.given(data=st.data())
def test_a_file_with_any_bytes_changed_is_plain_data_or_refused(genuine, kind, data):
    path, load = genuine[kind]
    broken = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6), label="changes")):
        # Most of a file is numbers; its ends are where the instructions and directories are.
        start = data.draw(
            st.one_of(st.integers(0, 600), st.integers(-600, -1), st.integers(0, len(broken) - 1))
        )
        stop = start + data.draw(st.integers(1, 4)) if start >= 0 else start + 1 or None
        broken[start:stop] = data.draw(st.binary(max_size=6))
    changed = path.with_name("changed" + path.suffix)
    changed.write_bytes(broken)
    try:
        content = load(changed)
    except TYPED:
        return
    assert_plain(content, also=(torch.Tensor, ForeignObject, UnevaluatedExpression))
