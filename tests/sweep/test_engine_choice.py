"""Which engine sweeps a network, and what it says where the incremental one does not fit."""

import numpy as np
import pytest
import torch
from support.fakes import StickBody, TinyNetwork, random_crops
from torch import Tensor, nn

from occlusion_toolkit.errors import GridError, SweepError, UsageError
from occlusion_toolkit.models.base import RegressorOutput
from occlusion_toolkit.sweep.engines import choice
from occlusion_toolkit.sweep.engines.choice import engine_kind
from occlusion_toolkit.sweep.engines.incremental import IncrementalEstimator
from occlusion_toolkit.sweep.engines.traced import UntraceableError, trace
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.occluders import parse_occluder
from occlusion_toolkit.sweep.sweep import WindowSweep

SIDE = 64


def a_function(crops: Tensor) -> RegressorOutput:
    return TinyNetwork()(crops)


def test_a_network_that_cannot_be_traced_runs_dense_and_says_so():
    grid, grey = Grid(size=16, stride=2, resolution=SIDE), parse_occluder("grey", 16)
    sweep = WindowSweep(a_function, StickBody(), grid, grey)
    sweep.run(random_crops(1, SIDE))
    assert sweep.engine == ("dense", "only an nn.Module can be traced")
    for engine in ("incremental", "fused"):
        with pytest.raises(SweepError, match=f"{engine} engine cannot be used"):
            WindowSweep(a_function, StickBody(), grid, grey, engine=engine).run(random_crops(1, SIDE))


def read(x: Tensor) -> RegressorOutput:
    flat = x.flatten(1)
    return RegressorOutput(flat[:, :216].view(-1, 24, 3, 3), flat[:, :10], flat[:, :3])


class Acting(nn.Module):
    """A network that is one function of crops."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function
        self.register_buffer("kept", torch.ones(1, 3, 1, 1))

    def forward(self, crops: Tensor) -> RegressorOutput:
        return read(self.function(self, crops))


def writes_a_part(network, crops):
    crops = crops * 1.0
    crops[:, :, :4] = 0.0
    return crops


def writes_through_a_view(network, crops):
    crops = crops * 1.0
    crops.view(-1).relu_()
    return crops


def writes_into_a_buffer(network, crops):
    return crops + network.kept.add_(1.0)


def draws_random_numbers(network, crops):
    return nn.functional.dropout(crops, 0.5, training=True)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (writes_a_part, "writes into"),
        (writes_through_a_view, "writes into a tensor that is read afterwards"),
        (writes_into_a_buffer, "writes into a buffer"),
        (draws_random_numbers, "random numbers"),
    ],
)
def test_networks_that_a_graph_cannot_hold_are_refused_by_the_tracer(function, reason):
    with pytest.raises(UntraceableError, match=reason):
        trace(Acting(function), torch.randn(2, 3, SIDE, SIDE), torch.float32)


def steps_depend_on_the_batch(network, crops):
    return crops * (2.0 if len(crops) == 16 else 3.0)


def crops_are_mixed(network, crops):
    return crops - crops.mean(dim=0, keepdim=True)


def gives_nan_on_the_way(network, crops):
    return torch.nan_to_num((crops - 100.0).sqrt(), nan=1.0) + crops


def a_sweep(network, engine="auto"):
    grid = Grid(size=16, stride=2, resolution=SIDE)
    return WindowSweep(network.eval(), StickBody(), grid, parse_occluder("grey", 16), engine=engine)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (steps_depend_on_the_batch, "parameters are off by"),
        (crops_are_mixed, "parameters are off by"),
        (gives_nan_on_the_way, "NaN or infinite values for the clean crop"),
    ],
)
def test_networks_that_parts_do_not_fit_are_swept_dense_and_it_is_said_why(function, reason):
    (crop,) = random_crops(1, SIDE)
    sweep = a_sweep(Acting(function))
    assert sweep.settle(crop, 10_000) == "dense"
    assert reason in sweep.engine[1]
    with pytest.raises(SweepError, match=reason):
        a_sweep(Acting(function), "incremental").settle(crop, 10_000)


def test_engines_that_are_equally_near_to_double_precision_are_the_same_however_far_apart(monkeypatch):
    (crop,) = random_crops(1, SIDE)
    monkeypatch.setattr(choice, "SAME", -1.0)  # as if the network had amplified rounding beyond it
    assert a_sweep(TinyNetwork(), "incremental@0.9").settle(crop, 10_000) == "incremental@0.9"
    with pytest.raises(SweepError, match="parameters are off by"):
        a_sweep(Acting(crops_are_mixed), "incremental").settle(crop, 10_000)


def test_when_clean_maps_stop_fitting_into_memory_the_sweep_goes_on_dense(monkeypatch):
    crops = random_crops(2, SIDE)
    expected = a_sweep(TinyNetwork(), "dense").run(crops)
    sweep = a_sweep(TinyNetwork(), "incremental")
    sweep.settle(crops[0], 10_000)
    asked = []

    def forgetful(self, crop):
        asked.append(crop)
        raise MemoryError

    monkeypatch.setattr(IncrementalEstimator, "_clean_values", forgetful)
    found = sweep.run(crops.flip(0))
    assert len(asked) == 1
    assert sweep.engine == ("dense", "the maps of the incremental engine did not fit into memory")
    np.testing.assert_allclose(found["displacement"], expected["displacement"][::-1], atol=1e-2)


def test_an_occluder_larger_than_the_crop_is_refused():
    with pytest.raises(GridError, match="does not fit a crop"):
        Grid(size=SIDE + 1, stride=16, resolution=SIDE)


class Everywhere(nn.Module):
    """A network in which a window changes everything from the first operation on."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, crops: Tensor) -> RegressorOutput:
        return read(self.conv(crops - crops.mean(dim=(2, 3), keepdim=True)))


