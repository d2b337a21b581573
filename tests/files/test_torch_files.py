"""Checkpoints are read as PyTorch reads them, in both formats; what trainers leave in them stays inert."""

import json
import sys
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path

import pytest
import torch
from support.lightning_checkpoint_writer import write_lightning_checkpoint
from torch import Tensor, nn

from occlusion_toolkit.errors import UnsafeFileError
from occlusion_toolkit.files.checkpoints import read_state_dict
from occlusion_toolkit.files.torch_files import ForeignObject

GOLDEN = Path(__file__).parents[1] / "golden" / "pare_lightning_extra_keys.json"
FORMATS = pytest.mark.parametrize("zipped", [True, False], ids=["archive", "stream"])
BASE = torch.arange(24.0).view(4, 6)
TENSORS: dict[str, Tensor] = {
    "plain": BASE,
    "view": BASE[1:3, ::2],
    "transposed": BASE.T,
    "scalar": torch.tensor(3),
    "empty": torch.empty(0, 3),
    "parameter": nn.Parameter(BASE + 1),
    "bool": BASE > 3,
    **{
        str(dtype): torch.arange(5).to(dtype)
        for dtype in (
            torch.float64, torch.float16, torch.bfloat16, torch.uint8, torch.int8, torch.int16, torch.int32,
            torch.int64,
        )
    },
}  # fmt: skip


@FORMATS
def test_tensors_are_those_that_pytorch_reads(tmp_path, zipped):
    torch.save(TENSORS, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    expected = torch.load(tmp_path / "x.pt", weights_only=True)
    found = read_state_dict(tmp_path / "x.pt")
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert type(found[name]) is Tensor
        assert (found[name].dtype, found[name].shape) == (tensor.dtype, tensor.shape)
        assert torch.equal(found[name], tensor), name


@FORMATS
def test_views_of_the_same_numbers_still_share_them(tmp_path, zipped):
    torch.save({"all": BASE, "row": BASE[1]}, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    found = read_state_dict(tmp_path / "x.pt")
    assert found["row"].untyped_storage().data_ptr() == found["all"].untyped_storage().data_ptr()


@FORMATS
def test_a_networks_own_state_dict_is_read(tmp_path, zipped):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    assert hasattr(network.state_dict(), "_metadata")  # attributes of the dictionary, which pickle writes too
    torch.save(network.state_dict(), tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    found = read_state_dict(tmp_path / "x.pt")
    for name, tensor in network.state_dict().items():
        assert torch.equal(found[name], tensor)


@FORMATS
def test_dictionaries_of_other_classes_become_plain(tmp_path, zipped):
    content = {"a": OrderedDict(x=1), "b": Counter("aab"), "c": defaultdict(dict, {"k": [1]}), "n": 3}
    torch.save(content, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    found = read_state_dict(tmp_path / "x.pt")
    assert found == {"a": {"x": 1}, "b": {"a": 2, "b": 1}, "c": {"k": [1]}, "n": 3}
    assert all(type(value) is dict for value in list(found.values())[:3])


@FORMATS
def test_a_lightning_checkpoint_is_read_without_lightning(tmp_path, zipped):
    with GOLDEN.open() as file:
        beside = dict.fromkeys(json.load(file), torch.zeros(1))
    assert len(beside) == 41
    state = {"model.backbone.conv1.weight": BASE, "model.head.pose_mlp.weight": BASE.T.contiguous(), **beside}
    write_lightning_checkpoint(tmp_path / "x.ckpt", state, zipped=zipped, optimiser=True)
    with pytest.raises(Exception, match="pytorch_lightning"):
        torch.load(tmp_path / "x.ckpt", weights_only=True)
    before = set(sys.modules)
    found = read_state_dict(tmp_path / "x.ckpt")
    assert {name for name in sys.modules.keys() - before if name.startswith(("pytorch_", "yacs"))} == set()
    assert found["state_dict"].keys() == state.keys()
    for name, tensor in state.items():
        assert torch.equal(found["state_dict"][name], tensor)
    assert (found["epoch"], found["pytorch-lightning_version"]) == (12, "1.1.8")
    assert found["callbacks"]["pytorch_lightning.callbacks.early_stopping.EarlyStopping"]["patience"] == 3
    assert found["hyper_parameters"] == {
        "cfg": {"METHOD": "pare", "PARE": {"BACKBONE": "hrnet_w32-conv", "NUM_JOINTS": 24}},
        "args": ForeignObject("argparse.Namespace"),
        "log": ForeignObject("pathlib.PosixPath"),
        "device": ForeignObject("torch.device"),
    }
    assert "optimizer_states" not in found


@FORMATS
def test_a_class_that_trainers_do_not_leave_is_refused_by_name(tmp_path, zipped):
    torch.save(
        {"state_dict": {}, "x": nn.Linear(1, 1)}, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped
    )
    with pytest.raises(UnsafeFileError, match=r"x\.pt.*torch\.nn\.modules\.linear\.Linear"):
        read_state_dict(tmp_path / "x.pt")
