"""Rendered people as memory-mapped crops with ground truth, and samples of them.

Decoded once, read thousands of times, growing as data arrive.
"""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from occlusion_toolkit.body.joints49 import J24, NUM_OPENPOSE, SPIN49
from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.files.atomic import write_text
from occlusion_toolkit.training.recipe import SampleSettings
from occlusion_toolkit.training.sample import AugmentedPeople, TrainingSample
from occlusion_toolkit.training.warp import Warp

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

    def batch(self, rows: Sequence[int], resolution: int) -> dict[str, Tensor]:
        """People by row, (B, ...) each; pictures, large or `halved`, are sharp enough for `resolution` px."""
        pictures = "halved" if 0.9 * MARGIN * resolution <= CROP_PX // 2 else "crops"
        names = [name for name in _COLUMNS if name not in _PICTURES]
        taken = {name: torch.from_numpy(self._columns[name][list(rows)]) for name in (*names, pictures)}
        return {"pictures": taken.pop(pictures), **taken}

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


class RenderedPeople(AugmentedPeople):
    """Samples of a crops cache, whose files every process maps anew.

    Args:
        name: by which recipes call the training set.
        cache: the people.
        settings: how samples are augmented.
        seed: of all augmentations.
        batch_size: samples per step.
    """

    def __init__(
        self, name: str, cache: CropsCache, settings: SampleSettings, seed: int, batch_size: int
    ) -> None:
        super().__init__(name, settings, seed, batch_size)
        self._cache = cache

    def __len__(self) -> int:
        return len(self._cache)

    def people(self, rows: Sequence[int], warps: Warp) -> TrainingSample:
        """Some people as a batch, each under a warp."""
        settings = self.settings
        found = self._cache.batch(rows, settings.resolution)
        seen = warps.joints_2d(found["joints_2d"], SPIN49.mirror)
        shown = (seen.abs().amax(dim=-1, keepdim=True) <= CROP_BORDER).float()
        joints = warps.joints_3d(found["joints_3d"][:, NUM_OPENPOSE:], J24.mirror)
        labels = warps.labels(found["labels"], MARGIN, settings.resolution // settings.label_stride)
        yes, zero = torch.ones(len(rows), dtype=torch.bool), torch.zeros(len(rows), dtype=torch.int64)
        return TrainingSample(
            crop=warps.images(found["pictures"], MARGIN, settings.resolution),
            keypoints=torch.cat((seen * shown, shown), dim=2),
            joints_3d=torch.cat((joints, torch.ones(*joints.shape[:2], 1)), dim=2),
            rotmats=warps.rotmats(found["rotmats"]),
            betas=found["betas"],
            has_smpl=yes,
            has_pose_3d=yes,
            gender=zero,
            labels=labels.to(torch.uint8),
            source=zero,
            position=zero,
        )
