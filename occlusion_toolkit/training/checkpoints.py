"""The checkpoint that a run goes on from as if nothing had happened."""

import json
import logging
import pickle
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.files.atomic import atomic_path
from occlusion_toolkit.training.recipe import Recipe

logger = logging.getLogger(__name__)

CHECKPOINT = "last.ckpt"

SAME_WHEN_RESUMED = ("seed", "steps", "batch_size", "data", "augmentation", "copies")
"""What of a recipe decides which samples come when, and how the rate falls."""


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The checkpoint of a run, tensors mapped and not read; nothing in it can run code.

    Raises:
        TrainingError: it is damaged, or no checkpoint of `occlusion-toolkit train`.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        logger.debug("%s: %s", path, error)
        content = None
    if not isinstance(content, dict) or not {"recipe", "people", "parts", "state_dict"} <= content.keys():
        raise TrainingError(
            f"{path} cannot be resumed: it is damaged, or not a checkpoint of a training. Start a new run in "
            "another folder, or put a copy of the checkpoint there; the weights beside it stay usable."
        )
    return content


def run_state(recipe: Recipe, people: Mapping[str, int], parts: int) -> dict[str, Any]:
    """Entries of a checkpoint: what the order of samples depends on.

    Args:
        recipe: of the run.
        people: number of people in each training set, by name.
        parts: batches whose gradients are accumulated for one step.
    """
    return {"recipe": recipe.model_dump_json(), "people": dict(people), "parts": parts}


def check_resumable(state: Mapping[str, Any], stopped: Mapping[str, Any]) -> None:
    """Compares what is about to go on with what was stopped (`run_state`).

    Raises:
        TrainingError: the data sets have other people than before, a step other parts, the run another
            start, or the recipe another of `SAME_WHEN_RESUMED`.
    """
    if stopped["people"] != state["people"]:
        raise TrainingError(
            f"The run was on {stopped['people']} people and cannot go on with {state['people']}: the "
            "order of samples would be another. Give it the same data, or start a new run."
        )
    if stopped["parts"] != state["parts"]:
        raise TrainingError(
            f"The run accumulated {stopped['parts']} parts for a step and cannot go on with "
            f"{state['parts']}: give it --accumulate {stopped['parts']}, or start a new run."
        )
    now, before = json.loads(state["recipe"]), json.loads(stopped["recipe"])
    changed = [key for key in SAME_WHEN_RESUMED if now["train"][key] != before["train"][key]]
    if changed:
        raise TrainingError(
            f"The run was begun with another {' and another '.join(changed)}; give it the same options "
            "and the same recipe, or start a new run."
        )
    starts = [recipe["train"]["start_from"] for recipe in (now, before)]
    if len({start and Path(start).name for start in starts}) > 1:
        raise TrainingError(
            f"The run was begun from {starts[1] or 'random weights'} and cannot be resumed from "
            f"{starts[0] or 'random weights'}; give it the same --start-from, or start a new run."
        )
    if now != before:
        logger.warning("the recipe has changed since the run was stopped; it goes on with the new one")


def ends_step(trainer: Trainer, index: int) -> bool:
    """Whether the batch of that index in the epoch is the last part of an optimiser step."""
    return (index + 1) % trainer.accumulate_grad_batches == 0


class SaveCheckpoint(Callback):
    """Writes the checkpoint that `resume` continues from exactly: regularly, at the end and before a stop.

    It must come after the callbacks that change what is saved.

    Args:
        path: the file.
        every_steps: steps between checkpoints.
    """

    def __init__(self, path: Path, every_steps: int) -> None:
        self._path, self._every = path, every_steps
        self._seconds = 0.0
        self._begin = 0.0

    @property
    def seconds(self) -> float:
        """Time spent training so far, over all starts of the run."""
        return self._seconds + (time.monotonic() - self._begin if self._begin else 0.0)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock of this start."""
        self._begin = time.monotonic()

    def on_train_batch_end(self, trainer: Trainer, _module: Any, _out: Any, _batch: Any, index: int) -> None:
        """Saves after whole steps only."""
        if not ends_step(trainer, index):
            return
        step = trainer.global_step
        if step % self._every and step != trainer.max_steps and not trainer.should_stop:
            return
        if trainer.is_global_zero:
            with atomic_path(self._path) as temporary:
                trainer.save_checkpoint(temporary)
        else:
            trainer.save_checkpoint(self._path)  # takes part in the barrier; only the first device writes

    def state_dict(self) -> dict[str, float]:
        """The time spent."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        """Takes over the time before the run was stopped."""
        self._seconds = state_dict["seconds"]
