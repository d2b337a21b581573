import copy
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

import occlusion_toolkit as ot
from occlusion_toolkit.data.crops import normalise
from occlusion_toolkit.models.architecture import BlazePoseBackbone, HMRArchitecture
from occlusion_toolkit.models.backbones.blazepose_trunk import points_of
from occlusion_toolkit.models.hmr import HMR
from occlusion_toolkit.training.recipe import Optimisation
from occlusion_toolkit.training.tuning import Subsampled, parameter_groups, plain_state_dict, prepare

PHOTO = Path(__file__).parents[2] / "examples" / "photo.jpg"
RATES = Optimisation(learning_rate=1e-3, tuned_rate=0.1, weight_decay=0.01)


def network(*, tuned: bool = True) -> HMR:
    torch.manual_seed(0)
    trunk = BlazePoseBackbone(kind="blazepose", join="vector", width=16, tuned=tuned)
    return HMRArchitecture(kind="hmr", backbone=trunk, hidden=8).build().eval()


def crops(people: int) -> torch.Tensor:
    return torch.rand(people, 3, 224, 224, generator=torch.Generator().manual_seed(people)) * 4 - 2


@pytest.fixture
def prepared() -> HMR:
    made = network()
    prepare(made)
    return made


def after_a_step(prepared: HMR) -> dict[str, torch.Tensor]:
    """Lets the network learn one step; gives its plain tensors of before."""
    optimiser = torch.optim.AdamW(parameter_groups(prepared, RATES))
    before = {name: value.detach().clone() for name, value in plain_state_dict(prepared).items()}
    (1e3 * prepared(crops(2)).camera.sum()).backward()
    optimiser.step()
    return before


@torch.no_grad()
def test_a_prepared_network_predicts_what_it_did(prepared: HMR):
    pictures = crops(2)
    before, after = network()(pictures), prepared(pictures)
    assert torch.allclose(after.rotmats, before.rotmats, atol=1e-4)
    assert torch.allclose(after.camera, before.camera, atol=1e-4)


@torch.no_grad()
def test_its_plain_tensors_are_those_of_the_network(prepared: HMR):
    own, plain = network().state_dict(), plain_state_dict(prepared)
    assert sorted(plain) == sorted(own)
    for name, value in own.items():
        assert torch.allclose(plain[name], value, rtol=1e-5, atol=1e-6), name


def test_after_a_step_plain_tensors_predict_the_same(prepared: HMR):
    before = after_a_step(prepared)
    other = network()
    other.load_state_dict({name: value.detach() for name, value in plain_state_dict(prepared).items()})
    with torch.no_grad():
        assert torch.allclose(other(crops(3)).rotmats, prepared(crops(3)).rotmats, atol=1e-4)
    after = plain_state_dict(prepared)
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert "backbone.network.trunk.blocks.9.expand.weight" in moved
    assert not {name for name in moved if "depthwise" in name or ".stem" in name or ".blocks.2." in name}


def test_a_step_turns_large_and_small_kernels_alike(prepared: HMR):
    before = after_a_step(prepared)
    turned = {}
    for name, layer in prepared.named_modules():
        if parametrize.is_parametrized(layer):
            old = before[f"{name}.weight"].flatten(1)
            turned[name] = (layer.weight.flatten(1) - old).norm() / old.norm()
    # Entries of a direction are moved by one rate: by its square root of entries, whatever its length.
    for name, share in turned.items():
        entries = before[f"{name}.weight"][0].numel()
        assert share < 1.2 * RATES.learning_rate * RATES.tuned_rate * entries**0.5, name
    assert max(turned.values()) > 1e-4


def test_rates_are_those_of_the_recipe_and_a_tenth_for_lengths(prepared: HMR):
    groups = parameter_groups(prepared, RATES)
    assert [group["lr"] for group in groups] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-5])
    assert [group["weight_decay"] for group in groups] == [0.01, 0, 0, 0]
    given = [value for group in groups for value in group["params"]]
    learning = [value for value in prepared.parameters() if value.requires_grad]
    assert {id(value) for value in given} == {id(value) for value in learning}
    assert len(given) == len(learning)


def test_a_frozen_backbone_and_other_networks_stay_as_they_are():
    for made in (network(tuned=False), nn.Sequential(nn.Conv2d(3, 3, 1))):
        names = list(made.state_dict())
        prepare(made)
        assert list(made.state_dict()) == names == list(plain_state_dict(made))
        assert all(group["lr"] == RATES.learning_rate for group in parameter_groups(made, RATES))


def test_a_convolution_read_at_every_second_place_is_the_one_with_a_stride():
    strided = nn.Conv2d(6, 6, 5, 2, padding=2, groups=6)
    other = copy.deepcopy(strided)
    other.__class__ = Subsampled
    maps = torch.randn(2, 6, 12, 10)
    assert torch.allclose(other(maps), strided(maps), atol=1e-6)


def test_in_16_bits_the_points_of_a_prepared_network_stay_within_centimetres():
    made = network()
    prepare(made)
    pictures = ot.read_crop(PHOTO, bbox=(258, 107, 382, 707)).pixels
    crop = normalise(pictures)[None]
    with torch.no_grad():
        _, exact = points_of(made.backbone.see(crop))
        with torch.autocast("cpu", torch.bfloat16):
            _, rough = points_of(made.backbone.see(crop))
            _, plain = points_of(network().backbone.see(crop))
    apart = [(metres.float() - exact).norm(dim=-1).mean().item() for metres in (rough, plain)]
    assert apart[0] < 0.03 < apart[1]
