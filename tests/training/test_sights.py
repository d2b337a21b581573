import copy
import pickle
from pathlib import Path

import pytest
import torch
from support.training_fixtures import recipe_content, tiny_data, tiny_recipe

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.models.backbones.blazepose import blazepose_full
from occlusion_toolkit.models.base import MeanParameters
from occlusion_toolkit.models.blazepose_weights import load_blazepose
from occlusion_toolkit.models.registry import load_regressor
from occlusion_toolkit.training.bodies import TrainingBodies
from occlusion_toolkit.training.crops_cache import CropsCache, RenderedPeople
from occlusion_toolkit.training.data import RunData
from occlusion_toolkit.training.module import RegressorTraining, normalised
from occlusion_toolkit.training.recipe import Recipe, SampleSettings
from occlusion_toolkit.training.run import RunOptions, fit
from occlusion_toolkit.training.sample import HeldOut, Mix, MixedSamples
from occlusion_toolkit.training.sights import frozen_trunk, keep_sights

TRUNK = {"kind": "blazepose", "join": "map", "width": 8}
NETWORK = {"kind": "pare", "backbone": TRUNK, "branch": "conv", "filters": [8], "corrects_mean": True}
SETTINGS = SampleSettings(resolution=224, label_stride=7, occlusion=None)
FEW, SKIPPED = 6, 70


@pytest.fixture
def people(cache: CropsCache) -> RenderedPeople:
    return Few("synthetic", cache, SETTINGS, 3, 4)


class Few(RenderedPeople):
    """The first people of a source, and how often they were asked for."""

    count, made = 80, 0

    def __len__(self) -> int:
        return self.count

    def samples(self, rows, positions):
        self.made += len(rows)
        return super().samples(rows, positions)


def few(people: RenderedPeople, count: int) -> Few:
    chosen = copy.copy(people)
    chosen.count, chosen.made = SKIPPED + count, 0
    return chosen


def recipe(**train: object) -> Recipe:
    return Recipe.model_validate(recipe_content(NETWORK, augmentation=SETTINGS.model_dump(), **train))


def test_a_kept_sample_is_what_the_trunk_sees_of_an_augmented_crop(people: RenderedPeople, tmp_path: Path):
    trunk = frozen_trunk(recipe().network)
    some = few(people, FEW)
    kept = keep_sights(some, SKIPPED, trunk, 2, tmp_path, "kind")
    assert len(kept) == FEW
    for epoch in (0, 1):
        row = 3
        sample = kept.samples([row], [epoch * FEW])[0]
        made = some.samples([SKIPPED + row], [2 * row + epoch])[0]
        with torch.no_grad():
            seen = trunk.see(normalised(made.crop[None]))[0]
        assert torch.allclose(sample.crop.float(), seen, atol=2e-2, rtol=1e-2)
        assert torch.equal(sample.joints_3d, made.joints_3d)
        assert torch.equal(sample.labels, made.labels)


def test_what_was_seen_is_not_looked_at_again_and_people_are_added(people: RenderedPeople, tmp_path: Path):
    trunk = frozen_trunk(recipe().network)
    first = few(people, FEW - 2)
    keep_sights(first, SKIPPED, trunk, 2, tmp_path, "kind")
    more = few(people, FEW)
    grown = keep_sights(more, SKIPPED, trunk, 2, tmp_path, "kind")
    assert more.made == 4
    assert len(grown) == FEW
    other = few(people, FEW)
    keep_sights(other, SKIPPED, trunk, 2, tmp_path, "other")
    assert other.made == 2 * FEW + 1  # one more to know the shapes


def test_kept_sights_travel_to_other_processes_as_a_folder(people: RenderedPeople, tmp_path: Path):
    kept = keep_sights(few(people, FEW), SKIPPED, frozen_trunk(recipe().network), 1, tmp_path, "kind")
    stored = pickle.dumps(kept)
    assert len(stored) < 1000
    again = pickle.loads(stored)
    assert torch.equal(again.samples([1], [0])[0].crop, kept.samples([1], [0])[0].crop)


def test_a_trunk_that_is_trained_has_no_sights_to_keep():
    with pytest.raises(TrainingError, match="copies"):
        frozen_trunk(tiny_recipe().network)
    tuned = NETWORK | {"backbone": TRUNK | {"tuned": True}}
    with pytest.raises(TrainingError, match="copies"):
        frozen_trunk(Recipe.model_validate(recipe_content(tuned)).network)


def test_a_network_learns_from_kept_sights_and_is_validated_on_crops(
    people: RenderedPeople, bodies: TrainingBodies, tmp_path: Path
):
    chosen = recipe(copies=1)
    trunk = frozen_trunk(chosen.network)
    kept = keep_sights(few(people, FEW), SKIPPED, trunk, 1, tmp_path / "sights", "kind")
    samples = MixedSamples([kept], Mix(chosen.train.data, 4, {"synthetic": FEW}, 0))
    learned = RunData(samples, HeldOut(people, 2), {"synthetic": FEW}, bodies)
    ended = fit(chosen, learned, RunOptions(tmp_path / "run"))
    assert ended.steps == chosen.train.steps
    stored = (tmp_path / "run" / "weights").glob("*.safetensors")
    assert all(path.stat().st_size < 1_000_000 for path in stored)


def test_a_tuned_run_ends_with_plain_weights_of_which_only_late_layers_have_changed(
    cache: CropsCache, tmp_path: Path
):
    tuned = NETWORK | {"backbone": TRUNK | {"tuned": True}}
    content = recipe_content(tuned, augmentation=SETTINGS.model_dump(), steps=2, validate_every=2)
    chosen = Recipe.model_validate(content)
    fit(chosen, tiny_data(chosen, cache), RunOptions(tmp_path))
    stored = load_regressor(tmp_path / "tiny-last.yaml").network.state_dict()
    published = load_blazepose("blazepose-full", blazepose_full).state_dict()
    changed = {
        name
        for name, value in published.items()
        if f"backbone.network.{name}" in stored
        and not torch.allclose(stored[f"backbone.network.{name}"], value, rtol=1e-5, atol=1e-7)
    }
    assert {"world.weight", "trunk.blocks.9.project.weight", "lateral64.pointwise.weight"} <= changed
    assert not {name for name in changed if "depthwise" in name or name.startswith("trunk.stem")}
    log = (tmp_path / "logs" / "csv" / "metrics.csv").read_text()
    assert "loss/points_3d" in log


def test_held_out_people_are_seen_in_single_precision_as_those_learnt_from_were(
    people: RenderedPeople, bodies: TrainingBodies
):
    torch.manual_seed(0)
    module = RegressorTraining(recipe(), bodies, MeanParameters.standing(), {"synthetic": FEW}).eval()
    crops = torch.stack([sample.crop for sample in people.samples([0, 1], [0, 1])])
    trunk = module.network.backbone
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        validated = module(crops)
        with torch.autocast("cpu", enabled=False):
            sight = trunk.see(normalised(crops))
        learnt_from = module(sight)
        rounded = module(trunk.see(normalised(crops)))
    assert torch.equal(validated.rotmats, learnt_from.rotmats)
    assert not torch.equal(validated.rotmats, rounded.rotmats)
