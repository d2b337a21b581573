from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.training_fixtures import HMR, PARE, recipe_content

from occlusion_toolkit.errors import TrainingError, UsageError
from occlusion_toolkit.models.cards import read_card
from occlusion_toolkit.training.catalogue import TRAINING_SETS
from occlusion_toolkit.training.recipe import LossWeights, Supervision
from occlusion_toolkit.training.recipe_files import cut_down, load_recipe, stretched, with_changes

MODELS = Path(__file__).parents[2] / "models"
BASES = ("coco", "open")
RECIPES = sorted(
    [path for path in (MODELS / "recipes").glob("*.yaml") if path.stem not in BASES]
    + list(MODELS.glob("*open*.yaml"))
)


def write(path: Path, content: object) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_load(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert set(recipe.train.data_sets) <= set(TRAINING_SETS)


def test_recipe_of_the_ablation_is_that_of_the_paper() -> None:
    train = load_recipe(MODELS / "recipes" / "table3-e.yaml").train
    assert (train.steps, train.batch_size, train.optimisation.learning_rate) == (175_000, 64, 5e-5)
    assert train.optimisation.weight_decay == 0
    assert train.supervision is not None
    assert (train.supervision.by, train.supervision.until_step) == ("parts", 125_000)
    assert train.losses == LossWeights()
    assert train.data_sets == ("coco-eft",)
    assert (train.losses.heatmaps, train.losses.heatmap_joints) == (5.0, 5.0)
    pooled = load_recipe(MODELS / "recipes" / "table3-f.yaml").train
    assert pooled.losses == replace(LossWeights(), camera=0.0)
    full = load_recipe(MODELS / "recipes" / "pare-r50.yaml").train
    assert full.augmentation.random_crop is not None
    crop = full.augmentation.random_crop
    assert (crop.probability, crop.smallest, crop.largest, crop.from_step) == (0.3, 0.3, 0.5, 175_000)
    assert full.data_sets == ("coco-eft", "h36m", "lspet-eft", "mpii-eft", "mpi-inf-3dhp")


def test_mixes_are_those_of_pares_code_and_of_mmhuman3d() -> None:
    for name in ("pare-r50", "pare-hrnet-w32"):
        shares = load_recipe(MODELS / "recipes" / f"{name}.yaml").train.data[1].shares
        assert shares == {"h36m": 0.3, "coco-eft+lspet-eft+mpii-eft": 0.6, "mpi-inf-3dhp": 0.1}
    first, second = (
        load_recipe(MODELS / "recipes" / f"pare-hrnet-w32-mmhuman3d{end}.yaml").train for end in ("-coco", "")
    )
    assert [train.optimisation.learning_rate for train in (first, second)] == [2e-4, 5e-5]
    assert [train.supervision is None for train in (first, second)] == [False, True]
    assert [train.augmentation.occlusion is None for train in (first, second)] == [False, True]
    assert [60 * train.losses.joints_2d for train in (first, second)] == [300, 150]
    assert 60 * second.losses.camera == pytest.approx(1, rel=1e-5)
    assert second.data[0].shares == {
        "coco-eft": 0.233,
        "lspet-eft": 0.046,
        "mpii-eft": 0.021,
        "h36m": 0.5,
        "mpi-inf-3dhp": 0.2,
    }
    assert second.start_from == "pare-hrnet-w32-mmhuman3d-coco-best.safetensors"


def test_networks_of_table_2_learn_from_the_same_data() -> None:
    pare, hmr = (
        load_recipe(MODELS / "recipes" / f"table2-{name}.yaml") for name in ("pare-r50", "hmr-eft-r50")
    )
    assert set(pare.train.data_sets) == {"coco-eft", "h36m", "3doh-train"}
    assert hmr.train == pare.train.model_copy(update={"supervision": None})
    assert (pare.network.name, hmr.network.name) == ("pare_r50_upsample", "pare_hmr_r50")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("row", "supervision", "sampling"),
    [
        ("a", "heatmaps and joints", "pooling"),
        ("b", "heatmaps and joints", "attention"),
        ("c", None, "attention"),
        ("d", "parts", "attention"),
        ("e", "parts", "attention"),
        ("f", "parts", "pooling"),
    ],
)
def test_rows_of_table_3_differ_in_supervision_and_sampling(
    row: str, supervision: str | None, sampling: str
) -> None:
    for prefix in ("", "open-"):
        recipe = load_recipe(MODELS / "recipes" / f"{prefix}table3-{row}.yaml")
        by = None if recipe.train.supervision is None else recipe.train.supervision.by
        by = "heatmaps and joints" if prefix and by == "attention" else by  # the open ones' own
        assert (by, getattr(recipe.network, "sampling", "attention")) == (supervision, sampling)


def test_card_keeps_its_recipe() -> None:
    card = read_card(MODELS / "pare-open.yaml")
    assert card.train is not None
    assert load_recipe(MODELS / "pare-open.yaml").network == card.network


def test_extending_recipe_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path / "base.yaml", recipe_content(PARE))
    write(tmp_path / "small.yaml", {"extends": "base.yaml", "name": "small", "train": {"seed": 9}})
    other = {"extends": "small.yaml", "network": HMR, "train": {"data": [{"shares": {"h36m": 1.0}}]}}
    base, small = load_recipe(tmp_path / "base.yaml"), load_recipe(tmp_path / "small.yaml")
    assert small.train == base.train.model_copy(update={"seed": 9})
    assert small.network == base.network
    replaced = load_recipe(write(tmp_path / "other.yaml", other))
    assert replaced.network.kind == "hmr"
    assert replaced.train.data_sets == ("h36m",)


