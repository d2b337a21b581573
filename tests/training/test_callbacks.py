from pathlib import Path

import torch
from support.training_fixtures import tiny_recipe

from occlusion_toolkit.training.callbacks import move_average
from occlusion_toolkit.training.data import RunData
from occlusion_toolkit.training.run import RunOptions, fit


def test_average_moves_by_the_share_that_is_not_kept() -> None:
    averaged, current = torch.tensor([0.0, 8.0]), torch.tensor([1.0, 4.0])
    move_average([averaged], [current], 0.75)
    assert averaged.tolist() == [0.25, 7.0]


def test_equal_values_stay_equal_to_the_bit() -> None:
    values = torch.randn(1000)
    averaged = values.clone()
    move_average([averaged], [values], 0.999)
    assert torch.equal(averaged, values)


def test_integers_are_taken_over() -> None:
    averaged = torch.tensor([7, 100])
    for _ in range(5):
        move_average([averaged], [torch.tensor([7, 200])], 0.999)
    assert averaged.tolist() == [7, 200]


def test_a_short_run_keeps_little_of_its_random_start(data: RunData, tmp_path: Path) -> None:
    optimisation = {"learning_rate": 1e-3, "average_decay": 0.9999}
    recipe = tiny_recipe(steps=12, validate_every=12, optimisation=optimisation)
    fit(recipe, data, RunOptions(tmp_path / "run"))
    stored = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)
    name = "network.backbone.bn1.running_mean"
    averaged, current = stored["state_dict"][name], stored["current_model_state"][name]
    # Normalisation starts at zero; with a decay of 0.9999 the average would still be there.
    assert (averaged / current).median() > 0.5
