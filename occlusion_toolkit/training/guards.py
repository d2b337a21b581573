"""What ends a training early: Ctrl-C, SIGTERM, a time limit, a loss that is not finite."""

import signal
import time
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as lightning
import torch
from torch import Tensor

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.files.atomic import atomic_path
from occlusion_toolkit.training.samples.sample import Sample

BAD_BATCH = "bad_batch.pt"


class StopInTime(lightning.Callback):
    """Ends a run after a whole step, on all devices after the same one: at a time, at Ctrl-C or SIGTERM.

    A second Ctrl-C interrupts at once. Schedulers of clusters send SIGTERM when a job's time is up.

    Args:
        end: `time.monotonic()` after which the step at hand, or the first, is the last; None for no limit.
    """

    def __init__(self, end: float | None) -> None:
        self._end = end
        self._interrupted = False
        # Those from before the run: Lightning has its own during it, and takes them back before `teardown`.
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        self._listens = False

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Listens for Ctrl-C and SIGTERM."""
        for number in self._before:
            signal.signal(number, self._interrupt)
        self._listens = True

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        _out: Any,
        _batch: Any,
        index: int,
    ) -> None:
        """Asks the trainer to stop when it is time and the step is whole."""
        if (index + 1) % trainer.accumulate_grad_batches:
            return
        late = self._end is not None and time.monotonic() >= self._end
        stop = self._interrupted or late
        if trainer.world_size > 1:
            stop = trainer.strategy.reduce_boolean_decision(stop, all=False)
        trainer.should_stop = trainer.should_stop or stop

    def teardown(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        """Gives the signals back."""
        if self._listens:
            for number, handler in self._before.items():
                signal.signal(number, handler)
            self._listens = False

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True


class SeedSteps(lightning.Callback):
    """Makes random layers (dropout) a pure function of seed, step, part and device, as samples are.

    Args:
        seed: of the run.
        batch_size: samples per step over all devices and parts.
    """

    def __init__(self, seed: int, batch_size: int) -> None:
        self._seed, self._batch_size = seed, batch_size

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Sample, batch_idx: int
    ) -> None:
        """Seeds the step; the position of the first sample numbers steps, parts and devices alike."""
        # Computed and not read from the batch, for which a GPU would have to finish the step before.
        parts, devices = trainer.accumulate_grad_batches, trainer.world_size
        place = (batch_idx % parts) * devices + trainer.global_rank
        position = trainer.global_step * self._batch_size + place * (self._batch_size // (parts * devices))
        torch.manual_seed(self._seed * 1_000_003 + position)


class FiniteLoss(lightning.Callback):
    """Stops a run whose loss is not finite, before the weights are touched.

    Args:
        out: folder that the batch is saved in.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._batch: Sample | None = None

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Sample, batch_idx: int
    ) -> None:
        """Keeps the batch."""
        self._batch = batch

    def on_before_backward(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, loss: Tensor
    ) -> None:
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
