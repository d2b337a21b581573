"""Training recipes: everything that decides what a run does, as one YAML file."""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.regressors.architecture import HMRArchitecture, PAREArchitecture
from occlusion_toolkit.training.appearance import AppearanceRanges
from occlusion_toolkit.training.augment import WarpRanges
from occlusion_toolkit.training.losses import LossWeights
from occlusion_toolkit.training.occluders import OcclusionRanges


class Section(BaseModel):
    """A part of a recipe: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Optimisation(Section):
    """AdamW with warm-up, gradient clipping and a moving average of the weights.

    Attributes:
        batch_size: crops per step.
        weight_decay: decoupled decay of weights (not of biases and normalisation).
        clip_norm: largest Euclidean norm of the gradient.
        average_decay: decay of the moving average of weights per step, which is what is shipped.
        warm_up_steps: steps at the start of every phase in which the rate grows linearly.
    """

    batch_size: PositiveInt = 32
    weight_decay: NonNegativeFloat = 0.01
    clip_norm: PositiveFloat = 1.0
    average_decay: Annotated[float, Field(ge=0, lt=1)] = 0.998
    warm_up_steps: PositiveInt = 100


class Phase(Section):
    """A stretch of training under one setting.

    Attributes:
        name: what the log calls it.
        samples: crops seen in this phase.
        resolution: side of the crops in pixels.
        learning_rate: rate after warm-up.
        final_rate: rate at the end of the phase, as a share of `learning_rate`; cosine in between.
        weights: weights of the loss terms.
    """

    name: str
    samples: PositiveInt
    resolution: Annotated[int, Field(ge=32, le=512)] = 224
    learning_rate: PositiveFloat
    final_rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    weights: LossWeights = LossWeights()


class Recipe(Section):
    """One training run.

    Attributes:
        name: what the run is called; its weights are named after it.
        description: what it is for, one line.
        seed: of the initial weights, the order of samples and every augmentation.
        networks: the network; or several that share one trunk and are trained together.
        optimisation: the optimiser.
        warps: augmentation of geometry.
        appearance: augmentation of colours.
        occlusion: SynthOcc; None trains on unoccluded crops.
        held_out: people at the start of the data that are kept for validation.
        phases: in order.
    """

    name: str
    description: str = ""
    seed: int = 0
    networks: Annotated[
        tuple[Annotated[HMRArchitecture | PAREArchitecture, Field(discriminator="kind")], ...],
        Field(min_length=1),
    ]
    optimisation: Optimisation = Optimisation()
    warps: WarpRanges = WarpRanges()
    appearance: AppearanceRanges = AppearanceRanges()
    occlusion: OcclusionRanges | None = None
    held_out: Annotated[int, Field(ge=1)] = 256
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _networks_share_a_trunk(self) -> "Recipe":
        kinds = [network.kind for network in self.networks]
        if len(set(kinds)) < len(kinds):
            raise ValueError("networks trained together must be of different kinds")
        if any(network.trunk != self.networks[0].trunk for network in self.networks):
            raise ValueError("networks trained together must have the same trunk")
        return self

    @property
    def total_samples(self) -> int:
        """Crops seen in all phases."""
        return sum(phase.samples for phase in self.phases)


def load_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        TrainingError: no such file, not YAML, or not a recipe; the message lists every wrong key.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"Cannot read the recipe {path}: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} is not a YAML file: {error}") from error
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])) or 'recipe'}: {e['msg']}" for e in error.errors()]
        raise TrainingError(f"{path} is not a training recipe. " + "; ".join(lines)) from error
