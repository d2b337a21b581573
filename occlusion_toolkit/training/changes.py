"""The same recipe with another seed, start, length or augmentation."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.training.recipe import DataStage, Recipe, Train
from occlusion_toolkit.training.samples.settings import SampleSettings

FAST_BATCH = 8
FAST_HELD_OUT = 4


def seeded(recipe: Recipe, seed: int) -> Recipe:
    """The recipe with another seed."""
    return _with(recipe, {"seed": seed})


def started_from(recipe: Recipe, weights: Path) -> Recipe:
    """The recipe from other weights: those of an earlier run, to go on training or to tune them."""
    return _with(recipe, {"start_from": str(weights.absolute())})


def cut_down(recipe: Recipe, shares: int = 1) -> Recipe:
    """The recipe cut down to two small steps, or one for each stage of data, of everything.

    Args:
        recipe: of any length.
        shares: devices and parts that a batch is divided among.
    """
    train = recipe.train
    steps = max(2, len(train.data))
    changes: dict[str, Any] = {
        "steps": steps,
        "validate_every": steps,
        "pictures_every": steps,
        "batch_size": shares * max(1, min(train.batch_size, FAST_BATCH) // shares),
        "held_out": max(FAST_HELD_OUT, shares),
        "data": (
            *(stage.model_copy(update={"steps": 1}) for stage in train.data[:-1]),
            train.data[-1].model_copy(update={"steps": None}),
        ),
    }
    changes |= _moved(
        train,
        until=lambda step: sum(begin < step for begin in train.begins),  # as many stages
        crop_from=lambda step: min(step, 1),
    )
    return _with(recipe, changes)


def with_augmentation(recipe: Recipe, augmentation: SampleSettings) -> Recipe:
    """The recipe with other augmentation."""
    return _with(recipe, {"augmentation": augmentation})


def stretched(recipe: Recipe, steps: int) -> Recipe:
    """The recipe over another number of steps.

    Everything that begins or ends at a step does so at the same share of the run: warm-up, supervision of the
    2D branch, stages of data, RandCrop. There are at most as many validations as before, evenly spaced.

    Raises:
        TrainingError: the run would be too short for its stages, or could not be validated as often.
    """
    train, share = recipe.train, steps / recipe.train.steps

    def at(step: int) -> int:
        return max(1, round(step * share))

    changes: dict[str, Any] = {"steps": steps, "pictures_every": at(train.pictures_every)}
    wanted = max(1, train.steps // train.validate_every)
    validations = _divisor(steps, wanted)
    if 2 * validations < min(wanted, steps):
        raise TrainingError(
            f"{steps} steps cannot be divided evenly by about {wanted} validations; take "
            f"{max(1, steps // wanted) * wanted} steps."
        )
    changes["validate_every"] = steps // validations
    warm_up = round(train.optimisation.warm_up_steps * share)
    changes["optimisation"] = train.optimisation.model_copy(update={"warm_up_steps": warm_up})
    changes["data"] = _stages(train.data, share)
    if sum(stage.steps or 1 for stage in changes["data"]) > steps:
        raise TrainingError(f"{steps} steps are too few for the {len(train.data)} stages of this recipe.")
    changes |= _moved(train, until=at, crop_from=lambda step: round(step * share))
    return _with(recipe, changes)


def _moved(train: Train, until: Callable[[int], int], crop_from: Callable[[int], int]) -> dict[str, Any]:
    """Changes that move the end of supervision and the begin of RandCrop, where a recipe has them."""
    changes: dict[str, Any] = {}
    if train.supervision is not None and train.supervision.until_step is not None:
        end = {"until_step": until(train.supervision.until_step)}
        changes["supervision"] = train.supervision.model_copy(update=end)
    if (crop := train.augmentation.random_crop) is not None:
        begun = crop.model_copy(update={"from_step": crop_from(crop.from_step)})
        changes["augmentation"] = train.augmentation.model_copy(update={"random_crop": begun})
    return changes


def _stages(stages: Sequence[DataStage], share: float) -> tuple[DataStage, ...]:
    """The stages of data, each of at least a step; their ends are rounded, not their lengths."""
    stretched, end, rounded = [], 0, 0
    for stage in stages:
        end += stage.steps or 0
        length = max(1, round(end * share) - rounded)
        rounded += length
        stretched.append(stage if stage.steps is None else stage.model_copy(update={"steps": length}))
    return tuple(stretched)


def _divisor(number: int, most: int) -> int:
    """The largest divisor of a number that is at most `most`."""
    return next(count for count in range(min(most, number), 0, -1) if number % count == 0)


def _with(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """The recipe with a changed `train:` section, checked again."""
    content = recipe.train.model_copy(update=changes).model_dump()
    return recipe.model_copy(update={"train": Train.model_validate(content)})
