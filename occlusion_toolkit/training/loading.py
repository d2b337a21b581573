"""Which samples a step sees, on which device: a pure function of the step, so that any run can be resumed."""

import sys
from collections.abc import Iterator

import pytorch_lightning as lightning
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.training.samples.sample import Sample
from occlusion_toolkit.training.workers import quiet_worker

VALIDATION_BATCH = 64


class BatchOrder(Sampler[list[int]]):
    """Positions of the samples of one device's batches, from some step to the end of a run.

    Step s sees the positions from s * batch_size on, whatever the number of devices and of accumulated
    parts: part by part, and within a part device by device.

    Args:
        steps: optimiser steps of the whole run.
        batch_size: samples per step over all devices and parts.
        parts: batches whose gradients are accumulated for one step.
        devices: number of devices.
        rank: of this device.
        start: first step.

    Raises:
        TrainingError: a step's samples cannot be divided evenly.
    """

    def __init__(
        self, steps: int, batch_size: int, *, parts: int = 1, devices: int = 1, rank: int = 0, start: int = 0
    ) -> None:
        if batch_size % (parts * devices):
            raise TrainingError(
                f"A batch of {batch_size} cannot be divided among {devices} devices and {parts} accumulated "
                "parts; choose numbers whose product divides it."
            )
        self.steps, self.batch_size, self.start = steps, batch_size, start
        self.parts, self.devices, self.rank = parts, devices, rank

    def __len__(self) -> int:
        """Batches of the whole run: Lightning counts those before the start as done."""
        return self.steps * self.parts

    def __iter__(self) -> Iterator[list[int]]:
        size = self.batch_size // (self.parts * self.devices)
        for step in range(self.start, self.steps):
            for part in range(self.parts):
                first = step * self.batch_size + (part * self.devices + self.rank) * size
                yield list(range(first, first + size))


class TrainingData(lightning.LightningDataModule):
    """The samples of a run and the people it is validated on.

    Args:
        samples: training samples by position.
        held_out: samples without augmentation.
        steps: optimiser steps of the whole run.
        batch_size: samples per step over all devices and parts.
        parts: batches whose gradients are accumulated for one step.
        workers: processes that make samples; 0 makes them in the training process.
    """

    def __init__(
        self,
        samples: Dataset[Sample],
        held_out: Dataset[Sample],
        *,
        steps: int,
        batch_size: int,
        parts: int,
        workers: int,
    ) -> None:
        super().__init__()
        self.samples, self.held_out = samples, held_out
        self.steps, self.batch_size, self.parts, self.workers = steps, batch_size, parts, workers

    def train_dataloader(self) -> DataLoader[Sample]:
        """Batches from the trainer's present step on."""
        trainer = self.trainer
        if trainer is None:
            raise TrainingError("Training data belong to a trainer; give them to Trainer.fit.")
        order = BatchOrder(
            self.steps,
            self.batch_size,
            parts=self.parts,
            devices=trainer.world_size,
            rank=trainer.global_rank,
            start=trainer.global_step,
        )
        return self.loader(order)

    def loader(self, order: BatchOrder) -> DataLoader[Sample]:
        """Batches in a given order."""
        return DataLoader(
            self.samples,
            batch_sampler=order,
            num_workers=self.workers,
            prefetch_factor=4 if self.workers else None,
            # A fork shares the tables of annotations; any other start copies them into every worker.
            multiprocessing_context="fork" if self.workers and sys.platform == "linux" else None,
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=quiet_worker,
        )

    def val_dataloader(self) -> DataLoader[Sample]:
        """The held-out people; every device takes its share."""
        trainer = self.trainer
        world, rank = (1, 0) if trainer is None else (trainer.world_size, trainer.global_rank)
        people = range(rank, len(self.held_out), world)  # type: ignore[arg-type]
        batches = [
            list(people[first : first + VALIDATION_BATCH])
            for first in range(0, len(people), VALIDATION_BATCH)
        ]
        return DataLoader(self.held_out, batch_sampler=batches, worker_init_fn=quiet_worker)
