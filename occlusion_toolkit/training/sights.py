"""What a frozen trunk sees of augmented people: computed once, read at every step.

A network whose trunk is not trained learns from what the trunk sees ("sight"). Every person is augmented a
few times, the trunk looks at each of these crops, and that is kept in memory-mapped columns beside the ground
truth of the augmented crop. Training then costs no more than its heads.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.files.atomic import write_text
from occlusion_toolkit.models.architecture import Architecture, BlazePoseBackbone, PublishedArchitecture
from occlusion_toolkit.models.backbones.blazepose_trunk import SIGHT_LENGTH, BlazePoseTrunk
from occlusion_toolkit.training.module import normalised
from occlusion_toolkit.training.processes import Progress, locked
from occlusion_toolkit.training.sample import AugmentedPeople, TrainingSample

logger = logging.getLogger(__name__)

CAPACITY = 100_000
"""People that a new folder has room for; room takes no disk."""

_TRUTH = ("keypoints", "joints_3d", "rotmats", "betas", "labels")
_AT_ONCE = 16
"""Crops that the trunk sees together: large maps cost more than they share."""

_NOTED_EVERY = 64
_DONE = "done.json"


class SightSource:
    """A training set whose samples hold what a frozen trunk sees instead of crops.

    A person's sample is one of a few copies, the next one in each epoch.

    Args:
        name: by which recipes call the training set.
        people: how many there are.
        copies: augmented crops of each.
        folder: where `keep_sights` has kept what is seen of them.
    """

    def __init__(self, name: str, people: int, copies: int, folder: Path) -> None:
        self.name = name
        self._people, self._copies, self._folder = people, copies, folder
        self._columns = _open(folder, "r")

    def __reduce__(self) -> tuple[type["SightSource"], tuple[str, int, int, Path]]:
        """Travels to another process as its folder, not as its content."""
        return SightSource, (self.name, self._people, self._copies, self._folder)

    def __len__(self) -> int:
        return self._people

    def samples(self, rows: Sequence[int], positions: Sequence[int]) -> list[TrainingSample]:
        """People, each in the copy that its place in the run falls to."""
        epochs = [position // self._people for position in positions]
        places = [row * self._copies + epoch % self._copies for row, epoch in zip(rows, epochs, strict=True)]
        taken = {name: torch.from_numpy(column[places]) for name, column in self._columns.items()}
        yes, zero = torch.tensor(True), torch.tensor(0)
        return [
            TrainingSample(
                crop=taken["sight"][place],
                has_smpl=yes,
                has_pose_3d=yes,
                gender=zero,
                source=zero,
                position=zero,
                **{name: taken[name][place] for name in _TRUTH},
            )
            for place in range(len(rows))
        ]


@torch.no_grad()
def keep_sights(
    source: AugmentedPeople,
    skipped: int,
    trunk: BlazePoseTrunk,
    copies: int,
    folder: Path,
    kind: str,
    progress: Progress | None = None,
) -> SightSource:
    """Let the trunk see every copy of everybody that it has not seen.

    A run that was stopped goes on where it was, and people may be added at the end of the source.

    Args:
        source: makes augmented samples of people who all have a body.
        skipped: people at its start who are left out.
        trunk: the frozen trunk.
        copies: augmented crops of each person.
        folder: what is seen is kept in a folder of it, one for each kind, number of copies and trunk.
        kind: what the crops depend on beside the people: seed and settings of augmentation.
        progress: called with the crops done and their number.
    """
    key = f"{kind} {copies} {trunk.checksum()}"
    place = folder / hashlib.sha256(key.encode()).hexdigest()[:16]
    with locked(place):
        people = len(source) - skipped
        done, crops = _done(place), copies * people
        if not done:
            _create(place, source.samples([skipped], [0])[0], copies * CAPACITY)
        columns = _open(place, "r+")
        trunk.eval()
        for first in range(done, crops, _AT_ONCE):
            end = min(first + _AT_ONCE, crops)
            rows = [skipped + number // copies for number in range(first, end)]
            made = source.samples(rows, range(first, end))
            sight = trunk.see(normalised(torch.stack([sample.crop for sample in made])))
            columns["sight"][first:end] = sight.half().numpy()
            for name in _TRUTH:
                columns[name][first:end] = torch.stack([getattr(sample, name) for sample in made]).numpy()
            if end == crops or first // _AT_ONCE % _NOTED_EVERY == 0:
                write_text(place / _DONE, json.dumps(end))
                if progress is not None:
                    progress(end, crops)
    return SightSource(source.name, people, copies, place)


def frozen_trunk(architecture: Architecture) -> BlazePoseTrunk:
    """The trunk of a network that stays as it is.

    Raises:
        TrainingError: the network's trunk is trained, so that what it sees changes.
    """
    trunk = None if isinstance(architecture, PublishedArchitecture) else architecture.backbone
    if not isinstance(trunk, BlazePoseBackbone) or trunk.tuned:
        raise TrainingError(
            "`copies` keeps what a trunk sees, and the trunk of this network is trained. Leave `copies` out, "
            "or take a trunk of kind blazepose that is not tuned."
        )
    return trunk.build()


def _open(folder: Path, mode: str) -> dict[str, npt.NDArray[np.generic]]:
    return {name: np.lib.format.open_memmap(folder / f"{name}.npy", mode=mode) for name in ("sight", *_TRUTH)}


def _create(folder: Path, example: TrainingSample, crops: int) -> None:
    for name in _TRUTH:
        value = getattr(example, name).numpy()
        shape = (crops, *value.shape)
        np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=value.dtype, shape=shape)
    np.lib.format.open_memmap(folder / "sight.npy", mode="w+", dtype=np.float16, shape=(crops, SIGHT_LENGTH))


def _done(folder: Path) -> int:
    path = folder / _DONE
    return int(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else 0
