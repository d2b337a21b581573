"""What happens during a training beside training: when it ends early, how fast it is, averaged weights."""

import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks.weight_averaging import WeightAveraging
from torch import Tensor

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.files.atomic import atomic_path
from occlusion_toolkit.training.checkpoints import ends_step
from occlusion_toolkit.training.sample import TrainingSample

BAD_BATCH = "bad_batch.pt"


class StopInTime(Callback):
    """Ends a run after a whole step, on all devices after the same one: at a time, at Ctrl-C or SIGTERM.

    A second Ctrl-C interrupts at once. Schedulers of clusters send SIGTERM when a job's time is up.

    Args:
        end: `time.monotonic()` after which the step at hand, or the first, is the last; None for no limit.

    Attributes:
        signal: that ended the run; None where none did.
    """

    def __init__(self, end: float | None) -> None:
        self._end = end
        self.signal: int | None = None
        # Those from before the run: Lightning has its own during it, and takes them back before `teardown`.
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        self._listens = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listens for Ctrl-C and SIGTERM."""
        for number in self._before:
            signal.signal(number, self._interrupt)
        self._listens = True

    def on_train_batch_end(self, trainer: Trainer, _module: Any, _out: Any, _batch: Any, index: int) -> None:
        """Asks the trainer to stop when it is time and the step is whole."""
        if not ends_step(trainer, index):
            return
        late = self._end is not None and time.monotonic() >= self._end
        stop = self.signal is not None or late
        if trainer.world_size > 1:
            stop = trainer.strategy.reduce_boolean_decision(stop, all=False)
        trainer.should_stop = trainer.should_stop or stop

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Gives the signals back."""
        if self._listens:
            for number, handler in self._before.items():
                signal.signal(number, handler)
            self._listens = False

    def _interrupt(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = number


class SeedSteps(Callback):
    """Makes random layers (dropout) a pure function of seed, step, part and device, as samples are.

    Args:
        seed: of the run.
        batch_size: samples per step over all devices and parts.
    """

    def __init__(self, seed: int, batch_size: int) -> None:
        self._seed, self._batch_size = seed, batch_size

    def on_train_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: TrainingSample,
        batch_idx: int,
    ) -> None:
        """Seeds the step; the position of the first sample numbers steps, parts and devices alike."""
        # Computed and not read from the batch, for which a GPU would have to finish the step before.
        parts, devices = trainer.accumulate_grad_batches, trainer.world_size
        place = (batch_idx % parts) * devices + trainer.global_rank
        position = trainer.global_step * self._batch_size + place * (self._batch_size // (parts * devices))
        torch.manual_seed(self._seed * 1_000_003 + position)


class FiniteLoss(Callback):
    """Stops a run whose loss is not finite, before the weights are touched.

    Args:
        out: folder that the batch is saved in.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._batch: TrainingSample | None = None

    def on_train_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: TrainingSample,
        batch_idx: int,
    ) -> None:
        """Keeps the batch."""
        self._batch = batch

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        """Looks at the loss; where it is not finite on one device, all of them stop.

        Raises:
            TrainingError: it is not finite; the message names the file of the batch.
        """
        finite = bool(torch.isfinite(loss))
        everywhere = finite
        if trainer.world_size > 1:
            everywhere = trainer.strategy.reduce_boolean_decision(finite, all=True)
        if everywhere or self._batch is None:
            return
        path = self._out / (BAD_BATCH if trainer.global_rank == 0 else f"{trainer.global_rank}-{BAD_BATCH}")
        if not finite:
            with atomic_path(path) as temporary:
                torch.save({name: value.cpu() for name, value in self._batch._asdict().items()}, temporary)
        found = "is not finite on another device" if finite else f"became {float(loss)}"
        saved = "saved the batch there" if finite else f"the batch is in {path}"
        raise TrainingError(
            f"The loss {found} at step {trainer.global_step}; {saved}. Lower the learning rate, use fp32, or "
            "look at the batch. A checkpoint, if there is one, is from before."
        )


StepReport = Callable[[dict[str, float]], None]
"""Takes numbers of the log and of `Speed`, by name."""


class Speed(Callback):
    """Samples per second of the whole run and of the trainer alone, and how long it waits for samples.

    Args:
        batch_size: samples per optimiser step.
        report: takes what was measured.
        every_s: seconds between reports.
    """

    def __init__(self, batch_size: int, report: StepReport, every_s: float = 30.0) -> None:
        self._batch_size, self._report, self._every_s = batch_size, report, every_s
        self._since = self._began = 0.0
        self._first = 0
        self._busy = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock."""
        self._restart(trainer)

    def on_train_batch_start(self, *_: Any) -> None:
        """The samples have come."""
        self._began = time.perf_counter()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """The step is done; every now and then, say how fast."""
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize(pl_module.device)  # or its work would be counted as waiting
        now = time.perf_counter()
        self._busy += now - self._began
        ending = trainer.should_stop or trainer.global_step == trainer.max_steps
        if now - self._since < self._every_s and not ending:
            return
        samples = (trainer.global_step - self._first) * self._batch_size
        elapsed = max(now - self._since, 1e-9)
        speeds = {
            "speed/samples_per_s": samples / elapsed,
            "speed/trainer_samples_per_s": samples / max(self._busy, 1e-9),
            "speed/waiting_share": 1 - self._busy / elapsed,
        }
        for logger in trainer.loggers:
            logger.log_metrics(speeds, step=trainer.global_step)
        if trainer.is_global_zero:
            logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
            self._report({"step": float(trainer.global_step), **speeds, **logged})
        self._restart(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validation is no training time."""
        if not trainer.sanity_checking:
            self._restart(trainer)

    def _restart(self, trainer: Trainer) -> None:
        self._since, self._first, self._busy = time.perf_counter(), trainer.global_step, 0.0


class AverageWeights(WeightAveraging):
    """Lightning's weight averaging for networks that are trained for minutes as well as for days.

    Three things are other than in Lightning's own exponential average. Integers are taken over and not
    averaged: at some decays rounding lowers them step by step. The average begins short: after n steps it
    forgets at a rate of at least 9 / (10 + n), so that neither random weights nor untrained normalisation
    statistics linger in it. And it is kept where the network is trained, not where it was made.

    Args:
        decay: share of the old average that a step keeps, once the average is long enough.
    """

    def __init__(self, decay: float) -> None:
        def update(averaged: Sequence[Tensor], current: Sequence[Tensor], _steps: Tensor | int) -> None:
            steps = self._latest_update_step  # the same number, and no GPU has to be asked for it
            move_average(averaged, current, min(decay, (1 + steps) / (10 + steps)))

        super().__init__(multi_avg_fn=update)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Makes the average, on the device of this process."""
        super().setup(trainer, pl_module, stage)
        if self._average_model is not None:
            self._average_model.to(trainer.strategy.root_device)


@torch.no_grad()
def move_average(averaged: Sequence[Tensor], current: Sequence[Tensor], decay: float) -> None:
    """Move averages towards current values, in place.

    Args:
        averaged: tensors of one type and device.
        current: the newest values, likewise.
        decay: share of the average that is kept.
    """
    if averaged[0].is_floating_point():
        torch._foreach_lerp_(list(averaged), list(current), 1 - decay)
        return
    for old, new in zip(averaged, current, strict=True):
        old.copy_(new)
