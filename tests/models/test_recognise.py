"""Every published layout of every network is recognised; what does not fit is listed and not loaded."""

import json
from pathlib import Path

import pytest
import torch
from support.checkpoint_layouts import DROPPED, LAYOUTS, LIGHTNING_EXTRAS, flat
from torch import Tensor, nn

from occlusion_toolkit.errors import CheckpointError
from occlusion_toolkit.models import HMR, HMR2, PARE, SpinHMR, build_network
from occlusion_toolkit.models.backbones import BasicBlock, ResNet
from occlusion_toolkit.models.networks import PUBLISHED_NETWORKS, unread_tensors
from occlusion_toolkit.models.recognise import (
    find_misfits,
    load_strictly,
    network_tensors,
    renamed_for,
)

FILE = Path("checkpoint.pt")


def tiny_state() -> dict[str, Tensor]:
    return {"backbone.conv1.weight": torch.arange(6.0).view(2, 3), "head.fc1.bias": torch.ones(4)}


def empty_network(name: str) -> HMR | PARE | HMR2:
    with torch.device("meta"):
        return build_network(name)


def numbered_state(network: nn.Module) -> dict[str, Tensor]:
    """A state dict of the network's names and shapes whose tensors are all different, without its memory."""
    return {
        name: torch.tensor(float(number)).expand(tensor.shape)
        for number, (name, tensor) in enumerate(network.state_dict().items())
    }


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        *((name, layout) for name in ("spin_hmr", "pare_hmr_r50") for layout in LAYOUTS),
        *((name, "Lightning") for name in PUBLISHED_NETWORKS if name.startswith("pare")),
    ],
)
def test_tensors_of_every_network_are_found_in_every_layout(name: str, layout: str):
    network = empty_network(name)
    state = numbered_state(network)
    found = network_tensors(LAYOUTS[layout](state), FILE)
    assert found.tensors.keys() == state.keys()
    assert all(found.tensors[key] is tensor for key, tensor in state.items())
    assert renamed_for(network, found.tensors).keys() == state.keys()
    assert len(found.dropped) == DROPPED.get(layout, 0)


def test_the_dropped_tensors_are_those_of_the_published_file():
    listed = json.loads((Path(__file__).parents[1] / "golden" / "pare_lightning_extra_keys.json").read_text())
    assert set(listed) == set(LIGHTNING_EXTRAS)
    state = {f"model.{name}": tensor for name, tensor in tiny_state().items()}
    extras = {name: torch.zeros(1).expand(shape) for name, shape in listed.items()}
    found = network_tensors({"state_dict": state | extras}, FILE)
    assert found.tensors.keys() == tiny_state().keys()
    assert set(found.dropped) == set(listed)


@pytest.mark.parametrize(("source", "target"), [("spin_hmr", "pare_hmr_r50"), ("pare_hmr_r50", "spin_hmr")])
def test_spins_and_pares_names_are_translated_both_ways(source: str, target: str):
    state, network = numbered_state(empty_network(source)), empty_network(target)
    renamed = renamed_for(network, state)
    assert set(renamed) == set(network.state_dict())
    assert flat(renamed) == flat(state)


def test_layouts_are_told_in_words():
    state = numbered_state(empty_network("spin_hmr"))
    parallel = network_tensors({"model": {f"module.{name}": t for name, t in state.items()}}, FILE)
    assert parallel.layout == "under 'model', prefix 'module.', SPIN's names"
    lightning = network_tensors(LAYOUTS["Lightning"](tiny_state()), FILE)
    assert lightning.layout == "under 'state_dict', prefix 'model.', PARE's names"


@pytest.mark.parametrize("kind", ["hmr2", pytest.param("camerahmr", marks=pytest.mark.slow)])
def test_company_of_hmr2_is_dropped_by_name(kind: str):
    listed = json.loads((Path(__file__).parents[1] / "golden" / "hmr2_lightning_extra_keys.json").read_text())
    network = empty_network(kind)
    state = numbered_state(network)
    extras = {name: torch.zeros(()).expand(shape) for name, shape in listed.items()}
    found = network_tensors({"state_dict": state | extras}, FILE)
    assert found.tensors.keys() == state.keys()
    assert set(found.dropped) == set(listed)
    assert found.layout == "under 'state_dict', HMR2.0's names"
    odd = network_tensors({"state_dict": state | {"renderer.weight": torch.ones(1)}}, FILE)
    assert find_misfits(network, odd.tensors).unexpected == ("renderer.weight",)


def test_tensors_of_unknown_company_are_not_dropped():
    found = network_tensors({"state_dict": tiny_state() | {"discriminator.weight": torch.ones(1)}}, FILE)
    assert "discriminator.weight" in found.tensors
    network = HMR(ResNet(BasicBlock, (1, 1, 1, 1), 4), hidden=8)
    extra = {"discriminator.weight": torch.ones(1)}
    with pytest.raises(CheckpointError, match=r"1 unexpected: discriminator\.weight"):
        load_strictly(network, network.state_dict() | extra)


def test_a_tensor_with_and_without_its_prefix_is_refused():
    doubled = {"model.backbone.x": torch.ones(1), "backbone.x": torch.zeros(1)}
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt.*with and without"):
        network_tensors({"state_dict": doubled}, FILE)


def test_a_tensor_under_both_names_is_found_to_be_unexpected():
    network = empty_network("spin_hmr")
    state = numbered_state(network)
    state["head.fc1.bias"] = state["fc1.bias"] + 1
    assert find_misfits(network, renamed_for(network, state)).unexpected == ("head.fc1.bias",)


@pytest.mark.parametrize("contents", [{}, {"epoch": 3}, {"state_dict": {"epoch": 3}}, {"model": {}}])
def test_a_file_without_tensors_is_named(contents: dict[str, object]):
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt holds no tensors"):
        network_tensors(contents, FILE)


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


@pytest.mark.parametrize("name", ["spin_hmr", "pare_hrnet_w32_conv"])
def test_any_missing_tensor_but_the_unread_ones_is_noticed(name: str):
    network = empty_network(name)
    state, unread = numbered_state(network), unread_tensors(network)
    for left_out in list(state)[::900] + sorted(unread):
        rest = {key: tensor for key, tensor in state.items() if key != left_out}
        missing = () if left_out in unread else (left_out,)
        assert find_misfits(network, rest, optional=unread).missing == missing


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
    flat_names, nested = (kind(ResNet(BasicBlock, (1, 1, 1, 1), 4)) for kind in (SpinHMR, HMR))
    assert not any(name.startswith(("backbone.", "head.")) for name in flat_names.state_dict())
    with pytest.raises(CheckpointError, match="0 of"):
        load_strictly(nested, flat_names.state_dict())
    load_strictly(
        flat_names, {name: torch.zeros_like(tensor) for name, tensor in flat_names.state_dict().items()}
    )
    assert not any(parameter.any() for parameter in flat_names.parameters())
