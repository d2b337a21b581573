import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from drawn_people import draw_cache, draw_people

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.training.crops_cache import CropsCache
from occlusion_toolkit.training.evaluation import constant_predictor, evaluate, mean_person
from occlusion_toolkit.training.loop import BAD_BATCH, CHECKPOINT, Training, learning_rate
from occlusion_toolkit.training.recipe import Phase, Recipe, load_recipe

TRUNK = {"kind": "resnet", "block": "basic", "layers": [1, 1, 1, 1], "width": 8}
PARE = {"kind": "pare", "trunk": TRUNK, "branch": "upsample", "filters": [8], "corrects_mean": True}
HMR = {"kind": "hmr", "trunk": TRUNK, "hidden": 32, "dropout": 0.0}
RECIPES = Path(__file__).parents[1] / "models" / "recipes"


def recipe(**changes: Any) -> dict[str, Any]:
    return {
        "name": "tiny",
        "networks": [PARE, HMR],
        "optimisation": {"batch_size": 4, "warm_up_steps": 2},
        "occlusion": {},
        "held_out": 2,
        "phases": [
            {"name": "first", "samples": 8, "resolution": 64, "learning_rate": 1e-3},
            {
                "name": "second",
                "samples": 8,
                "resolution": 64,
                "learning_rate": 1e-3,
                "weights": {"parts": 0},
            },
        ],
    } | changes


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return load_open_body()


@pytest.fixture(scope="module")
def cache(body: BodyModel, tmp_path_factory: pytest.TempPathFactory) -> CropsCache:
    return draw_cache(body, tmp_path_factory.mktemp("crops"))


def start(cache: CropsCache, body: BodyModel, **changes: Any) -> Training:
    return Training(Recipe.model_validate(recipe(**changes)), cache, body, mean_person(cache))


def test_resumed_run_equals_an_uninterrupted_one(cache: CropsCache, body: BodyModel, tmp_path: Path) -> None:
    whole = start(cache, body)
    assert whole.run(tmp_path / "whole")
    first = start(cache, body)
    for _ in range(3):
        first._step(tmp_path)
    first.save(tmp_path / "part.pt")
    second = start(cache, body)
    second.resume(tmp_path / "part.pt")
    assert second.samples == 12
    assert second.run(tmp_path / "part")
    for name, value in whole.average.state.items():
        assert torch.equal(value, second.average.state[name]), name
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name


def test_time_limit_saves_and_says_so(cache: CropsCache, body: BodyModel, tmp_path: Path) -> None:
    training = start(cache, body)
    assert not training.run(tmp_path, max_seconds=0.0)
    again = start(cache, body)
    again.resume(tmp_path / CHECKPOINT)
    assert again.samples == 0


