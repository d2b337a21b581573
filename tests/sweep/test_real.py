"""The engine with real parts: the open body, compact networks of every kind, full-size crops."""

import numpy as np
import pytest
import torch
from support.fakes import random_crops, random_people, sweep_of
from torch import nn

from occlusion_toolkit.body.joints import SMPL24
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.models import HMR, PARE, MeanParameters
from occlusion_toolkit.models.backbones import (
    BasicBlock,
    HRNet,
    ResNet,
    conv_steps,
    deconv_steps,
    upsample_steps,
)
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.metrics import centre_on, mpjpe, pa_mpjpe
from occlusion_toolkit.sweep.network import optimised_copy
from occlusion_toolkit.sweep.occluders import parse_occluder

GRID = Grid(size=40, stride=112)


def backbone() -> ResNet:
    return ResNet(BasicBlock, (1, 1, 1, 1), width=8)


def hrnet() -> HRNet:
    return HRNet(8, modules=(1, 1, 1), blocks=1, stem_width=8)


NETWORKS = {
    "hmr": lambda: HMR(backbone(), hidden=64),
    "pare-upsample": lambda: PARE(
        backbone(), branch=upsample_steps, filters=(16,), mean=MeanParameters.standing()
    ),
    "pare-deconv": lambda: PARE(
        backbone(), branch=deconv_steps, filters=(16,), mean=MeanParameters.standing()
    ),
    "pare-hrnet": lambda: PARE(hrnet(), branch=conv_steps, filters=(16,), mean=MeanParameters.standing()),
}


def make_network(name: str) -> nn.Module:
    """Random weights that react to their input: trained-like batch norm statistics, decoders of some size."""
    torch.manual_seed(0)
    network = NETWORKS[name]()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.normal_(module.running_mean, 0.0, 0.1)
    for decoder in (getattr(network.head, name, None) for name in ("decpose", "decshape", "deccam")):
        if decoder is not None:
            nn.init.normal_(decoder.weight, std=0.02)
    return network


@pytest.fixture(scope="module")
def body():
    return load_open_body()


@pytest.mark.parametrize("name", NETWORKS)
def test_batch_sizes_1_7_and_64_agree_within_10_micrometres(name, body):
    crops, network = random_crops(2), make_network(name)
    joints = []
    for size in (1, 7, 64):
        maps = sweep_of(network, body=body, grid=GRID, batch_size=size).run(crops)
        joints.append(maps["joints_m"].values)
    assert np.abs(joints[1] - joints[0]).max() < 1e-5
    assert np.abs(joints[2] - joints[0]).max() < 1e-5
    assert np.ptp(joints[0], axis=(1, 2)).max() > 1e-4  # the network does see the windows


@pytest.mark.parametrize("name", NETWORKS)
def test_optimising_folds_every_batch_norm_and_stays_as_near_to_float64(name):
    network, crops = make_network(name).eval(), random_crops(2)
    fast = optimised_copy(network, torch.device("cpu"), 224)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fast.modules())
    with torch.no_grad():
        before, after, exact = network(crops), fast(crops), network.double()(crops.double())
    for name in ("rotmats", "betas", "camera"):
        rounding_before, rounding = (
            (getattr(output, name) - getattr(exact, name)).abs().max() for output in (before, after)
        )
        assert rounding < 5 * rounding_before + 1e-6


def test_errors_equal_those_of_the_whole_mesh_and_its_regressor(body):
    network, truth, crops = make_network("hmr").eval(), random_people(1), random_crops(1)
    maps = sweep_of(network, body=body, grid=GRID, occluder="black").run(crops, truth)
    window = torch.from_numpy(GRID.windows()[3:4])
    with torch.no_grad():
        output = network(parse_occluder("black", 40).apply(crops, window))
        regressor = torch.from_numpy(body.arrays.h36m_regressor).float()
        predicted, target = (regressor @ body(parameters).vertices for parameters in (output, truth))
    rows = [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10]
    predicted, target = (centre_on(joints[:, rows], joints[:, 0]) for joints in (predicted, target))
    expected = 1000 * mpjpe(predicted, target)[0].numpy()
    aligned = 1000 * pa_mpjpe(predicted, target)[0].numpy()
    np.testing.assert_allclose(maps["error"][0, :, 1, 1], expected, atol=1e-2)
    np.testing.assert_allclose(maps["pa_error"][0, :, 1, 1], aligned, atol=1e-2)


def test_the_body_never_makes_its_mesh(body, monkeypatch):
    def forbidden(*_):
        raise AssertionError("the mesh was asked for")

    monkeypatch.setattr(body, "forward", forbidden)
    maps = sweep_of(make_network("hmr"), body=body, grid=GRID, joint_set=SMPL24).run(random_crops(1))
    assert np.isfinite(maps["displacement"]).all()
