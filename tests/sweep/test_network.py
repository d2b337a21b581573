import copy
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from support.equality import assert_close
from support.fakes import StickBody, TinyNetwork, bent_elbow, random_crops, sweep_of
from torch import nn

from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.errors import UsageError
from occlusion_toolkit.models import HMR
from occlusion_toolkit.models.backbones import BasicBlock, ResNet
from occlusion_toolkit.models.base import RegressorOutput
from occlusion_toolkit.models.registry import LoadedRegressor, load_card
from occlusion_toolkit.sweep.folding import fold_batch_norms
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.network import (
    FOLDING_TOLERANCE,
    NetworkRunner,
    is_emulated,
    optimised_copy,
)

TESTS = Path(__file__).parents[1]
CPU = torch.device("cpu")
GRID = Grid(size=16, stride=16, resolution=64)


def batch_norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


class SharedConvolution(TinyNetwork):
    """Uses the output of its convolution twice: folding its batch norm would change what it says."""

    def forward(self, crops):
        features = self.convolution(crops)
        normed = torch.relu(self.batch_norm(features)) + features
        pooled = nn.functional.adaptive_avg_pool2d(normed, 4).flatten(1)
        numbers = self.decoder(pooled)
        output = bent_elbow(numbers[:, 0])
        output.betas[:] = numbers[:, 144:154]
        return output


def test_folding_leaves_the_output_and_removes_the_batch_norm():
    network, crops = TinyNetwork().eval(), random_crops(2, 64)
    before = network(crops)
    assert fold_batch_norms(network, crops[:1]) == 1
    assert batch_norms(network) == 0
    after = network(crops)
    torch.testing.assert_close(after.rotmats, before.rotmats, atol=1e-6, rtol=0)
    torch.testing.assert_close(after.betas, before.betas, atol=1e-6, rtol=0)


@pytest.mark.parametrize("transposed", [False, True])
def test_folding_follows_the_data_and_not_the_order_of_definition(transposed):
    class Crossed(nn.Module):
        def __init__(self):
            super().__init__()
            self.first_norm, self.second_norm = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
            kind = nn.ConvTranspose2d if transposed else nn.Conv2d
            self.second, self.first = kind(3, 3, 3), kind(3, 3, 3)
            for norm in (self.first_norm, self.second_norm):
                norm.running_mean.normal_()
                norm.running_var.uniform_(0.5, 2)

        def forward(self, x):
            return self.second_norm(self.second(torch.relu(self.first_norm(self.first(x)))))

    torch.manual_seed(0)
    network, crops = Crossed().eval(), random_crops(1, 16)
    before = network(crops)
    assert fold_batch_norms(network, crops) == 2
    torch.testing.assert_close(network(crops), before, atol=1e-5, rtol=1e-5)


def test_batch_norms_that_do_not_follow_a_convolution_or_run_twice_stay():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.convolution, self.shared = (
                nn.BatchNorm2d(3),
                nn.Conv2d(3, 3, 1),
                nn.BatchNorm2d(3),
            )

        def forward(self, x):
            return self.shared(self.convolution(self.shared(self.convolution(self.norm(x)))))

    network = Twice().eval()
    assert fold_batch_norms(network, random_crops(1, 16)) == 0
    assert batch_norms(network) == 2


def test_a_folding_that_would_change_the_output_is_taken_back():
    network, crops = SharedConvolution().eval(), random_crops(2, 64)
    copy = optimised_copy(network, CPU, 64)
    assert batch_norms(copy) == 1
    torch.testing.assert_close(copy(crops).betas, network(crops).betas, atol=1e-6, rtol=0)


