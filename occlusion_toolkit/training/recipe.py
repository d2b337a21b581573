"""Training recipes: YAML files with a `train:` section that decides what a run does."""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, ValidationError, model_validator

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.models.architecture import Architecture, Section
from occlusion_toolkit.training.losses import LossWeights
from occlusion_toolkit.training.samples.settings import SampleSettings

Share = Annotated[float, Field(gt=0, le=1)]


class Optimisation(Section):
    """Adam at a constant rate, as in the paper, unless told otherwise.

    Attributes:
        learning_rate: the rate after warm-up.
        warm_up_steps: steps over which the rate grows linearly.
        final_rate: share of the rate that a cosine over all steps ends at; 1 keeps the rate constant.
        weight_decay: decoupled decay (AdamW) of kernels and matrices; vectors never decay.
        clip_norm: largest Euclidean norm of the gradient; None does not clip.
        average_decay: decay per step of a moving average of the weights, which is then what is validated and
            shipped; None ships the weights themselves.
    """

    learning_rate: PositiveFloat = 5e-5
    warm_up_steps: Annotated[int, Field(ge=0)] = 0
    final_rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    weight_decay: NonNegativeFloat = 0.0
    clip_norm: PositiveFloat | None = None
    average_decay: Annotated[float, Field(gt=0, lt=1)] | None = None


class Supervision(Section):
    """What the 2D branch of a part attention network is taught (Table 3 of the paper).

    Attributes:
        by: "parts" is cross-entropy with part labels, "joints" with Gaussians around the 24 joints.
        until_step: from this step on its weight (lambda_P) is zero and attention is free; None never.
    """

    by: Literal["parts", "joints"] = "parts"
    until_step: PositiveInt | None = None


class DataStage(Section):
    """A stretch of training on one mix of data sets.

    Attributes:
        shares: share of the samples by name of the data set; names joined by "+" share in proportion to
            their sizes.
        steps: length of the stretch; None lasts to the end.
    """

    shares: Annotated[dict[str, Share], Field(min_length=1)]
    steps: PositiveInt | None = None

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> "DataStage":
        if abs(sum(self.shares.values()) - 1) > 1e-6:
            raise ValueError(f"shares sum to {sum(self.shares.values()):g} instead of 1")
        return self


def _names(stages: Sequence[DataStage]) -> tuple[str, ...]:
    """Names of the data sets of some stages, in the order of their first use."""
    names = (name for stage in stages for key in stage.shares for name in key.split("+"))
    return tuple(dict.fromkeys(names))


class Train(Section):
    """The `train:` section.

    Attributes:
        seed: of initial weights, order of samples and augmentation.
        steps: optimiser steps.
        batch_size: samples per step, over all devices and accumulated parts.
        optimisation: the optimiser.
        losses: weights of the loss terms.
        supervision: of the 2D branch; None leaves it unsupervised (and for networks without one).
        data: the data sets, stage by stage.
        augmentation: what happens to a sample on its way to the network.
        held_out: people at the start of the first data set that are validated on instead of trained on.
        validate_every: steps between validations.
        pictures_every: steps between pictures of fixed people.
        copies: augmented crops of each person that a frozen trunk looks at before training, which then reads
            what was seen; None makes new crops at every step, as every trunk that is trained needs them.
        start_from: file of weights, shipped or in `weights/` of the toolkit's home or at a path, that trunk
            and heads start from where their names and shapes fit; None starts at random.
    """

    seed: int = 0
    steps: PositiveInt
    batch_size: PositiveInt = 64
    optimisation: Optimisation = Optimisation()
    losses: LossWeights = LossWeights()
    supervision: Supervision | None = None
    data: Annotated[tuple[DataStage, ...], Field(min_length=1)]
    augmentation: SampleSettings = SampleSettings()
    held_out: Annotated[int, Field(ge=1)] = 256
    validate_every: PositiveInt = 1000
    pictures_every: PositiveInt = 5000
    copies: PositiveInt | None = None
    start_from: str | None = None

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Names of all data sets, in the order of their first use."""
        return _names(self.data)

    @property
    def data_sets_with_parts(self) -> tuple[str, ...]:
        """Names of the data sets that are used while parts are supervised: only they need part labels."""
        if self.supervision is None or self.supervision.by != "parts":
            return ()
        until = self.supervision.until_step or self.steps
        return _names([stage for stage, begin in zip(self.data, self.begins, strict=True) if begin < until])

    @property
    def begins(self) -> tuple[int, ...]:
        """The first step of each stage of data."""
        return tuple(accumulate((stage.steps or 0 for stage in self.data[:-1]), initial=0))

    @model_validator(mode="after")
    def _only_the_last_stage_is_open(self) -> "Train":
        if any(stage.steps is None for stage in self.data[:-1]):
            raise ValueError("every stage of data but the last needs steps")
        return self

    @model_validator(mode="after")
    def _the_end_is_validated(self) -> "Train":
        every = self.validate_every
        if self.steps > every and self.steps % every:
            raise ValueError(
                f"validate_every ({every}) does not divide steps ({self.steps}): the end is not validated"
            )
        return self


class Recipe(Section):
    """A network and how it is trained.

    Attributes:
        name: what the weights are called.
        title: one line for people.
        description: what it is for.
        network: its architecture.
        body: topology id of the body whose parameters it regresses.
        train: how it is trained.
    """

    name: str
    title: str = ""
    description: str = ""
    network: Architecture
    body: str
    train: Train


def load_recipe(path: Path) -> Recipe:
    """Read a recipe: a file of its own, or a model card with a `train:` section.

    A file with `extends: OTHER.yaml` (beside it) holds only what differs from the other; sections are
    merged key by key, and everything else is replaced.

    Raises:
        TrainingError: no such file, not YAML, or not a recipe; the message lists every wrong key.
    """
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
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"Cannot read the recipe {path}: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
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
