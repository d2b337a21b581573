"""Rendered people as memory-mapped crops with ground truth, and samples of them.

Decoded once, read thousands of times, growing as data arrive.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from occlusion_toolkit.body.joints49 import J24, NUM_OPENPOSE, SPIN49
from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.files.atomic import write_text
from occlusion_toolkit.training.appearance import change_appearance
from occlusion_toolkit.training.recipe import SampleSettings
from occlusion_toolkit.training.sample import SAMPLING, TrainingSample
from occlusion_toolkit.training.voc import Cutout
from occlusion_toolkit.training.warp import Warp, draw_warp

logger = logging.getLogger(__name__)
CROP_PX = 256
MARGIN = 1.2
"""Side of a cached picture in box sides: room for turns, zooms and shifts."""

_INDEX = "index.json"
_PICTURES = ("crops", "halved")
_JOINTS = len(SPIN49)

_COLUMNS: dict[str, tuple[tuple[int, ...], type[np.generic]]] = {
    "crops": ((CROP_PX, CROP_PX, 3), np.uint8),
    "halved": ((CROP_PX // 2, CROP_PX // 2, 3), np.uint8),
    "labels": ((CROP_PX // 2, CROP_PX // 2), np.uint8),
    "rotmats": ((24, 3, 3), np.float32),
    "betas": ((10,), np.float32),
    "joints_3d": ((_JOINTS, 3), np.float32),
    "joints_2d": ((_JOINTS, 2), np.float32),
}


class CachedPerson(NamedTuple):
    """One person as the cache keeps them.

    Attributes:
        crops: RGB picture of 1.2 boxes, (256, 256, 3).
        halved: the same at half size, averaged, (128, 128, 3); read for small crops.
        labels: part labels of the same square, (128, 128).
        rotmats: joint rotations, root in the camera frame, (24, 3, 3).
        betas: shape coefficients, (10,).
        joints_3d: `SPIN49` in the camera frame, pelvis at the origin, metres, (49, 3).
        joints_2d: crop coordinates of the box, [-1, 1] over its sides, (49, 2).
    """

    crops: npt.NDArray[np.uint8]
    halved: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    rotmats: npt.NDArray[np.float32]
    betas: npt.NDArray[np.float32]
    joints_3d: npt.NDArray[np.float32]
    joints_2d: npt.NDArray[np.float32]


@dataclass(frozen=True)
class CachedBatch:
    """People of one batch as tensors with a leading batch dimension; fields as in `CachedPerson`.

    `pictures` are `crops` or `halved`, whichever suits the resolution that was asked for.
    """

    pictures: Tensor
    labels: Tensor
    rotmats: Tensor
    betas: Tensor
    joints_3d: Tensor
    joints_2d: Tensor


class CropsCache:
    """People of a data set in one folder of `.npy` columns, memory-mapped.

    The folder is made for `capacity` people and filled sequence by sequence; a reader sees those that were
    complete when it last called `refresh`. The files are sparse: unfilled people take no disk.

    Args:
        folder: where the columns are.
        writable: open for `append`.
    """

    def __init__(self, folder: Path, *, writable: bool = False) -> None:
        self.folder = folder
        if not (folder / _INDEX).is_file():
            raise TrainingError(
                f"{folder} is not a crops cache: no {_INDEX}; make one from a data set first."
            )
        mode = "r+" if writable else "r"
        self._columns: dict[str, npt.NDArray[np.generic]] = {
            name: np.lib.format.open_memmap(folder / f"{name}.npy", mode=mode) for name in _COLUMNS
        }
        if any(self._columns[name].shape[1:] != shape for name, (shape, _) in _COLUMNS.items()):
            raise TrainingError(f"{folder} is a crops cache of another version; delete it to make it anew.")
        self.sequences: tuple[str, ...] = ()
        self.ends: tuple[int, ...] = ()
        self.checksums: tuple[str, ...] = ()
        self.refresh()

    def __reduce__(self) -> tuple[type["CropsCache"], tuple[Path]]:
        """Travels to another process as its folder, not as its content."""
        return CropsCache, (self.folder,)

    @classmethod
    def create(cls, folder: Path, capacity: int) -> "CropsCache":
        """Make an empty cache for at most `capacity` people, or open the one that is there."""
        if (folder / _INDEX).is_file():
            return cls(folder, writable=True)
        folder.mkdir(parents=True, exist_ok=True)
        for name, (shape, dtype) in _COLUMNS.items():
            np.lib.format.open_memmap(
                folder / f"{name}.npy", mode="w+", dtype=dtype, shape=(capacity, *shape)
            )
        _write_index(folder, (), (), ())
        return cls(folder, writable=True)

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    @property
    def capacity(self) -> int:
        """Largest number of people the cache can hold."""
        return len(self._columns["crops"])

    def refresh(self) -> None:
        """Take note of the people that were added since."""
        index = json.loads((self.folder / _INDEX).read_text())
        if "checksums" not in index:
            raise TrainingError(
                f"{self.folder} is a crops cache of another version; delete it to make it anew."
            )
        self.sequences, self.ends = tuple(index["sequences"]), tuple(index["ends"])
        self.checksums = tuple(index["checksums"])

    def append(self, sequence: str, people: list[CachedPerson], checksum: str) -> None:
        """Add all people of one sequence; they become visible to readers together.

        Args:
            sequence: its name.
            people: its people.
            checksum: of the file that the people come from, to know it again by.

        Raises:
            TrainingError: the cache is full.
        """
        start, end = len(self), len(self) + len(people)
        if end > self.capacity:
            raise TrainingError(f"The crops cache {self.folder} is full at {self.capacity} people.")
        for name in _COLUMNS:
            for row, person in enumerate(people, start):
                self._columns[name][row] = getattr(person, name)
        self.sequences, self.ends = (*self.sequences, sequence), (*self.ends, end)
        self.checksums = (*self.checksums, checksum)
        _write_index(self.folder, self.sequences, self.ends, self.checksums)

    def batch(self, rows: npt.NDArray[np.int64], resolution: int) -> CachedBatch:
        """People by row, with pictures that are sharp enough for crops of `resolution` px but not larger."""
        needed = 0.9 * MARGIN * resolution
        taken = {
            name: torch.from_numpy(self._columns[name][rows]) for name in _COLUMNS if name not in _PICTURES
        }
        picture = "halved" if needed <= CROP_PX // 2 else "crops"
        return CachedBatch(pictures=torch.from_numpy(self._columns[picture][rows]), **taken)

    def pictures(self, rows: range) -> npt.NDArray[np.uint8]:
        """The full pictures of some people, (N, 256, 256, 3)."""
        return np.array(self._columns["crops"][rows.start : rows.stop], np.uint8)

    def column(self, name: str) -> npt.NDArray[np.generic]:
        """A whole column, (N, ...), of the people that are visible."""
        return self._columns[name][: len(self)]


def halve(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The mean of every block of 2x2 pixels."""
    blocks = picture.reshape(len(picture) // 2, 2, picture.shape[1] // 2, 2, -1)
    return np.asarray(blocks.mean(axis=(1, 3)).round(), np.uint8)


def _write_index(
    folder: Path, sequences: tuple[str, ...], ends: tuple[int, ...], checksums: tuple[str, ...]
) -> None:
    """Replace the index in one step, so that a reader never sees half of it."""
    index = {"sequences": sequences, "ends": ends, "checksums": checksums}
    write_text(folder / _INDEX, json.dumps(index))


CROP_BORDER = 1.1
"""Joints farther out than this, in crop coordinates, are not annotated: nobody could who sees the crop."""


class RenderedPeople:
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

    def sample(self, row: int, position: int) -> TrainingSample:
        """A person, augmented; a pure function of seed, row and position."""
        return self.samples([row], [position])[0]

    def samples(self, rows: Sequence[int], positions: Sequence[int]) -> list[TrainingSample]:
        """Several people, each as `sample` makes it, for less than the price of each alone."""
        rngs = [np.random.default_rng((self._seed, SAMPLING, position)) for position in positions]
        drawn = zip(rngs, positions, strict=True)
        warps = [draw_warp(self._settings, rng, position // self._batch_size) for rng, position in drawn]
        return self._made(rows, Warp.cat(warps), rngs)

    def warped(self, row: int, warp: Warp) -> TrainingSample:
        """A person under a given warp; nothing is pasted, blurred or recoloured."""
        return self._made([row], warp, None)[0]

    def _made(
        self, rows: Sequence[int], warp: Warp, rngs: Sequence[np.random.Generator] | None
    ) -> list[TrainingSample]:
        settings = self._settings
        people = self._cache.batch(np.array(rows), settings.resolution)
        crops = warp.images(people.pictures, MARGIN, settings.resolution)
        if rngs is not None:
            crops = change_appearance(crops, settings, self._cutouts, rngs)
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
            TrainingSample(
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