@pytest.mark.parametrize(("faster", "chosen"), [(2.0, "fused"), (0.5, "dense")])
def test_where_windows_change_everything_the_faster_one_of_fused_and_dense_is_taken(
    monkeypatch, faster, chosen
):
    """The clock stands still but for the choice's own two readings around the dense engine."""
    (crop,) = random_crops(1, SIDE)
    monkeypatch.setattr(IncrementalEstimator, "choose_share", lambda self, *_: self.set_share(0.0) or 1.0)
    readings = iter([0.0, faster])
    monkeypatch.setattr(choice, "seconds", lambda device: next(readings))
    sweep = a_sweep(Everywhere())
    assert sweep.settle(crop, 10_000) == chosen
    assert f"{faster:.2f} times" in sweep.engine[1]


def test_few_passes_are_swept_by_the_dense_engine():
    sweep = WindowSweep(
        TinyNetwork(), StickBody(), Grid(size=16, stride=16, resolution=SIDE), parse_occluder("grey", 16)
    )
    sweep.run(random_crops(1, SIDE))
    assert sweep.engine == ("dense", "17 passes are too few to look for a faster engine")


@pytest.mark.parametrize("engine", ["fused", "incremental"])
def test_compilation_goes_with_the_dense_engine(engine):
    grid = Grid(size=16, stride=16, resolution=SIDE)
    with pytest.raises(UsageError, match="dense engine"):
        WindowSweep(TinyNetwork(), StickBody(), grid, parse_occluder("grey", 16), compile=True, engine=engine)


@pytest.mark.parametrize("engine", ["fused", "incremental"])
def test_a_settled_engine_can_be_asked_for_by_its_name(engine):
    grid, grey = Grid(size=16, stride=8, resolution=SIDE), parse_occluder("grey", 16)
    (crop,) = random_crops(1, SIDE)
    first = WindowSweep(TinyNetwork(), StickBody(), grid, grey, engine=engine)
    name = first.settle(crop, 10_000)
    assert engine_kind(name) == engine
    second = WindowSweep(TinyNetwork(), StickBody(), grid, grey, engine=name)
    maps = [sweep.run(crop[None])["displacement"].values for sweep in (first, second)]
    np.testing.assert_array_equal(maps[0], maps[1])


@pytest.mark.parametrize("name", ["fast", "incremental@2", "dense@0.4", "fused@0.4", "incremental@x"])
def test_unknown_engines_are_refused(name):
    with pytest.raises(UsageError, match="no engine"):
        WindowSweep(
            TinyNetwork(),
            StickBody(),
            Grid(size=16, stride=16, resolution=SIDE),
            parse_occluder("grey", 16),
            engine=name,
        )
