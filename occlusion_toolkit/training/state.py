"""Checkpoints of a training run: written in one step, read without executing code."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.io.atomic import atomic_path

FORMAT = 1


@dataclass
class RunState:
    """Everything that a run needs to go on as if it had never stopped.

    Attributes:
        recipe: the recipe as JSON; its weights, not its schedule, must fit the checkpoint.
        samples: crops seen so far.
        seconds: time spent training so far.
        model: weights.
        average: moving average of the weights, and the number of its updates.
        average_updates: how often the average was updated.
        optimiser: state of the optimiser.
        torch_rng: state of the generator of augmentations.
        numpy_rng: state of the generator of samples and objects, as JSON.
    """

    recipe: str
    samples: int
    seconds: float
    model: dict[str, Tensor]
    average: dict[str, Tensor]
    average_updates: int
    optimiser: dict[str, Any]
    torch_rng: Tensor
    numpy_rng: str


def write_state(state: RunState, path: Path) -> None:
    """Write a checkpoint whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as draft:
        torch.save({"format": FORMAT, **vars(state)}, draft)


def read_state(path: Path) -> RunState:
    """Read a checkpoint.

    Raises:
        TrainingError: the file is missing, damaged or of another kind.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        if content.pop("format") != FORMAT:
            raise TrainingError(f"{path} was written by another version of the toolkit; start afresh.")
        return RunState(**content)
    except TrainingError:
        raise
    except Exception as error:
        raise TrainingError(f"{path} is not a training checkpoint: {error}") from error


def pack_rng(rng: np.random.Generator) -> str:
    """The state of a numpy generator as JSON."""
    return json.dumps(rng.bit_generator.state)


def unpack_rng(text: str) -> np.random.Generator:
    """The generator that `pack_rng` described."""
    rng = np.random.default_rng()
    rng.bit_generator.state = json.loads(text)
    return rng
