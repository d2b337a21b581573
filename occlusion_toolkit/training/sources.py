"""The data sets of a recipe, opened and mixed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.joints import LSP14
from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.training.augment import Warp
from occlusion_toolkit.training.cached_source import CachedSource, HeldOut, RowsFrom, WarpingSource
from occlusion_toolkit.training.catalogue import default_folder, open_training_set
from occlusion_toolkit.training.data_check import VOC
from occlusion_toolkit.training.ingest import take_in
from occlusion_toolkit.training.occluders import Cutout
from occlusion_toolkit.training.recipe import Recipe
from occlusion_toolkit.training.samples.body_joints import TrainingBodies
from occlusion_toolkit.training.samples.mix import Mix, Source, Stage, TrainingSamples
from occlusion_toolkit.training.samples.objects import occluding_objects
from occlusion_toolkit.training.samples.sample import Sample
from occlusion_toolkit.training.samples.table_source import TableSource
from occlusion_toolkit.training.sights import frozen_trunk, keep_sights
from occlusion_toolkit.training.workers import Progress

SYNTHETIC = "synthetic"
COPIES_SEED = 11
"""Seed of augmentations that are kept: runs of any seed read the same copies."""

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

    samples: Dataset[Sample]
    held_out: Dataset[Sample]
    people: Mapping[str, int]
    bodies: TrainingBodies


def open_data(
    recipe: Recipe,
    folders: Mapping[str, Path],
    bodies: Bodies,
    cache: Path,
    progress: Progress | None = None,
) -> RunData:
    """Open every data set of a recipe and hold out the first people of the first.

    Args:
        recipe: names the data sets.
        folders: where they are, by name; `voc` may be among them for SynthOcc.
        bodies: reads bodies.
        cache: folder for what is made once and kept: decoded crops, part labels.
        progress: called with how much of that is done and how much there is.

    Raises:
        TrainingError: a data set has too few people, or nobody with a body to validate on.
        DatasetError: a data set is missing or damaged.
    """
    train, ours = recipe.train, TrainingBodies(bodies, recipe.body)
    ours.model("neutral").require(LSP14)  # of validation: better to miss it now than after a thousand steps
    makers = {name: _maker(name, recipe, folders, bodies, cache, progress) for name in train.data_sets}
    first = train.data_sets[0]
    plain = makers[first]([])
    if len(plain) <= train.held_out:
        raise TrainingError(
            f"{first} has {len(plain)} people, and this recipe holds out {train.held_out} of them for "
            "validation: nobody is left to train on. Use more data, or lower held_out."
        )
    scraps = range(train.held_out, min(train.held_out + TEXTURE_PEOPLE, len(plain)))
    textures = np.stack([plain.warped(row, Warp.identity(1)).crop.numpy() for row in scraps])
    seed = _augmentation_seed(recipe)
    cutouts = occluding_objects(
        train.augmentation.occlusion, textures.transpose(0, 2, 3, 1), folders.get(VOC), seed
    )
    sources = {name: maker(cutouts) for name, maker in makers.items()}
    mixed: list[Source] = [RowsFrom(sources[first], train.held_out)]
    mixed += [sources[name] for name in train.data_sets[1:]]
    if train.copies is not None:
        if train.data_sets != (SYNTHETIC,):
            raise TrainingError("`copies` is for training on rendered people alone; leave it out.")
        kind = f"{seed} {train.held_out} {train.augmentation.model_dump_json()}"
        trunk = frozen_trunk(recipe.network)
        mixed = [keep_sights(mixed[0], trunk, train.copies, cache / "sights", kind, progress)]
    sizes = {source.name: len(source) for source in mixed}
    stages = [
        Stage(stage.shares, None if stage.steps is None else stage.steps * train.batch_size)
        for stage in train.data
    ]
    samples = TrainingSamples(mixed, Mix(stages, sizes, train.seed))
    return RunData(samples, HeldOut(plain, train.held_out), sizes, ours)


def _augmentation_seed(recipe: Recipe) -> int:
    return recipe.train.seed if recipe.train.copies is None else COPIES_SEED


def _maker(
    name: str,
    recipe: Recipe,
    folders: Mapping[str, Path],
    bodies: Bodies,
    cache: Path,
    progress: Progress | None,
) -> Callable[[list[Cutout]], WarpingSource]:
    """Opens a data set once; the function makes sources of it that paste given objects."""
    train, folder = recipe.train, folders.get(name, default_folder(name))
    settings, seed, batch = train.augmentation, _augmentation_seed(recipe), train.batch_size
    if name == SYNTHETIC:
        ours = TrainingBodies(bodies, recipe.body)
        body, joints = ours.model("neutral"), ours.joints("neutral")
        people = take_in(cache / "crops", folder, "train", body, joints, progress)
        return lambda cutouts: CachedSource(name, people, settings, cutouts, seed, batch)
    parts = name in train.data_sets_with_parts
    opened = open_training_set(name, folder, bodies, recipe.body, cache=cache, parts=parts, progress=progress)
    if name == train.data_sets[0] and not opened.table.has_smpl[: train.held_out].any():
        raise TrainingError(
            f"None of the first {train.held_out} people of {name} has a body, and they are held out for "
            "validation: there would be nothing to measure. Name another data set first in the recipe."
        )
    return lambda cutouts: TableSource(name, opened.table, opened.labels, settings, cutouts, seed, batch)
