"""What ends a training early: Ctrl-C, a time limit, a loss that is not finite."""

import signal
import time
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as lightning
import torch
from torch import Tensor

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.io.atomic import atomic_path
from occlusion_toolkit.training.samples.sample import Sample

BAD_BATCH = "bad_batch.pt"


class StopInTime(lightning.Callback):
    """Ends a run after a whole step, on all devices after the same one: at a time, or at Ctrl-C.

    A second Ctrl-C interrupts at once.

    Args:
        max_seconds: wall time from the start of training; None for no limit.
    """

    def __init__(self, max_seconds: float | None) -> None:
        self._max_seconds = max_seconds
        self._begin = 0.0
        self._interrupted = False
        self._handler: Any = None

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Starts the clock and listens for Ctrl-C."""
        self._begin = time.monotonic()
        self._handler = signal.signal(signal.SIGINT, self._interrupt)

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Asks the trainer to stop when it is time."""
        late = self._max_seconds is not None and time.monotonic() - self._begin >= self._max_seconds
        stop = self._interrupted or late
        if trainer.world_size > 1:
            stop = trainer.strategy.reduce_boolean_decision(stop, all=False)
        trainer.should_stop = trainer.should_stop or stop

    def teardown(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        """Gives Ctrl-C back."""
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
            self._handler = None

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True


class SeedSteps(lightning.Callback):
    """Makes random layers (dropout) a pure function of seed, step, part and device, as samples are.

    Args:
        seed: of the run.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Sample, batch_idx: int
    ) -> None:
        """Seeds the step; the position of the first sample numbers steps, parts and devices alike."""
        torch.manual_seed(self._seed * 1_000_003 + int(batch.position[0]))


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
        """Looks at the loss.

        Raises:
            TrainingError: it is not finite; the message names the file of the batch.
        """
        if bool(torch.isfinite(loss)) or self._batch is None:
            return
        path = self._out / BAD_BATCH
        with atomic_path(path) as temporary:
            torch.save({name: value.cpu() for name, value in self._batch._asdict().items()}, temporary)
        raise TrainingError(
            f"The loss became {float(loss)} at step {trainer.global_step}; the batch is in {path}. Lower the "
            "learning rate, use fp32, or look at the batch; last.ckpt is from before."
        )
