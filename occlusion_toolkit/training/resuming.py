"""Whether a run that was stopped can go on as if nothing had happened."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.training.recipe import Recipe

logger = logging.getLogger(__name__)

SAME_WHEN_RESUMED = ("seed", "steps", "batch_size", "data", "augmentation", "copies")
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