class Amplifying(nn.Module):
    """Small differences of large numbers: rounding is all that is left of them."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.convolution, self.batch_norm = nn.Conv2d(3, 216, 5), nn.BatchNorm2d(216)
        self.batch_norm.running_mean.uniform_(-1, 1)
        self.batch_norm.running_var.uniform_(0.5, 2)

    def forward(self, crops):
        maps = self.batch_norm(self.convolution(crops)) + 300.0
        values = maps.mean((2, 3)) - maps[:, :, ::2].mean((2, 3))
        return RegressorOutput(values.view(-1, 24, 3, 3), values[:, :10], values[:, :3])


def test_a_folding_that_is_as_near_to_double_precision_stays_however_rounding_is_amplified():
    network, crops = Amplifying().eval(), random_crops(1, 64)
    folded = copy.deepcopy(network)
    assert fold_batch_norms(folded, crops) == 1
    one, other = network(crops).rotmats, folded(crops).rotmats
    assert (one - other).abs().max() / one.abs().max() > FOLDING_TOLERANCE
    assert batch_norms(optimised_copy(network, CPU, 64)) == 0


def test_the_original_network_is_not_touched():
    network = TinyNetwork().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    sweep_of(network, grid=GRID).run(random_crops(1, 64))
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert set(network.state_dict()) == set(before)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])


def test_the_body_is_not_touched_either():
    class Body(nn.Module):
        def __init__(self):
            super().__init__()
            self.sticks = StickBody()
            self.register_buffer("offset", torch.zeros(3))

        def centred_joints(self, parameters, joint_set):
            return self.sticks.centred_joints(parameters, joint_set) + self.offset

    body, crops = Body(), random_crops(1, 64)
    sweep = sweep_of(body=body, grid=GRID)
    body.offset += 1.0  # after the sweep has taken its copy
    xr.testing.assert_identical(sweep.run(crops), sweep_of(body=Body(), grid=GRID).run(crops))


def test_a_network_in_training_mode_is_run_in_evaluation_mode():
    networks = (TinyNetwork().train(), TinyNetwork().eval())
    xr.testing.assert_identical(*(sweep_of(net, grid=GRID).run(random_crops(1, 64)) for net in networks))


def test_a_network_with_its_card_is_optimised_too():
    torch.manual_seed(0)
    network = HMR(ResNet(BasicBlock, (1, 1, 1, 1), width=4), hidden=16).eval()
    loaded = LoadedRegressor(network, load_card("hmr-open"), "0" * 64, CPU)
    fast, crops = optimised_copy(loaded, CPU, 64), random_crops(1, 64)
    assert fast.card == loaded.card
    assert batch_norms(fast.network) == 0
    assert batch_norms(network) > 0
    torch.testing.assert_close(fast(crops).rotmats, loaded(crops).rotmats, atol=1e-5, rtol=0)


def test_callables_that_are_not_networks_are_used_as_they_are():
    def regressor(crops):
        return bent_elbow(crops[:, 0, 0, 0])

    assert optimised_copy(regressor, CPU, 64) is regressor


def half_precision_bends_the_elbow(crops):
    angle = 0.5 if torch.is_autocast_enabled("cpu") else 0.0
    return bent_elbow(torch.full((len(crops),), angle))


@pytest.mark.parametrize("lacks", [True, False])
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_arithmetic_that_the_processor_lacks_is_named(caplog, monkeypatch, precision, lacks):
    monkeypatch.setattr(torch.ops.mkldnn, f"_is_mkldnn_{precision}_supported", lambda: not lacks)
    sweep_of(TinyNetwork(), grid=GRID, precision=precision)
    assert (f"{precision}: this processor lacks such arithmetic" in caplog.text) is lacks


def test_single_precision_and_gpus_are_never_emulated():
    assert not is_emulated(CPU, "fp32")
    assert not is_emulated(torch.device("cuda"), "bf16")


def test_low_precision_beyond_the_tolerance_gives_way_to_fp32_aloud(caplog):
    sweep = sweep_of(half_precision_bends_the_elbow, grid=GRID, precision="bf16")
    assert sweep.deviation is None
    with caplog.at_level(logging.WARNING):
        maps = sweep.run(random_crops(1, 64))
    rest = StickBody().rest_joints
    elbow = SMPL24.index("left_elbow")
    radii = [(rest[SMPL24.index(name)] - rest[elbow])[:2].norm() for name in ("left_wrist", "left_hand")]
    moved_mm = [1000 * 2 * radius.item() * torch.tensor(0.25).sin().item() for radius in radii]
    assert sweep.deviation.largest_mm == pytest.approx(max(moved_mm), rel=1e-4)
    assert sweep.deviation.mean_mm == pytest.approx(sum(moved_mm) / 24, rel=1e-4)
    assert sweep.precision == "fp32"
    assert "going on in fp32" in caplog.text
    plain = sweep_of(lambda crops: bent_elbow(torch.zeros(len(crops))), grid=GRID).run(random_crops(1, 64))
    np.testing.assert_array_equal(maps["rotmats"], plain["rotmats"])


@pytest.mark.parametrize("tolerance", [(1e3, 1e4), None])
def test_low_precision_is_used_where_it_is_tolerated(tolerance):
    sweep = sweep_of(half_precision_bends_the_elbow, grid=GRID, precision="bf16", tolerance_mm=tolerance)
    maps = sweep.run(random_crops(1, 64))
    assert sweep.precision == "bf16"
    bent = bent_elbow(torch.tensor([0.5])).rotmats[0]
    np.testing.assert_allclose(maps["clean_rotmats"][0], bent, atol=1e-6)


@pytest.mark.parametrize("bound", [(1.0, 1e4), (1e4, 10.0)])
def test_mean_and_largest_deviation_are_each_bounded(bound):
    sweep = sweep_of(half_precision_bends_the_elbow, grid=GRID, precision="bf16", tolerance_mm=bound)
    sweep.run(random_crops(1, 64))
    assert sweep.deviation.mean_mm > 1.0
    assert sweep.deviation.largest_mm > 10.0
    assert sweep.precision == "fp32"


def test_a_small_deviation_is_recorded_without_a_warning(caplog):
    def regressor(crops):
        return bent_elbow(torch.full((len(crops),), 1e-5 if torch.is_autocast_enabled("cpu") else 0.0))

    sweep = sweep_of(regressor, grid=GRID, precision="bf16")
    caplog.clear()  # the processor may lack this arithmetic
    with caplog.at_level(logging.WARNING):
        sweep.run(random_crops(1, 64))
    assert 0 < sweep.deviation.largest_mm < 0.1
    assert sweep.deviation.passes == min(64, sweep.passes_per_crop)
    assert caplog.text == ""


def test_bf16_of_a_real_convolution_stays_near_float32_and_answers_in_float32():
    crops = random_crops(1, 64)
    fast = NetworkRunner(TinyNetwork().eval(), CPU, "bf16")(crops)
    exact = NetworkRunner(TinyNetwork().eval(), CPU)(crops)
    assert fast.rotmats.dtype == torch.float32
    assert 0 < (fast.betas - exact.betas).abs().max() < 0.05


COMPILED_SWEEP = """
import json, torch
from torch._dynamo.utils import counters
from support.fakes import random_crops, sweep_of
from occlusion_toolkit.sweep.grid import Grid

