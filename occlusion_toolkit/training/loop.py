"""The training loop: phases of a recipe, with checkpoints, a time limit and exact resumption."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.regressors.base import MeanParameters
from occlusion_toolkit.training.crops_cache import CropsCache
from occlusion_toolkit.training.evaluation import PoseErrors, evaluate
from occlusion_toolkit.training.objective import loss_terms
from occlusion_toolkit.training.occluders import draw_cutouts
from occlusion_toolkit.training.recipe import Phase, Recipe
from occlusion_toolkit.training.shared_trunk import SharedTrunk, WeightAverage
from occlusion_toolkit.training.state import RunState, pack_rng, read_state, unpack_rng, write_state
from occlusion_toolkit.training.targets import Augmentation, TrainingBatch

logger = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.pt"
BAD_BATCH = "bad_batch.pt"
CUTOUTS = 200
TEXTURE_PEOPLE = 64
CHECKPOINT_EVERY_S = 120.0


@dataclass(frozen=True)
class Progress:
    """Where a run stands; losses are means since the last report."""

    phase: str
    samples: int
    total_samples: int
    seconds: float
    samples_per_second: float
    losses: dict[str, float]


class Training:
    """A run of a recipe on cached crops.

    Args:
        recipe: what to do.
        cache: the people; it may grow meanwhile.
        body: the body whose parameters are regressed.
        mean: the person that the networks start from.
        bf16: run networks in bfloat16 (weights stay float32).
    """

    def __init__(
        self, recipe: Recipe, cache: CropsCache, body: BodyModel, mean: MeanParameters, *, bf16: bool = True
    ) -> None:
        if len(cache) < recipe.held_out + TEXTURE_PEOPLE:
            raise TrainingError(
                f"The crops cache {cache.folder} has {len(cache)} people; this recipe needs more than "
                f"{recipe.held_out + TEXTURE_PEOPLE} ({recipe.held_out} are held out for validation)."
            )
        self.recipe, self.cache, self.body, self.bf16 = recipe, cache, body, bf16
        torch.manual_seed(recipe.seed)
        self.model = SharedTrunk(recipe.networks, mean).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = WeightAverage(self.model, recipe.optimisation.average_decay)
        self.optimiser = _optimiser(self.model, recipe.optimisation.weight_decay)
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.rng = np.random.default_rng(recipe.seed)
        self.samples = 0
        self.seconds = 0.0
        scraps = cache.pictures(range(recipe.held_out, recipe.held_out + TEXTURE_PEOPLE))
        cutouts = [] if recipe.occlusion is None else draw_cutouts(CUTOUTS, scraps, recipe.seed)
        self.augmentation = Augmentation(recipe.warps, recipe.appearance, recipe.occlusion, cutouts)

    def start_from(self, path: Path) -> None:
        """Take the averaged weights of another run: the trunk, and every head that both runs have.

        Raises:
            TrainingError: the checkpoint has another trunk.
        """
        other = read_state(path).average
        own = self.model.state_dict()
        shared = {name: value for name, value in other.items() if name in own}
        missing = [name for name in own if name.startswith("backbone.") and name not in shared]
        if missing or any(value.shape != own[name].shape for name, value in shared.items()):
            raise TrainingError(f"{path} holds another trunk than recipe {self.recipe.name!r} describes.")
        self.model.load_state_dict(own | shared)
        self.average = WeightAverage(self.model, self.recipe.optimisation.average_decay)
        logger.info("started from %s: %d of %d tensors", path, len(shared), len(own))

    def resume(self, path: Path) -> None:
        """Go on from this run's own checkpoint."""
        state = read_state(path)
        try:
            self.model.load_state_dict(state.model)
            self.optimiser.load_state_dict(state.optimiser)
        except (RuntimeError, ValueError) as error:
            raise TrainingError(f"{path} does not fit recipe {self.recipe.name!r}: {error}") from error
        self.average.state, self.average.updates = state.average, state.average_updates
        self.samples, self.seconds = state.samples, state.seconds
        self.generator.set_state(state.torch_rng)
        self.rng = unpack_rng(state.numpy_rng)

    def save(self, path: Path) -> None:
        """Write a checkpoint from which `resume` continues exactly."""
        state = RunState(
            recipe=self.recipe.model_dump_json(),
            samples=self.samples,
            seconds=self.seconds,
            model=self.model.state_dict(),
            average=self.average.state,
            average_updates=self.average.updates,
            optimiser=self.optimiser.state_dict(),
            torch_rng=self.generator.get_state(),
            numpy_rng=pack_rng(self.rng),
        )
        write_state(state, path)

    def run(
        self,
        out: Path,
        *,
        max_seconds: float = math.inf,
        report: Callable[[Progress], None] = lambda progress: None,
        report_every_s: float = 30.0,
    ) -> bool:
        """Train until the recipe is done or the time is up; Ctrl-C saves and passes on.

        Args:
            out: folder for the checkpoint.
            max_seconds: wall time of this call.
            report: called every `report_every_s` seconds and at the end.
            report_every_s: seconds between reports.

        Returns:
            Whether the recipe is done.

        Raises:
            TrainingError: the loss is not finite; the batch is saved beside the checkpoint.
        """
        begin = reported = saved = time.monotonic()
        spent, seen = self.seconds, self.samples
        losses: list[dict[str, float]] = []
        try:
            while self.samples < self.recipe.total_samples and time.monotonic() - begin < max_seconds:
                losses.append(self._step(out))
                now = time.monotonic()
                self.seconds = spent + now - begin
                if now - saved > CHECKPOINT_EVERY_S:
                    self.save(out / CHECKPOINT)
                    saved = now
                if now - reported > report_every_s:
                    report(self._progress(losses, (self.samples - seen) / (now - reported)))
                    self.cache.refresh()
                    losses, seen, reported = [], self.samples, time.monotonic()
        finally:
            self.save(out / CHECKPOINT)
        if losses:
            report(self._progress(losses, (self.samples - seen) / (time.monotonic() - reported)))
        return self.samples >= self.recipe.total_samples

    def evaluate(self, cache: CropsCache, rows: range) -> dict[str, PoseErrors]:
        """Errors of the averaged weights of every network on cached people, at the present resolution."""
        shipped = SharedTrunk(self.recipe.networks, MeanParameters.standing())
        shipped.load_state_dict(self.average.state)
        shipped.eval()
        resolution = self._phase()[0].resolution
        errors = {}
        for kind, head in shipped.heads.items():
            network = nn.Sequential(shipped.backbone, head)
            with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
                errors[kind] = evaluate(network, self.body, cache, rows, resolution)
        return errors

    def _progress(self, losses: list[dict[str, float]], speed: float) -> Progress:
        names = losses[0] if losses else {}
        mean = {name: float(np.mean([entry[name] for entry in losses if name in entry])) for name in names}
        phase = self._phase()[0].name
        return Progress(phase, self.samples, self.recipe.total_samples, self.seconds, speed, mean)

    def _phase(self) -> tuple[Phase, int]:
        """The present phase and the samples seen in it; the last one when the recipe is done."""
        seen = self.samples
        for phase in self.recipe.phases[:-1]:
            if seen < phase.samples:
                return phase, seen
            seen -= phase.samples
        return self.recipe.phases[-1], seen

    def _step(self, out: Path) -> dict[str, float]:
        phase, seen = self._phase()
        settings = self.recipe.optimisation
        rate = learning_rate(phase, seen, settings.batch_size, settings.warm_up_steps)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        rows = self.rng.integers(self.recipe.held_out, len(self.cache), settings.batch_size)
        batch = self.augmentation(
            self.cache.batch(rows, phase.resolution), phase.resolution, self.generator, self.rng
        )
        loss, terms = self._loss(batch, phase)
        if not math.isfinite(loss.item()):
            torch.save(vars(batch) | {"rows": torch.from_numpy(rows)}, out / BAD_BATCH)
            raise TrainingError(
                f"The loss became {loss.item()} after {self.samples} samples; the batch is in "
                f"{out / BAD_BATCH}. Lower the learning rate, or look at the batch."
            )
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip_norm)
        self.optimiser.step()
        self.average.update(self.model)
        self.samples += settings.batch_size
        return terms

    def _loss(self, batch: TrainingBatch, phase: Phase) -> tuple[Tensor, dict[str, float]]:
        """Sum of the losses of all networks, and every term of each for the log."""
        self.model.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            outputs = self.model(batch.crops)
        total = torch.zeros(())
        log: dict[str, float] = {}
        for kind, output in outputs.items():
            terms = loss_terms(self.body, output, batch)
            total = total + terms.total(phase.weights)
            log |= {f"{kind}.{name}": float(value.detach()) for name, value in vars(terms).items()}
        return total, log | {"total": float(total.detach())}


def learning_rate(phase: Phase, seen: int, batch_size: int, warm_up_steps: int) -> float:
    """Linear warm-up, then a cosine from the phase's rate to its final share of it."""
    warm_up = min(1.0, (seen / batch_size + 1) / warm_up_steps)
    along = min(1.0, seen / phase.samples)
    share = phase.final_rate + (1 - phase.final_rate) * 0.5 * (1 + math.cos(math.pi * along))
    return phase.learning_rate * warm_up * share


def _optimiser(model: nn.Module, weight_decay: float) -> torch.optim.AdamW:
    decayed = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=1e-3, fused=True)
