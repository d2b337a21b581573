"""Everything that computes, on a device that refuses to mix; run by test_placement.py in its own process."""

from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as lightning
import torch
from pytorch_lightning.accelerators import Accelerator
from pytorch_lightning.strategies import SingleDeviceStrategy
from support.drawn_people import draw_cache
from support.evaluate_fixtures import some_people
from support.fakes import StickBody, TinyNetwork, random_crops, random_people
from support.standin_device import STAND_IN, MixedDevicesError
from support.tiny_card import write_tiny_card, write_tiny_modern_card
from support.training_fixtures import PARE, tiny_data, tiny_recipe
from torch import Tensor
from torch.utils.data import default_collate

import occlusion_toolkit as ot
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.models.base import MeanParameters, RegressorOutput
from occlusion_toolkit.models.conformance import check_model
from occlusion_toolkit.sweep import network as networks
from occlusion_toolkit.sweep import sweep as sweeps
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.occluders import Occluder, parse_occluder
from occlusion_toolkit.sweep.sweep import WindowSweep
from occlusion_toolkit.training import run as training
from occlusion_toolkit.training.module import RegressorTraining
from occlusion_toolkit.training.run import RunOptions, fit
from occlusion_toolkit.training.sample import TrainingSample

CPU = torch.device("cpu")
GRID = Grid(size=24, stride=16, resolution=64)
PHOTO = Path(__file__).parents[2] / "examples" / "photo.jpg"


@pytest.fixture(autouse=True)
def known_device(monkeypatch):
    """The toolkit refuses devices that it does not know; here it knows one more."""

    def existing(device):
        return torch.device(device)

    for module in (networks, sweeps):
        monkeypatch.setattr(module, "existing_device", existing)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """People to train on."""
    return draw_cache(load_open_body(), tmp_path_factory.mktemp("crops"))


class On:
    """What there is once on the CPU and once on the device."""

    def __init__(self, make):
        self.maps = {device: make(device) for device in (CPU, STAND_IN)}

    def assert_equal(self, *names, atol=1e-3):
        one, other = self.maps.values()
        for name in names:
            np.testing.assert_allclose(other[name].values, one[name].values, atol=atol, err_msg=name)


def swept(device, network=None, occluder="grey", body=None, **options):
    body = body or StickBody()
    if isinstance(body, StickBody):
        body.rest_joints = body.rest_joints.to(device)
    paint = parse_occluder(occluder, GRID.size) if isinstance(occluder, str) else occluder
    sweep = WindowSweep(network or TinyNetwork(), body, GRID, paint, device=device, **options)
    return sweep.run(random_crops(2, GRID.resolution), random_people(2))


def test_tensors_of_the_device_do_not_mix_with_those_of_the_cpu():
    there, here = torch.ones(3, device=STAND_IN), torch.ones(3)
    for mixed in (
        lambda: there + here,
        lambda: here + there,
        lambda: torch.cat([there, here]),
        lambda: there[here.bool()],
    ):
        with pytest.raises(MixedDevicesError):
            mixed()
    with pytest.raises((TypeError, RuntimeError)):
        there.numpy()
    assert (there + 1 + torch.tensor(1.0)).cpu().tolist() == [3.0, 3.0, 3.0]
    assert there.device == STAND_IN
    assert (there + there).sum().item() == 6.0


@pytest.mark.parametrize("engine", ["dense", "fused", "incremental"])
@pytest.mark.parametrize("occluder", ["grey", "mean", "noise:3", "blur"])
def test_a_sweep(engine, occluder):
    On(lambda device: swept(device, occluder=occluder, engine=engine)).assert_equal(
        "error", "pa_error", "displacement", "pa_displacement"
    )


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_sweep_in_low_precision(precision):
    On(lambda device: swept(device, precision=precision, tolerance_mm=(1e3, 1e4))).assert_equal(
        "error", atol=20
    )


@pytest.mark.parametrize("model", ["pare-open", "blazepose"])
def test_a_heatmap_of_a_shipped_network(model):
    crop = ot.read_crop(PHOTO, bbox=(258, 107, 382, 707))
    On(lambda device: ot.OcclusionSweep(model, stride=112, device=device)(crop).dataset).assert_equal(
        "displacement", "pa_displacement", atol=0.1
    )


def test_a_heatmap_of_a_network_with_crops_of_its_own(tmp_path):
    card, crop = write_tiny_modern_card(tmp_path), ot.read_crop(PHOTO, bbox=(258, 107, 382, 707))
    On(lambda device: ot.OcclusionSweep(card, stride=112, device=device)(crop).dataset).assert_equal(
        "displacement"
    )


def test_a_survey_and_its_pooling(tmp_path):
    card = write_tiny_card(tmp_path)

    def pooled(device):
        sweep = ot.OcclusionSweep(card, stride=112, device=device)
        survey = ot.survey(sweep, some_people(2), out=tmp_path / device.type)
        return survey.mesh(device=device, rasterizer="builtin").dataset

    On(pooled).assert_equal("mean", "count")


