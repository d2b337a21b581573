"""One training run as the command line sees it: data in, progress out, the same call resumes."""

import fcntl
import logging
import math
from collections.abc import Callable
from pathlib import Path

from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.training.crops_cache import CropsCache
from occlusion_toolkit.training.evaluation import constant_predictor, evaluate, mean_person
from occlusion_toolkit.training.ingest import extend_cache
from occlusion_toolkit.training.loop import CHECKPOINT, Progress, Training
from occlusion_toolkit.training.recipe import Recipe, load_recipe

logger = logging.getLogger(__name__)


def take_in(cache_folder: Path, data: Path, split: str, capacity: int) -> CropsCache:
    """Add the new sequences of a data set to a cache, unless another process is doing so.

    Args:
        cache_folder: where the cache is or shall be.
        data: the data set.
        split: folder under sequenceFiles.
        capacity: room of a new cache, people.

    Returns:
        The cache, read-only.
    """
    cache = CropsCache.create(cache_folder, capacity)
    with (cache_folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            logger.info("%s is being extended by another process", cache_folder)
        else:
            cache.refresh()
            extend_cache(cache, data, split, load_open_body())
    return CropsCache(cache_folder)


class TrainingSession:
    """A recipe on a data set, in a folder.

    Args:
        recipe: YAML file.
        out: folder of the run: checkpoint and, after a failure, the batch that caused it.
        bf16: run networks in bfloat16.
    """

    def __init__(self, recipe: Path, out: Path, *, bf16: bool = True) -> None:
        self.recipe: Recipe = load_recipe(recipe)
        self.out = out
        self.bf16 = bf16
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"Cannot make the folder {out}: {error.strerror}.") from error

    def run(
        self,
        cache: CropsCache,
        *,
        start_from: Path | None = None,
        minutes: float | None = None,
        evaluate_every: float = 3.0,
        tell: Callable[[str], None] = logger.info,
    ) -> bool:
        """Train, from this run's checkpoint if there is one.

        Args:
            cache: the people.
            start_from: checkpoint of another run to take weights from; not used when resuming.
            minutes: wall time of this call; None for no limit.
            evaluate_every: minutes between reports with held-out errors.
            tell: takes lines of text about the progress.

        Returns:
            Whether the recipe is done.
        """
        body = load_open_body()
        mean = mean_person(cache)
        training = Training(self.recipe, cache, body, mean, bf16=self.bf16)
        checkpoint = self.out / CHECKPOINT
        if checkpoint.is_file():
            training.resume(checkpoint)
            tell(f"resumed at {training.samples:,} of {self.recipe.total_samples:,} crops")
        elif start_from is not None:
            training.start_from(start_from)
            tell(f"weights taken from {start_from}")
        held_out = range(self.recipe.held_out)
        resolution = self.recipe.phases[-1].resolution
        tell(f"mean person: {evaluate(constant_predictor(mean), body, cache, held_out, resolution)}")

        def report(progress: Progress) -> None:
            tell(describe(progress))
            for kind, errors in training.evaluate(cache, held_out).items():
                tell(f"  {kind}: {errors}")

        return training.run(
            self.out,
            max_seconds=math.inf if minutes is None else 60 * minutes,
            report=report,
            report_every_s=60 * evaluate_every,
        )


def describe(progress: Progress) -> str:
    """One line about where a run stands."""
    left = (progress.total_samples - progress.samples) / max(progress.samples_per_second, 1e-9) / 60
    losses = " ".join(f"{name}={value:.4g}" for name, value in progress.losses.items())
    return (
        f"{progress.phase} {progress.samples:,}/{progress.total_samples:,} crops, "
        f"{progress.samples_per_second:.0f}/s, {left:.0f} min left; {losses}"
    )
