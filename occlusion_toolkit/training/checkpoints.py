"""The checkpoint that a run goes on from as if nothing had happened."""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.files.atomic import atomic_path
from occlusion_toolkit.training.recipe import Recipe

logger = logging.getLogger(__name__)
SAME_WHEN_RESUMED = ("seed", "steps", "batch_size", "data", "augmentation")
"""What of a recipe decides which samples come when, and how the rate falls."""


@dataclass(frozen=True)
class Circumstances:
    """What the order of samples depends on.

    Attributes:
        recipe: of the run.
        people: number of people in each training set, by name.
        parts: batches whose gradients are accumulated for one step.
    """

    recipe: Recipe
    people: Mapping[str, int]
    parts: int

    def stored(self) -> dict[str, Any]:
        """Entries of a checkpoint."""
        return {"recipe": self.recipe.model_dump_json(), "people": dict(self.people), "parts": self.parts}

    def check(self, checkpoint: Mapping[str, Any]) -> None:
        """Compares what is about to go on with what was stopped.

        Raises:
            TrainingError: the data sets have other people than before, a step other parts, the run another
                start, or the recipe another of `SAME_WHEN_RESUMED`.
        """
        if checkpoint["people"] != self.people:
            raise TrainingError(
                f"The run was on {checkpoint['people']} people and cannot go on with {self.people}: the "
                "order of samples would be another. Give it the same data, or start a new run."
            )
        if checkpoint["parts"] != self.parts:
            raise TrainingError(
                f"The run accumulated {checkpoint['parts']} parts for a step and cannot go on with "
                f"{self.parts}: give it --accumulate {checkpoint['parts']}, or start a new run."
            )
        now, before = json.loads(self.recipe.model_dump_json()), json.loads(checkpoint["recipe"])
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


CHECKPOINT = "last.ckpt"


class SaveCheckpoint(lightning.Callback):
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

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Starts the clock of this start."""
        self._begin = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        _out: Any,
        _batch: Any,
        index: int,
    ) -> None:
        """Saves after whole steps only."""
        if (index + 1) % trainer.accumulate_grad_batches:
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