def test_interrupted_run_is_saved(cache: CropsCache, body: BodyModel, tmp_path: Path) -> None:
    training = start(cache, body)

    def stop(_progress: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.run(tmp_path, report=stop, report_every_s=0.0)
    again = start(cache, body)
    again.resume(tmp_path / CHECKPOINT)
    assert again.samples == training.samples == 4


def test_infinite_loss_stops_and_saves_the_batch(cache: CropsCache, body: BodyModel, tmp_path: Path) -> None:
    training = start(cache, body)
    with torch.no_grad():
        training.model.heads["hmr"].fc1.bias[0] = math.nan
    with pytest.raises(TrainingError, match="nan after 0 samples"):
        training.run(tmp_path)
    batch = torch.load(tmp_path / BAD_BATCH, weights_only=True)
    assert batch["crops"].shape == (4, 3, 64, 64)
    assert batch["rows"].shape == (4,)


def test_other_run_lends_its_trunk_and_the_heads_both_have(
    cache: CropsCache, body: BodyModel, tmp_path: Path
) -> None:
    shared = start(cache, body)
    shared.run(tmp_path)
    branch = start(cache, body, networks=[PARE], seed=9)
    branch.start_from(tmp_path / CHECKPOINT)
    state = branch.model.state_dict()
    assert state
    assert all(torch.equal(value, shared.average.state[name]) for name, value in state.items())
    wider = start(cache, body, networks=[HMR | {"trunk": TRUNK | {"width": 16}}])
    with pytest.raises(TrainingError, match="another trunk"):
        wider.start_from(tmp_path / CHECKPOINT)


def test_exported_network_is_the_one_that_was_trained(cache: CropsCache, body: BodyModel) -> None:
    training = start(cache, body)
    training.model.eval()
    crops = torch.randn(2, 3, 64, 64)
    for architecture in training.recipe.networks:
        network = architecture.build(None)
        network.load_state_dict(training.model.network_state(architecture.kind))
        network.eval()
        expected = training.model(crops)[architecture.kind]
        assert torch.allclose(network(crops).rotmats, expected.rotmats, atol=1e-6)
        assert torch.allclose(network(crops).betas, expected.betas, atol=1e-5)


def test_mean_person_errs_and_the_truth_does_not(cache: CropsCache, body: BodyModel) -> None:
    rows = range(16)
    wrong = evaluate(constant_predictor(mean_person(cache)), body, cache, rows, 64)
    batch = cache.batch(np.arange(16), 64)
    right = evaluate(lambda crops: batch, body, cache, rows, 64)
    assert wrong.mpjpe_mm > wrong.pa_mpjpe_mm > 10
    assert right.mpjpe_mm == pytest.approx(0, abs=1e-2)


def test_a_few_people_are_learnt_by_heart(cache: CropsCache, body: BodyModel, tmp_path: Path) -> None:
    still = {"flip_probability": 0.0, "turn_probability": 0.0, "zoom": 0.0, "shift": 0.0}
    plain = {"name": "a", "samples": 960, "resolution": 64, "learning_rate": 3e-3, "final_rate": 0.05}
    training = start(
        cache, body, networks=[HMR], warps=still, occlusion=None, held_out=1, phases=[plain],
        optimisation={"batch_size": 16, "average_decay": 0.9, "warm_up_steps": 5},
    )  # fmt: skip
    losses: list[float] = []
    training.run(tmp_path, report=lambda p: losses.append(p.losses["total"]), report_every_s=0.0)
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


def test_rate_warms_up_and_falls_along_a_cosine() -> None:
    phase = Phase(name="a", samples=1000, learning_rate=1.0, final_rate=0.1)
    rates = [learning_rate(phase, seen, 10, 10) for seen in range(0, 1001, 10)]
    assert rates[0] == pytest.approx(0.1)
    assert np.argmax(rates) in range(8, 12)
    assert rates[-1] == pytest.approx(0.1)
    assert all(a >= b for a, b in pairwise(rates[12:]))


def test_cache_refuses_more_than_it_holds(body: BodyModel, tmp_path: Path) -> None:
    writer = CropsCache.create(tmp_path, 3)
    reader = CropsCache(tmp_path)
    people = draw_people(body, 2)
    writer.append("one", people)
    assert len(reader) == 0
    reader.refresh()
    assert len(reader) == 2
    with pytest.raises(TrainingError, match="full at 3"):
        writer.append("two", people)
    assert np.array_equal(reader.batch(np.array([1, 0]), 224).pictures[0].numpy(), people[1].crops)
    assert np.array_equal(reader.batch(np.array([1]), 112).pictures[0].numpy(), people[1].halved)
    with pytest.raises(TrainingError, match="not a crops cache"):
        CropsCache(tmp_path / "elsewhere")


def test_too_small_cache_is_refused(cache: CropsCache, body: BodyModel) -> None:
    with pytest.raises(TrainingError, match="needs more than"):
        start(cache, body, held_out=30)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"phases": []}, "phases"),
        ({"networks": [HMR, HMR]}, "different kinds"),
        ({"networks": [HMR, PARE | {"trunk": TRUNK | {"width": 16}}]}, "same trunk"),
        ({"optimisation": {"batch_size": 0}}, "optimisation.batch_size"),
        ({"speed": 3}, "speed"),
        ({"phases": [{"name": "a", "samples": 5, "learning_rate": -1}]}, "learning_rate"),
        ({"warps": {"flipping": 0.5}}, "flipping"),
    ],
)
def test_wrong_recipes_name_the_wrong_key(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe(**change)))
    with pytest.raises(TrainingError, match=message):
        load_recipe(path)


def test_files_that_are_no_recipes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="Cannot read"):
        load_recipe(tmp_path / "nothing.yaml")
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(TrainingError, match="not a YAML file"):
        load_recipe(tmp_path / "broken.yaml")
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(TrainingError, match="not a training recipe"):
        load_recipe(tmp_path / "list.yaml")


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_recipes_load(path: Path) -> None:
    assert load_recipe(path).name == path.stem