def test_recipe_that_extends_itself_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", {"extends": "b.yaml"})
    write(tmp_path / "b.yaml", {"extends": "a.yaml"})
    with pytest.raises(TrainingError, match="extends it in turn"):
        load_recipe(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "train.steps"),
        ({"speed": 3}, "train.speed"),
        ({"data": []}, "train.data"),
        ({"data": [{"shares": {"synthetic": 0.4}}]}, "sum to 0.4"),
        ({"data": [{"shares": {"h36m+coco-eft": 0.5, "h36m": 0.5}}]}, "named twice"),
        ({"data": [{"shares": {"h36m": 1.5, "coco-eft": -0.5}}]}, "train.data"),
        ({"data": [{"shares": {"h36m": 1.0}, "steps": 0}]}, "train.data.0.steps"),
        ({"data": [{"shares": {"synthetic": 1.0}}, {"shares": {"h36m": 1.0}}]}, "every stage .* needs steps"),
        ({"supervision": {"by": "hands"}}, "train.supervision.by"),
        ({"optimisation": {"learning_rate": -1}}, "train.optimisation.learning_rate"),
        ({"augmentation": {"warps": {"flipping": 0.5}}}, "flipping"),
        ({"steps": 10, "validate_every": 4}, "does not divide steps"),
    ],
)
def test_wrong_recipes_name_the_wrong_key(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        load_recipe(write(tmp_path / "recipe.yaml", recipe_content(**change)))


def test_files_that_are_no_recipes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no recipe '.*nothing\.yaml'"):
        load_recipe(tmp_path / "nothing.yaml")
    with pytest.raises(UsageError, match=r"no recipe 'nothing'; there are: .*pare-open.*table3-e"):
        load_recipe("nothing")
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(TrainingError, match="not a YAML file"):
        load_recipe(tmp_path / "broken.yaml")
    with pytest.raises(TrainingError, match="no keys"):
        load_recipe(write(tmp_path / "list.yaml", [1]))
    with pytest.raises(TrainingError, match="no `train:` section"):
        load_recipe(MODELS / "spin.yaml")


def test_fast_run_is_two_small_steps() -> None:
    train = with_changes(load_recipe("table3-e"), seed=5, cut_down_for=1).train
    assert (train.steps, train.batch_size, train.validate_every, train.seed) == (2, 8, 2, 5)


def test_fast_run_sees_all_stages_and_can_be_divided() -> None:
    train = cut_down(load_recipe(MODELS / "recipes" / "pare-r50.yaml"), 12).train
    assert [stage.steps for stage in train.data] == [1, None]
    assert (train.steps, train.batch_size, train.held_out) == (2, 12, 12)
    assert train.supervision is not None
    assert train.supervision.until_step == 1
    assert train.augmentation.random_crop is not None
    assert train.augmentation.random_crop.from_step == 1


def test_whatever_happens_at_a_step_moves_along_with_the_length() -> None:
    long = load_recipe(MODELS / "recipes" / "pare-r50.yaml")
    short = stretched(long, long.train.steps // 100).train
    assert short.steps == 2350
    assert short.data[0].steps == 1750
    assert short.augmentation.random_crop is not None
    assert short.augmentation.random_crop.from_step == 1750
    assert short.supervision is not None
    assert short.supervision.until_step == long.train.supervision.until_step // 100  # type: ignore[union-attr]
    assert short.steps % short.validate_every == 0
    assert stretched(long, long.train.steps) == long
    with pytest.raises(TrainingError, match="too few"):
        stretched(long, 1)


def test_only_sets_that_are_used_while_parts_are_supervised_need_part_labels() -> None:
    two_stages = load_recipe(MODELS / "recipes" / "pare-r50.yaml").train
    assert set(two_stages.data_sets) > {"coco-eft", "h36m"}
    assert two_stages.data_sets_with_parts == ("coco-eft",)
    for_ever = two_stages.model_copy(update={"supervision": Supervision(by="parts")})
    assert for_ever.data_sets_with_parts == two_stages.data_sets
    for other in (None, Supervision(by="heatmaps")):
        assert two_stages.model_copy(update={"supervision": other}).data_sets_with_parts == ()


def test_lengths_that_validations_cannot_divide_name_a_near_one() -> None:
    recipe = load_recipe(MODELS / "recipes" / "open-table3-d.yaml")
    with pytest.raises(TrainingError, match="take 5000 steps"):
        stretched(recipe, 5003)
    assert stretched(recipe, 1250).train.validate_every == 125


def test_stages_that_fill_a_recipe_fill_it_at_any_length(tmp_path: Path) -> None:
    stages = [{"shares": {"synthetic": 1.0}, "steps": 100}] * 3
    content = recipe_content(data=stages, steps=300, validate_every=300, supervision=None)
    recipe = load_recipe(write(tmp_path / "recipe.yaml", content))
    for steps in (110, 50, 11, 8):
        assert sum(stage.steps or 0 for stage in stretched(recipe, steps).train.data) == steps
