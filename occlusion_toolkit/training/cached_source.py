"""Cached synthetic people as a source of samples."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch.utils.data import Dataset

from occlusion_toolkit.body.joints49 import J24, NUM_OPENPOSE, SPIN49
from occlusion_toolkit.training.augment import Warp
from occlusion_toolkit.training.crops_cache import MARGIN, CropsCache
from occlusion_toolkit.training.occluders import Cutout
from occlusion_toolkit.training.samples.disguise import disguise
from occlusion_toolkit.training.samples.mix import SAMPLING, Source
from occlusion_toolkit.training.samples.moves import draw_warp
from occlusion_toolkit.training.samples.sample import Sample
from occlusion_toolkit.training.samples.settings import SampleSettings

CROP_BORDER = 1.1
"""Joints farther out than this, in crop coordinates, are not annotated: nobody could who sees the crop."""


class CachedSource:
    """Samples of a crops cache; it pickles, and maps the cache's files anew in every process.

    Args:
        name: by which recipes call the training set.
        cache: the people.
        settings: how samples are augmented.
        cutouts: objects for SynthOcc.
        seed: of all augmentations.
        batch_size: samples per step, which tells the step of a position.
    """

    def __init__(
        self,
        name: str,
        cache: CropsCache,
        settings: SampleSettings,
        cutouts: Sequence[Cutout],
        seed: int,
        batch_size: int,
    ) -> None:
        self.name = name
        self._cache, self._settings, self._cutouts = cache, settings, list(cutouts)
        self._seed, self._batch_size = seed, batch_size

    def __len__(self) -> int:
        return len(self._cache)

    def sample(self, row: int, position: int) -> Sample:
        """A person, augmented; a pure function of seed, row and position."""
        rng = np.random.default_rng((self._seed, SAMPLING, position))
        warp = draw_warp(self._settings, rng, position // self._batch_size)
        return self.warped(row, warp, rng)

    def warped(self, row: int, warp: Warp, rng: np.random.Generator | None) -> Sample:
        """A person under a given warp; without `rng` nothing is pasted, blurred or recoloured."""
        settings = self._settings
        person = self._cache.batch(np.array([row]), settings.resolution)
        crop = warp.images(person.pictures, MARGIN, settings.resolution)[0]
        if rng is not None:
            crop = disguise(crop, settings, self._cutouts, rng)
        seen = warp.joints_2d(person.joints_2d, SPIN49.mirror)[0]
        shown = (seen.abs().amax(dim=-1, keepdim=True) <= CROP_BORDER).float()
        joints = warp.joints_3d(person.joints_3d[:, NUM_OPENPOSE:], J24.mirror)[0]
        labels = warp.labels(person.labels, MARGIN, settings.resolution // settings.label_stride)[0]
        return Sample(
            crop=crop.round().to(torch.uint8),
            keypoints=torch.cat((seen * shown, shown), dim=1),
            joints_3d=torch.cat((joints, torch.ones(len(J24), 1)), dim=1),
            rotmats=warp.rotmats(person.rotmats)[0],
            betas=person.betas[0],
            has_smpl=torch.tensor(True),
            has_pose_3d=torch.tensor(True),
            gender=torch.tensor(0),
            labels=labels.to(torch.uint8),
            source=torch.tensor(0),
            position=torch.tensor(0),
        )


class RowsFrom:
    """A source without its first people.

    Args:
        source: all of them.
        first: how many are left out.
    """

    def __init__(self, source: Source, first: int) -> None:
        self.name = source.name
        self._source, self._first = source, first

    def __len__(self) -> int:
        return len(self._source) - self._first

    def sample(self, row: int, position: int) -> Sample:
        """A person, augmented."""
        return self._source.sample(row + self._first, position)


@runtime_checkable
class WarpingSource(Source, Protocol):
    """A training set that also makes samples under given warps, without any other augmentation."""

    def warped(self, row: int, warp: Warp, rng: np.random.Generator | None) -> Sample:
        """A person under a warp; with `rng` also disguised."""
        ...


class HeldOut(Dataset[Sample]):
    """The first people of a source, as they are.

    Args:
        source: makes warped samples.
        people: how many.
    """

    def __init__(self, source: WarpingSource, people: int) -> None:
        self._source, self._people = source, people

    def __len__(self) -> int:
        return self._people

    def __getitem__(self, row: int) -> Sample:
        return self._source.warped(row, Warp.identity(1), None)
