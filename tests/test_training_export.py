from pathlib import Path

import pytest
import torch
from drawn_people import draw_cache

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.regressors.registry import load_regressor
from occlusion_toolkit.training.crops_cache import CropsCache
from occlusion_toolkit.training.evaluation import mean_person
from occlusion_toolkit.training.export import Release, export, shipped_architecture
from occlusion_toolkit.training.loop import CHECKPOINT, Training
from occlusion_toolkit.training.recipe import Recipe

TRUNK = {"kind": "resnet", "block": "basic", "layers": [1, 1, 1, 1], "width": 8}
PARE = {"kind": "pare", "trunk": TRUNK, "branch": "upsample", "filters": [8], "corrects_mean": True}
HMR = {"kind": "hmr", "trunk": TRUNK, "hidden": 32}
RELEASE = Release(
    title="Tiny", description="A tiny network.", data="drawn people", data_seed=0, hardware="a computer",
    body="open-adult-6000-v1", limitations="All.",
)  # fmt: skip


def recipe(*networks: dict[str, object], resolution: int = 112) -> Recipe:
    phases = [
        {"name": "a", "samples": 8, "resolution": resolution, "learning_rate": 1e-3},
        {"name": "b", "samples": 4, "resolution": resolution, "learning_rate": 1e-3, "weights": {"parts": 0}},
    ]
    return Recipe.model_validate(
        {
            "name": "tiny",
            "networks": networks,
            "held_out": 1,
            "phases": phases,
            "occlusion": {"most": 3},
            "optimisation": {"batch_size": 4},
        }
    )


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return load_open_body()


@pytest.fixture(scope="module")
def cache(body: BodyModel, tmp_path_factory: pytest.TempPathFactory) -> CropsCache:
    return draw_cache(body, tmp_path_factory.mktemp("crops"))


def test_exported_card_loads_the_averaged_weights(cache: CropsCache, body: BodyModel, tmp_path: Path) -> None:
    training = Training(recipe(PARE), cache, body, mean_person(cache))
    training.run(tmp_path / "run")
    (tmp_path / "weights").mkdir()
    card = export(tmp_path / "run" / CHECKPOINT, tmp_path, RELEASE)
    assert card.training is not None
    assert (card.training.steps, card.training.samples, card.training.part_supervision_steps) == (3, 12, 2)
    assert card.training.occlusion_augmentation == "drawn objects, 1 to 3 on 100% of the crops"
    loaded = load_regressor(tmp_path / "tiny.yaml")
    crops = torch.randn(2, 3, 224, 224)
    network = shipped_architecture(training.recipe).build(None).eval()
    network.load_state_dict(
        {name.replace("heads.pare.", "head."): value for name, value in training.average.state.items()}
    )
    with torch.no_grad():
        expected = network(crops)
    found = loaded(crops)
    assert torch.allclose(found.rotmats, expected.rotmats, atol=0.02)  # stored as float16
    assert torch.allclose(found.betas, expected.betas, atol=0.05)


def test_network_trained_on_small_crops_halves_large_ones() -> None:
    shipped = shipped_architecture(recipe(HMR)).build(None).eval()
    trained = recipe(HMR).networks[0].build(None).eval()
    trained.load_state_dict(shipped.state_dict())
    crops = torch.randn(1, 3, 224, 224)
    halved = torch.nn.functional.avg_pool2d(crops, 2)
    assert torch.allclose(shipped(crops).rotmats, trained(halved).rotmats, atol=1e-5)
    full = recipe(HMR, resolution=224)
    assert shipped_architecture(full) == full.networks[0]


def test_unfinished_runs_and_pairs_are_not_exported(
    cache: CropsCache, body: BodyModel, tmp_path: Path
) -> None:
    training = Training(recipe(HMR), cache, body, mean_person(cache))
    training.save(tmp_path / CHECKPOINT)
    with pytest.raises(TrainingError, match="0 of 12 crops"):
        export(tmp_path / CHECKPOINT, tmp_path, RELEASE)
    with pytest.raises(TrainingError, match="several networks"):
        shipped_architecture(recipe(PARE, HMR))
    with pytest.raises(TrainingError, match="100 px"):
        shipped_architecture(recipe(HMR, resolution=100))
