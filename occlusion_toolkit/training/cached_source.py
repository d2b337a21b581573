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
        return self.samples([row], [position])[0]

    def samples(self, rows: Sequence[int], positions: Sequence[int]) -> list[Sample]:
        """Several people, each as `sample` makes it, for less than the price of each alone."""
        rngs = [np.random.default_rng((self._seed, SAMPLING, position)) for position in positions]
        drawn = zip(rngs, positions, strict=True)
        warps = [draw_warp(self._settings, rng, position // self._batch_size) for rng, position in drawn]
        return self._made(rows, Warp.cat(warps), rngs)

    def warped(self, row: int, warp: Warp) -> Sample:
        """A person under a given warp; nothing is pasted, blurred or recoloured."""
        return self._made([row], warp, None)[0]

    def _made(
        self, rows: Sequence[int], warp: Warp, rngs: Sequence[np.random.Generator] | None
    ) -> list[Sample]:
        settings = self._settings
        people = self._cache.batch(np.array(rows), settings.resolution)
        crops = warp.images(people.pictures, MARGIN, settings.resolution)
        if rngs is not None:
            crops = disguise(crops, settings, self._cutouts, rngs)
        seen = warp.joints_2d(people.joints_2d, SPIN49.mirror)
        shown = (seen.abs().amax(dim=-1, keepdim=True) <= CROP_BORDER).float()
        joints = warp.joints_3d(people.joints_3d[:, NUM_OPENPOSE:], J24.mirror)
        labels = warp.labels(people.labels, MARGIN, settings.resolution // settings.label_stride)
        certain, yes, zero = torch.ones(*joints.shape[:2], 1), torch.tensor(True), torch.tensor(0)
        columns = (
            crops.round().to(torch.uint8),
            torch.cat((seen * shown, shown), dim=2),
            torch.cat((joints, certain), dim=2),
            warp.rotmats(people.rotmats),
            people.betas,
            labels.to(torch.uint8),
        )
        return [
            Sample(
                crop=crop,
                keypoints=keypoints,
                joints_3d=joints_3d,
                rotmats=rotmats,
                betas=betas,
                has_smpl=yes,
                has_pose_3d=yes,
                gender=zero,
                labels=parts,
                source=zero,
                position=zero,
            )
            for crop, keypoints, joints_3d, rotmats, betas, parts in zip(*columns, strict=True)
        ]


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

    def samples(self, rows: Sequence[int], positions: Sequence[int]) -> list[Sample]:
        """People, augmented."""
        return self._source.samples([row + self._first for row in rows], positions)


@runtime_checkable
class WarpingSource(Source, Protocol):
    """A training set that also makes samples under given warps, without any other augmentation."""

    def warped(self, row: int, warp: Warp) -> Sample:
        """A person under a warp."""
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
        return self._source.warped(row, Warp.identity(1))
