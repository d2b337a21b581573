"""Recipes read from files and model cards, and the same recipe with another seed, start or length."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from occlusion_toolkit.errors import TrainingError, UsageError
from occlusion_toolkit.files.shipped import shipped
from occlusion_toolkit.files.texts import read_yaml
from occlusion_toolkit.training.recipe import DataStage, Recipe, Train
from occlusion_toolkit.training.synthetic_occlusion import with_objects_chosen


def load_recipe(recipe: Recipe | Path | str) -> Recipe:
    """Read a recipe: a file of its own, or a model card with a `train:` section.

    Args:
        recipe: a path, the name of a recipe or card that the toolkit carries, or a recipe, which is returned.

    A file with `extends: OTHER.yaml` (beside it) holds only what differs from the other; sections are
    merged key by key, and everything else is replaced.

    Raises:
        UsageError: there is no such file, or no recipe of that name.
        TrainingError: not YAML, or not a recipe; the message lists every wrong key.
    """
    if isinstance(recipe, Recipe):
        return recipe
    path = find_recipe(recipe)
    content = _merged(path, ())
    if "train" not in content:
        raise TrainingError(f"{path} is not a training recipe: it has no `train:` section.")
    known = {name: value for name, value in content.items() if name in Recipe.model_fields}
    if "weights" not in content:  # a card has more to say than a recipe
        known = content
    try:
        return Recipe.model_validate(known)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])) or 'recipe'}: {e['msg']}" for e in error.errors()]
        raise TrainingError(f"{path} is not a training recipe. " + "; ".join(lines)) from error


def find_recipe(recipe: Path | str) -> Path:
    """The file of a recipe.

    Args:
        recipe: a path that ends in .yaml or .yml, or the name of a recipe or card that the toolkit carries.

    Raises:
        UsageError: there is none.
    """
    if Path(recipe).suffix in (".yaml", ".yml"):
        if not Path(recipe).is_file():
            raise UsageError(f"there is no recipe {str(recipe)!r}")
        return Path(recipe)
    known = {
        path.stem: path for folder in ("recipes", ".") for path in (shipped("models") / folder).glob("*.yaml")
    }
    if str(recipe) not in known:
        raise UsageError(
            f"there is no recipe {str(recipe)!r}; there are: {', '.join(sorted(known))}; a recipe of your "
            "own is named by the path of its .yaml file"
        )
    return known[str(recipe)]


def _merged(path: Path, below: tuple[Path, ...]) -> dict[str, Any]:
    content = _read(path)
    extends = content.pop("extends", None)
    if extends is None:
        return content
    base = path.parent / str(extends)
    if base in below:
        raise TrainingError(f"{path} extends {base.name}, which extends it in turn.")
    return _overlay(_merged(base, (*below, path)), content)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = read_yaml(path)
    except OSError as error:
        raise TrainingError(f"Cannot read the recipe {path}: {error.strerror}.") from error
    except ValueError as error:
        raise TrainingError(f"{path} is not a YAML file: {error}") from error
    if not isinstance(content, dict):
        raise TrainingError(f"{path} is not a training recipe: it holds no keys.")
    return content


def _overlay(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The base with changes laid over it; a section that names another `kind` replaces the old one."""
    merged = dict(base)
    for key, value in changes.items():
        old = base.get(key)
        if key != "shares" and isinstance(old, dict) and isinstance(value, dict) and _alike(old, value):
            merged[key] = _overlay(old, value)
        else:
            merged[key] = value
    return merged


def _alike(old: dict[str, Any], new: dict[str, Any]) -> bool:
    return "kind" not in new or new["kind"] == old.get("kind")


FAST_BATCH = 8
FAST_HELD_OUT = 4


def with_changes(
    recipe: Recipe,
    *,
    seed: int | None = None,
    steps: int | None = None,
    start_from: Path | str | None = None,
    held_out: int | None = None,
    voc: Path | None = None,
    cut_down_for: int | None = None,
) -> Recipe:
    """The recipe as it is run: with what a user asks for, and "voc or drawn" decided.

    Args:
        recipe: as it was read.
        seed: another seed.
        steps: another length (`stretched`).
        start_from: file of other weights: those of an earlier run, to go on training or to tune them.
        held_out: other number of people at the start of the first data set that are validated on.
        voc: folder of Pascal VOC; None for its default place, where it may be or not.
        cut_down_for: devices and parts that a batch of a trial is divided among (`cut_down`).

    Raises:
        TrainingError: as `stretched`.
        DatasetError: a folder of Pascal VOC is named and has no objects.
    """
    changes: dict[str, Any] = {}
    if start_from is not None:
        changes["start_from"] = str(Path(start_from).absolute())
    if seed is not None:
        changes["seed"] = seed
    if held_out is not None:
        changes["held_out"] = held_out
    recipe = _with(recipe, changes)
    if steps is not None:
        recipe = stretched(recipe, steps)
    if cut_down_for is not None:
        recipe = cut_down(recipe, cut_down_for)
    return _with(recipe, {"augmentation": with_objects_chosen(recipe.train.augmentation, voc)})


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
