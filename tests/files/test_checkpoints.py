"""Weights are read without running code."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from occlusion_toolkit.errors import CheckpointError, UnsafeFileError
from occlusion_toolkit.files.checkpoints import read_metadata, read_state_dict, write_state_dict


def tiny_state() -> dict[str, Tensor]:
    return {"backbone.conv1.weight": torch.arange(6.0).view(2, 3), "head.fc1.bias": torch.ones(4)}


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name


class Foreign:
    """Stands for the classes that trainers leave in their checkpoints."""


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_safetensors_round_trip_with_metadata(tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    write_state_dict(path, tiny_state(), {"architecture": "tiny", "steps": "3"})
    assert_same(read_state_dict(path), tiny_state())
    assert read_metadata(path) == {"architecture": "tiny", "steps": "3"}
    assert [file.name for file in tmp_path.iterdir()] == ["weights.safetensors"]


def test_half_precision_is_for_matrices_only(tmp_path: Path):
    state = {"weight": torch.full((2, 2), 0.1), "running_var": torch.tensor([1e6]), "count": torch.tensor(7)}
    write_state_dict(tmp_path / "weights.safetensors", state, {}, half=True)
    found = read_state_dict(tmp_path / "weights.safetensors")
    assert found["weight"].dtype == torch.float16
    assert found["running_var"].item() == 1e6
    assert found["count"].dtype == torch.int64


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    write_state_dict(path, tiny_state(), {})
    with pytest.raises(TypeError):
        write_state_dict(path, tiny_state(), {"steps": 3})  # type: ignore[dict-item]
    assert_same(read_state_dict(path), tiny_state())
    assert [file.name for file in tmp_path.iterdir()] == ["weights.safetensors"]


def test_checkpoint_of_an_old_pytorch_is_read(tmp_path: Path):
    torch.save({"model": tiny_state()}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert_same(read_state_dict(tmp_path / "old.pt")["model"], tiny_state())


def test_foreign_class_is_named_and_the_way_out_explained(tmp_path: Path):
    torch.save({"state_dict": tiny_state(), "hyper_parameters": Foreign()}, tmp_path / "lightning.ckpt")
    with pytest.raises(UnsafeFileError, match=r"test_checkpoints\.Foreign.*--trust-file"):
        read_state_dict(tmp_path / "lightning.ckpt")


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_does_not_run(tmp_path: Path, zipped: bool):
    trace = tmp_path / "ran"
    file = tmp_path / "evil.pt"
    torch.save({"model": tiny_state(), "x": Payload(trace)}, file, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UnsafeFileError):
        read_state_dict(file)
    assert not trace.exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_code_in_a_plain_pickle_does_not_run(tmp_path: Path):
    trace = tmp_path / "ran"
    (tmp_path / "evil.pt").write_bytes(pickle.dumps(Payload(trace)))
    with pytest.raises((UnsafeFileError, CheckpointError)):
        read_state_dict(tmp_path / "evil.pt")
    assert not trace.exists()


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.ckpt"])
@pytest.mark.parametrize("contents", [b"", b"not weights at all", b"PK\x03\x04" + bytes(40)])
def test_damaged_files_are_checkpoint_errors(tmp_path: Path, name: str, contents: bytes):
    (tmp_path / name).write_bytes(contents)
    with pytest.raises(CheckpointError, match="weights"):
        read_state_dict(tmp_path / name)


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.ckpt"])
def test_truncated_files_are_checkpoint_errors(tmp_path: Path, name: str):
    path = tmp_path / name
    if path.suffix == ".ckpt":
        torch.save(tiny_state(), path)
    else:
        write_state_dict(path, tiny_state(), {})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CheckpointError):
        read_state_dict(path)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("zipped", [True, False])
def test_flipped_bytes_are_read_or_refused_but_never_crash(tmp_path: Path, zipped: bool):
    path = tmp_path / "weights.ckpt"
    torch.save({"model": tiny_state()}, path, _use_new_zipfile_serialization=zipped)
    intact = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        damaged = bytearray(intact)
        damaged[rng.integers(len(damaged))] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            read_state_dict(path)
        except (CheckpointError, UnsafeFileError):
            refused += 1
    assert refused > 0


def test_missing_file_is_named(tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"nowhere\.ckpt"):
        read_state_dict(tmp_path / "nowhere.ckpt")


def test_checkpoint_without_names_is_refused(tmp_path: Path):
    torch.save([torch.ones(3)], tmp_path / "list.ckpt")
    with pytest.raises(CheckpointError, match="no tensors by name"):
        read_state_dict(tmp_path / "list.ckpt")
