"""The networks of the paper's recipes take a step, on drawn people and the open body instead of SMPL."""

from pathlib import Path

import pytest
import torch
from torch.utils.data import default_collate

from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.models.base import MeanParameters
from occlusion_toolkit.training.bodies import TrainingBodies
from occlusion_toolkit.training.crops_cache import CropsCache, RenderedPeople
from occlusion_toolkit.training.module import RegressorTraining
from occlusion_toolkit.training.recipe_files import load_recipe
from occlusion_toolkit.training.sample import TrainingSample

RECIPES = Path(__file__).parents[2] / "models" / "recipes"
NEVER_USED = ("backbone.final_layer", "head.downsample_module")


@pytest.fixture(scope="module")
def batch(cache: CropsCache) -> TrainingSample:
    settings = load_recipe(RECIPES / "table3-e.yaml").train.augmentation
    source = RenderedPeople("synthetic", cache, settings, seed=0, batch_size=2)
    return default_collate([source.samples([row], [row])[0] for row in range(2)])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hmr-eft-r50", "table3-a", "table5-pare-hrnet-w32"])
def test_network_of_the_paper_takes_a_step(name: str, batch: TrainingSample, bodies: TrainingBodies) -> None:
    recipe = load_recipe(RECIPES / f"{name}.yaml").model_copy(update={"body": OPEN_BODY_TOPOLOGY})
    torch.manual_seed(0)
    module = RegressorTraining(recipe, bodies, MeanParameters.standing(), {})
    terms = module.objective(module(batch.crop), batch)
    loss = terms.total(module.loss_weights(0))
    loss.backward()
    assert loss.isfinite()
    assert (terms.parts > 0) == (recipe.train.supervision is not None)
    for parameter_name, parameter in module.network.named_parameters():
        if parameter.grad is None:
            assert parameter_name.startswith(NEVER_USED), parameter_name
        else:
            assert parameter.grad.isfinite().all(), parameter_name