torch.set_num_threads(1)
grid = Grid(size=16, stride=16, resolution=64)
sweeps = [sweep_of(grid=grid, batch_size=7, compile=compiled) for compiled in (False, True)]
plain, fast = (sweep.run(random_crops(1, 64))["displacement"] for sweep in sweeps)
graphs = counters["stats"]["unique_graphs"]
print(json.dumps([float(abs(fast - plain).max()), sweeps[1].deviation.largest_mm, graphs]))
"""


@pytest.mark.slow
def test_a_compiled_network_gives_the_same_maps_and_is_compiled_once():
    # In a process of its own, since the compiler cannot look through the type checks of the test suite.
    done = subprocess.run(
        [sys.executable, "-c", COMPILED_SWEEP],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])},
    )
    difference_mm, deviation_mm, graphs = json.loads(done.stdout.splitlines()[-1])
    assert difference_mm < 1e-2
    assert deviation_mm < 1e-2
    assert graphs == 1  # 17 passes in batches of 7: the last, smaller one must not be compiled anew


def test_only_networks_can_be_compiled():
    with pytest.raises(UsageError, match="without compilation"):
        sweep_of(half_precision_bends_the_elbow, grid=GRID, compile=True)


@pytest.mark.gpu
def test_a_gpu_gives_the_maps_of_the_cpu():
    crops = random_crops(2, 64)
    maps = []
    for device in ("cpu", "cuda"):
        body = StickBody()
        body.rest_joints = body.rest_joints.to(device)
        maps.append(sweep_of(body=body, grid=GRID, occluder="blur", device=device).run(crops))
    assert_close(*maps)
