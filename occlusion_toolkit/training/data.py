"""The data of a run: every set of a recipe opened, mixed, and cut into batches.

Which samples a step sees, on which device, is a pure function of the step, so that any run can be resumed.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytorch_lightning as lightning
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.training.annotated_photographs import AnnotatedPhotographs
from occlusion_toolkit.training.bodies import TrainingBodies
from occlusion_toolkit.training.catalogue import (
    default_folder,
    read_training_set,
    require_files,
)
from occlusion_toolkit.training.crops_cache import RenderedPeople
from occlusion_toolkit.training.crops_cache_build import build_crops_cache
from occlusion_toolkit.training.part_labels import prepare_part_labels
from occlusion_toolkit.training.processes import Progress, quiet_worker
from occlusion_toolkit.training.recipe import Recipe, Train
from occlusion_toolkit.training.sample import (
    AugmentedPeople,
    HeldOut,
    Mix,
    MixedSamples,
    TrainingSample,
)
from occlusion_toolkit.training.sights import frozen_trunk, keep_sights
from occlusion_toolkit.training.synthetic_occlusion import occluding_objects
from occlusion_toolkit.training.voc import VOC
from occlusion_toolkit.training.warp import Warp

SYNTHETIC = "synthetic"

COPIES_SEED = 11
"""Seed of augmentations that are kept: runs of any seed read the same copies."""
VALIDATION_BATCH = 64

TEXTURE_PEOPLE = 64
"""People whose pictures drawn objects take scraps of."""


@dataclass(frozen=True)
class RunData:
    """What a run learns from.

    Attributes:
        samples: training samples by position.
        held_out: people to validate on.
        people: number of people by training set.
        bodies: the bodies of the ground truth.
    """

    samples: Dataset[TrainingSample]
    held_out: Dataset[TrainingSample]
    people: Mapping[str, int]
    bodies: TrainingBodies


def open_data(
    recipe: Recipe,
    folders: Mapping[str, Path],
    bodies: TrainingBodies,
    cache: Path,
    *,
    gpu: bool = False,
    progress: Progress | None = None,
) -> RunData:
    """Open every data set of a recipe and hold out the first people of the first.

    Args:
        recipe: names the data sets.
        folders: where they are, by name; `voc` may be among them for SynthOcc.
        bodies: those of the ground truth.
        cache: folder for what is made once and kept: decoded crops, part labels.
        gpu: render part labels on a GPU.
        progress: called with how much of that is done and how much there is.

    Raises:
        TrainingError: a data set has too few people, or nobody with a body to validate on.
        DatasetError: a data set is missing or damaged.
    """
    train = recipe.train
    bodies.model("neutral").require(LSP14)  # of validation: better to miss it now than after a thousand steps
    sources = [
        _open(name, folders.get(name, default_folder(name)), recipe, bodies, cache, gpu, progress)
        for name in train.data_sets
    ]
    first, held_out = sources[0], train.held_out
    if len(first) <= held_out:
        raise TrainingError(
            f"{first.name} has {len(first)} people, and this recipe holds out {held_out} of them for "
            "validation: nobody is left to train on. Use more data, or lower held_out."
        )
    scraps = range(held_out, min(held_out + TEXTURE_PEOPLE, len(first)))
    textures = np.stack([first.warped(row, Warp.identity(1)).crop.numpy() for row in scraps])
    seed, pictures = _augmentation_seed(train), textures.transpose(0, 2, 3, 1)
    cutouts = occluding_objects(train.augmentation.occlusion, pictures, folders.get(VOC), seed)
    for source in sources:
        source.cutouts = cutouts
    sizes = {source.name: len(source) for source in sources} | {first.name: len(first) - held_out}
    mix = Mix(train.data, train.batch_size, sizes, train.seed)
    samples = MixedSamples(sources, mix, held_out)
    if train.copies is not None:
        if train.data_sets != (SYNTHETIC,):
            raise TrainingError("`copies` is for training on rendered people alone; leave it out.")
        kind = f"{seed} {held_out} {train.augmentation.model_dump_json()}"
        trunk = frozen_trunk(recipe.network)
        kept = keep_sights(first, held_out, trunk, train.copies, cache / "sights", kind, progress)
        samples = MixedSamples([kept], mix)
    return RunData(samples, HeldOut(first, held_out), sizes, bodies)


def _augmentation_seed(train: Train) -> int:
    return train.seed if train.copies is None else COPIES_SEED


def _open(
    name: str,
    folder: Path,
    recipe: Recipe,
    bodies: TrainingBodies,
    cache: Path,
    gpu: bool,
    progress: Progress | None,
) -> AugmentedPeople:
    """A training set, with everything that is made of it once."""
    train = recipe.train
    augmentation = (train.augmentation, _augmentation_seed(train), train.batch_size)
    if name == SYNTHETIC:
        require_files(name, folder)
        return RenderedPeople(
            name, build_crops_cache(cache / "crops", folder, bodies, progress), *augmentation
        )
    table, labels = read_training_set(name, folder, bodies), None
    if name == train.data_sets[0] and not table.has_smpl[: train.held_out].any():
        raise TrainingError(
            f"None of the first {train.held_out} people of {name} has a body, and they are held out for "
            "validation: there would be nothing to measure. Name another data set first in the recipe."
        )
    if name in train.data_sets_with_parts and table.has_smpl.any():
        labels = prepare_part_labels(
            table, bodies, cache / name, torch.device("cuda" if gpu else "cpu"), progress
        )
    return AnnotatedPhotographs(name, table, labels, *augmentation)


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
        samples: Dataset[TrainingSample],
        held_out: Dataset[TrainingSample],
        *,
        steps: int,
        batch_size: int,
        parts: int,
        workers: int,
    ) -> None:
        super().__init__()
        self.samples, self.held_out = samples, held_out
        self.steps, self.batch_size, self.parts, self.workers = steps, batch_size, parts, workers

    def train_dataloader(self) -> DataLoader[TrainingSample]:
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

    def loader(self, order: BatchOrder) -> DataLoader[TrainingSample]:
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

    def val_dataloader(self) -> DataLoader[TrainingSample]:
        """The held-out people; every device takes its share."""
        trainer = self.trainer
        world, rank = (1, 0) if trainer is None else (trainer.world_size, trainer.global_rank)
        people = range(rank, len(self.held_out), world)  # type: ignore[arg-type]
        batches = [
            list(people[first : first + VALIDATION_BATCH])
            for first in range(0, len(people), VALIDATION_BATCH)
        ]
        return DataLoader(self.held_out, batch_sampler=batches, worker_init_fn=quiet_worker)
