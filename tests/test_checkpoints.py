"""Weights are read without running code, and loaded only if every tensor fits."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from occlusion_toolkit.errors import CheckpointError, UnsafeFileError
from occlusion_toolkit.io.checkpoints import load_strictly, read_metadata, read_state_dict, write_state_dict
from occlusion_toolkit.regressors import HMR, SpinHMR
from occlusion_toolkit.regressors.backbones import BasicBlock, ResNet


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


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"model": state, "optimizer": {"lr": 0.1}, "epoch": 3},
        lambda state: {"model": {f"module.{name}": tensor for name, tensor in state.items()}},
        lambda state: {
            "state_dict": {f"model.{name}": tensor for name, tensor in state.items()}
            | {
                "model.smpl.smpl.betas": torch.zeros(1, 10),
                "J_regressor": torch.zeros(17, 3),
                "K": torch.eye(3),
            },
            "pytorch-lightning_version": "1.1.8",
        },
        lambda state: {"state_dict": state | {"body_model_train.betas": torch.zeros(1, 10)}},
    ],
    ids=["bare", "spin", "data-parallel", "lightning", "converted"],
)
def test_wrappers_of_known_trainers_are_opened(tmp_path: Path, wrap):
    torch.save(wrap(tiny_state()), tmp_path / "checkpoint.pt")
    assert_same(read_state_dict(tmp_path / "checkpoint.pt"), tiny_state())


def test_checkpoint_of_an_old_pytorch_is_read(tmp_path: Path):
    torch.save({"model": tiny_state()}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert_same(read_state_dict(tmp_path / "old.pt"), tiny_state())


def test_foreign_class_is_named_and_the_way_out_explained(tmp_path: Path):
    torch.save({"state_dict": tiny_state(), "hyper_parameters": Foreign()}, tmp_path / "lightning.ckpt")
    with pytest.raises(UnsafeFileError, match=r"Foreign.*convert it once.*safetensors"):
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


def test_checkpoint_without_tensors_is_refused(tmp_path: Path):
    torch.save({"epoch": 3}, tmp_path / "empty.ckpt")
    with pytest.raises(CheckpointError, match="no tensors"):
        read_state_dict(tmp_path / "empty.ckpt")


def linear() -> nn.Linear:
    return nn.Linear(2, 3)


def test_every_kind_of_misfit_is_listed_at_once():
    state = {"weight": torch.zeros(3, 5), "extra": torch.zeros(1)}
    with pytest.raises(CheckpointError) as caught:
        load_strictly(linear(), state)
    message = str(caught.value)
    assert "1 missing: bias" in message
    assert "1 unexpected: extra" in message
    assert "weight (3, 5) instead of (3, 2)" in message
    assert "1 of 2" in message


def test_a_refused_state_changes_nothing():
    network = linear()
    before = network.weight.detach().clone()
    with pytest.raises(CheckpointError):
        load_strictly(network, {"weight": torch.zeros(3, 2)})
    assert torch.equal(network.weight, before)


def test_long_lists_are_cut():
    with pytest.raises(CheckpointError, match=r"and \d+ more"):
        load_strictly(HMR(ResNet(BasicBlock, (1, 1, 1, 1), 4), hidden=8), {"foo": torch.zeros(1)})


def test_weights_that_are_not_finite_are_refused():
    with pytest.raises(CheckpointError, match="1 not finite: bias"):
        load_strictly(linear(), {"weight": torch.zeros(3, 2), "bias": torch.tensor([0.0, torch.nan, 0.0])})


def test_optional_tensors_may_be_absent():
    network = linear()
    bias = network.bias.detach().clone()
    load_strictly(network, {"weight": torch.zeros(3, 2)}, optional={"bias"})
    assert torch.equal(network.bias, bias)
    assert not network.weight.any()


def test_half_precision_weights_become_the_networks_type():
    network = linear()
    load_strictly(network, {"weight": torch.ones(3, 2).half(), "bias": torch.ones(3).half()})
    assert network.weight.dtype == torch.float32
    assert network.weight.sum() == 6


def test_flat_names_are_read_and_written_by_spin_hmr_alone():
    flat, nested = (kind(ResNet(BasicBlock, (1, 1, 1, 1), 4)) for kind in (SpinHMR, HMR))
    assert not any(name.startswith(("backbone.", "head.")) for name in flat.state_dict())
    with pytest.raises(CheckpointError, match="0 of"):
        load_strictly(nested, flat.state_dict())
    load_strictly(flat, {name: torch.zeros_like(tensor) for name, tensor in flat.state_dict().items()})
    assert not any(parameter.any() for parameter in flat.parameters())