def test_an_evaluation(tmp_path):
    card = write_tiny_card(tmp_path)
    found = [ot.evaluate(card, some_people(3), device=device) for device in (CPU, STAND_IN)]
    (one,), (other,) = (each.results for each in found)
    for name in ("clean_error", "clean_pa_error", "clean_pve"):
        np.testing.assert_allclose(other[name].values, one[name].values, atol=1e-3)


def test_an_attention():
    crop = ot.read_crop(PHOTO, bbox=(258, 107, 382, 707))
    one, other = (
        ot.attention("pare-open", crop, occlude=(50, 90, 60, 100), device=device)
        for device in (CPU, STAND_IN)
    )
    for name in ("attention", "crop"):
        np.testing.assert_allclose(other.dataset[name].values, one.dataset[name].values, atol=1e-4)


def test_the_conformance_checks_of_a_model(tmp_path):
    assert all(finding.passed for finding in check_model(write_tiny_card(tmp_path), STAND_IN))


class _StandIn(Accelerator):
    """The device, as Lightning wants to be told of it."""

    def setup_device(self, device):
        pass

    def teardown(self):
        pass

    @staticmethod
    def parse_devices(devices):
        return devices

    @staticmethod
    def get_parallel_devices(devices):
        return [STAND_IN]

    @staticmethod
    def auto_device_count():
        return 1

    @staticmethod
    def is_available():
        return True

    def get_device_stats(self, device):
        return {}

    @staticmethod
    def name():
        return "standin"


def test_a_training_run(tmp_path, monkeypatch, cache):
    recipe = tiny_recipe(PARE, steps=2, validate_every=1, pictures_every=1)
    data, losses = tiny_data(recipe, cache), {}

    def trained(device):
        def trainer(**settings):
            strategy = SingleDeviceStrategy(device=device, accelerator=_StandIn())
            chosen = settings if device == CPU else settings | {"strategy": strategy, "accelerator": "auto"}
            return made(**chosen)

        made = lightning.Trainer
        with monkeypatch.context() as patch:
            patch.setattr(training.lightning, "Trainer", trainer)
            fit(
                recipe,
                data,
                RunOptions(tmp_path / device.type),
                lambda numbers: losses.update({device: numbers}),
            )

    trained(CPU)
    trained(STAND_IN)
    for name, value in losses[CPU].items():
        if not name.startswith("speed"):
            assert losses[STAND_IN][name] == pytest.approx(value, rel=1e-3), name
    assert (tmp_path / "standin" / "pictures").is_dir()


@pytest.mark.parametrize(
    ("by", "projection"), [("attention", "weak"), ("heatmaps and joints", "weak"), ("parts", "perspective")]
)
def test_every_kind_of_loss_and_its_gradient(cache, by, projection):
    recipe = tiny_recipe(PARE, supervision={"by": by, "until_step": 4}, projection=projection)
    data = tiny_data(recipe, cache)
    batch = default_collate([data.held_out[row] for row in range(2)])
    found = []
    for device in (CPU, STAND_IN):
        torch.manual_seed(0)
        module = RegressorTraining(recipe, data.bodies, MeanParameters.standing(), data.people).to(device)
        given = TrainingSample(*(value.to(device) for value in batch))
        loss = module.objective(module(given.crop), given).total(recipe.train.losses)
        loss.backward()
        gradients = [p.grad.norm().item() for p in module.network.parameters() if p.grad is not None]
        found.append([loss.item(), *gradients])
    assert found[1] == pytest.approx(found[0], rel=1e-3, abs=1e-6)


class KeepsATensorOnTheCpu(TinyNetwork):
    """A mistake: a constant that does not move with the network."""

    def __init__(self):
        super().__init__()
        self.bright = torch.ones(1, 3, 1, 1)

    def forward(self, crops: Tensor) -> RegressorOutput:
        return super().forward(crops * self.bright)


class PaintsFromTheCpu(Occluder):
    """Another: paint that stays where it was made."""

    def __init__(self):
        self.spec = {"name": "mistaken"}

    def fill(self, crops: Tensor) -> Tensor:
        return torch.zeros(len(crops), 3, 1, 1)


def test_planted_mistakes_are_found():
    assert swept(CPU, KeepsATensorOnTheCpu()) is not None
    with pytest.raises(MixedDevicesError):
        swept(STAND_IN, KeepsATensorOnTheCpu())
    assert swept(CPU, occluder=PaintsFromTheCpu()) is not None
    with pytest.raises(MixedDevicesError):
        swept(STAND_IN, occluder=PaintsFromTheCpu())
    with pytest.raises(MixedDevicesError):  # a metric
        swept(STAND_IN, metrics={"mpjpe": lambda one, other: (one - torch.zeros(14, 3)).norm(dim=-1)})
