"""How fast a run goes, and what holds it up."""

import time
from collections.abc import Callable
from typing import Any

import pytorch_lightning as lightning
import torch

StepReport = Callable[[dict[str, float]], None]
"""Takes numbers of the log and of `Speed`, by name."""


class Speed(lightning.Callback):
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

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Starts the clock."""
        self._restart(trainer)

    def on_train_batch_start(self, *_: Any) -> None:
        """The samples have come."""
        self._began = time.perf_counter()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any
    ) -> None:
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

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Validation is no training time."""
        if not trainer.sanity_checking:
            self._restart(trainer)

    def _restart(self, trainer: lightning.Trainer) -> None:
        self._since, self._first, self._busy = time.perf_counter(), trainer.global_step, 0.0
