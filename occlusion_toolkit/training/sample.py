"""What training draws: one person, augmented, with all ground truth that there is, and who comes when.

SPIN's mixing rule decides which person of which training set comes at a position, stage after stage. Samples
are a pure function of seed and position.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.training.appearance import change_appearance
from occlusion_toolkit.training.recipe import DataStage, SampleSettings
from occlusion_toolkit.training.voc import Cutout
from occlusion_toolkit.training.warp import Warp, draw_warp

IGNORED_LABEL = 255
"""Part label of pixels that do not count, as all of people without labels."""


class TrainingSample(NamedTuple):
    """One person; PyTorch's default collation makes a batch of it, with a leading dimension.

    Ground truth that is not annotated is zero; the flags and confidences say so.

    Attributes:
        crop: RGB, (3, R, R) uint8, not normalised; or what a frozen backbone saw of it, (n,) float16.
        keypoints: x and y in [-1, 1] over the crop and confidence of `SPIN49`, (49, 3).
        joints_3d: camera frame, metres, any origin, and confidence of `J24`, (24, 4).
        rotmats: joint rotations, root in the camera frame, (24, 3, 3).
        betas: shape, (10,).
        has_smpl: whether rotmats and betas are annotated, () bool.
        has_pose_3d: whether joints_3d are annotated, () bool.
        gender: index into `GENDERS` of the body that the betas belong to, () int64.
        labels: 0 background, k + 1 part k, `IGNORED_LABEL` where unknown, (R / stride, R / stride) uint8.
        source: index of the training set in the mix, () int64.
        position: place of the sample in the run, () int64.
    """

    crop: Tensor
    keypoints: Tensor
    joints_3d: Tensor
    rotmats: Tensor
    betas: Tensor
    has_smpl: Tensor
    has_pose_3d: Tensor
    gender: Tensor
    labels: Tensor
    source: Tensor
    position: Tensor


MIXING, SAMPLING = 0, 1
"""Independent streams of random numbers of one seed."""


@runtime_checkable
class Source(Protocol):
    """A training set that makes samples; each is the same for the same row and position."""

    @property
    def name(self) -> str:
        """By which recipes call the training set."""
        ...

    def __len__(self) -> int: ...

    def samples(self, rows: Sequence[int], positions: Sequence[int]) -> list[TrainingSample]:
        """Some people, augmented."""
        ...


class AugmentedPeople(ABC):
    """A training set that augments people when they are asked for.

    It pickles, and opens files only when it makes a sample.

    Args:
        name: by which recipes call the training set.
        settings: how samples are augmented.
        seed: of all augmentations.
        batch_size: samples per step, which tells the step of a position.

    Attributes:
        cutouts: objects that SynthOcc pastes.
    """

    def __init__(self, name: str, settings: SampleSettings, seed: int, batch_size: int) -> None:
        self.name, self.settings = name, settings
        self._seed, self._batch_size = seed, batch_size
        self.cutouts: Sequence[Cutout] = ()

    @abstractmethod
    def __len__(self) -> int:
        """Number of people."""

    @abstractmethod
    def people(self, rows: Sequence[int], warps: Warp) -> TrainingSample:
        """Some people as a batch, each under a warp; crops are RGB in 0..255, (B, 3, R, R) float32.

        Raises:
            ImageError: an image is missing or damaged.
            CropError: a box is absurdly large.
            TrainingError: part labels are missing or damaged.
        """

    def samples(self, rows: Sequence[int], positions: Sequence[int]) -> list[TrainingSample]:
        """People, augmented; each is the same for the same row and position, whoever else is asked for."""
        rngs = [np.random.default_rng((self._seed, SAMPLING, position)) for position in positions]
        share = self.settings.plain
        # Without a share nothing is drawn: such recipes see the crops that they saw before there was one.
        plain = [bool(share) and rng.random() < share for rng in rngs]
        made: dict[int, TrainingSample] = {}
        for left, settings in ((False, self.settings), (True, self.settings.of_plain_crops())):
            places = [place for place in range(len(rows)) if plain[place] == left]
            if places:
                some = [(rows[place], positions[place], rngs[place]) for place in places]
                made |= dict(zip(places, self._augmented(some, settings), strict=True))
        return [made[place] for place in range(len(rows))]

    def _augmented(
        self, some: Sequence[tuple[int, int, np.random.Generator]], settings: SampleSettings
    ) -> list[TrainingSample]:
        """The samples of rows and positions, each with its source of randomness."""
        warps = [draw_warp(settings, rng, position // self._batch_size) for _, position, rng in some]
        batch = self.people([row for row, _, _ in some], Warp.cat(warps))
        crops = change_appearance(batch.crop, settings, self.cutouts, [rng for *_, rng in some])
        return _one_by_one(batch._replace(crop=crops))

    def warped(self, row: int, warp: Warp) -> TrainingSample:
        """A person under a warp; nothing is pasted, blurred or recoloured."""
        return _one_by_one(self.people([row], warp))[0]


def _one_by_one(batch: TrainingSample) -> list[TrainingSample]:
    whole = batch._replace(crop=batch.crop.round().to(torch.uint8))
    return [TrainingSample(*values) for values in zip(*whole, strict=True)]


class Draw(NamedTuple):
    """A person: the index of the training set among those of the mix, and the row in it."""

    source: int
    row: int


class Mix:
    """The order of samples, a pure function of seed and position.

    Per sample a uniform number chooses the set by the cumulative shares; the row is the epoch's shuffled
    index, modulo the size of the set. An epoch of a stage is as long as its longest set.

    Args:
        stages: in order; only the last may have no length.
        batch_size: samples per step.
        sizes: people in each training set by name, in the order of `Draw.source`.
        seed: of the order.

    Raises:
        TrainingError: a training set has nobody.
    """

    def __init__(
        self, stages: Sequence[DataStage], batch_size: int, sizes: Mapping[str, int], seed: int
    ) -> None:
        empty = [name for name, size in sizes.items() if size == 0]
        if empty:
            raise TrainingError(f"there is nobody to train on in {', '.join(empty)}")
        self._sizes, self._seed, self._stages = dict(sizes), seed, tuple(stages)
        self._places = {name: place for place, name in enumerate(sizes)}
        lengths = [(stage.steps or 0) * batch_size for stage in stages[:-1]]
        self._starts = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
        self._chances = [self._cumulative(stage) for stage in stages]

    def at(self, position: int) -> Draw:
        """The person at a position of the run, from 0."""
        number = int(np.searchsorted(self._starts, position, side="right")) - 1
        stage = self._stages[number]
        longest = max(self._sizes[name] for name in stage.names)
        epoch, place = divmod(position - int(self._starts[number]), longest)
        index = int(_order(self._seed, number, epoch, longest)[place])
        chance = np.random.default_rng((self._seed, MIXING, position)).random()
        chosen = int(np.searchsorted(self._chances[number], chance, side="right"))
        name = stage.names[min(chosen, len(stage.names) - 1)]
        return Draw(self._places[name], index % self._sizes[name])

    def _cumulative(self, stage: DataStage) -> np.ndarray:
        """Upper ends of the stretches of [0, 1) that belong to the sets of a stage."""
        shares = []
        for key, share in stage.shares.items():
            sizes = [self._sizes[name] for name in key.split("+")]
            shares += [share * size / sum(sizes) for size in sizes]
        total: np.ndarray = np.cumsum(shares) / sum(shares)
        return total


@lru_cache(maxsize=2)
def _order(seed: int, stage: int, epoch: int, size: int) -> np.ndarray:
    """The shuffled indices of an epoch."""
    shuffled: np.ndarray = np.random.default_rng((seed, MIXING, stage, epoch, size)).permutation(size)
    return shuffled


class MixedSamples(Dataset[TrainingSample]):
    """Samples by their position in the run; workers and ranks may take any positions.

    Args:
        sources: training sets, in the order of the mix's sizes.
        mix: which one comes when.
        held_out: people at the start of the first source who never come.
    """

    def __init__(self, sources: Sequence[Source], mix: Mix, held_out: int = 0) -> None:
        self._sources, self._mix, self._held_out = tuple(sources), mix, held_out

    def __getitem__(self, position: int) -> TrainingSample:
        return self.__getitems__([position])[0]

    def __getitems__(self, positions: Sequence[int]) -> list[TrainingSample]:
        """The samples of a batch, which is what PyTorch's loaders ask for."""
        draws = [self._mix.at(position) for position in positions]
        made: dict[int, TrainingSample] = {}
        for index, source in enumerate(self._sources):
            skipped = self._held_out if index == 0 else 0
            places = [place for place, draw in enumerate(draws) if draw.source == index]
            if places:
                rows = [draws[place].row + skipped for place in places]
                people = source.samples(rows, [positions[place] for place in places])
                made |= dict(zip(places, people, strict=True))
        return [
            made[place]._replace(source=torch.tensor(draw.source), position=torch.tensor(position))
            for place, (draw, position) in enumerate(zip(draws, positions, strict=True))
        ]


class HeldOut(Dataset[TrainingSample]):
    """The first people of a source, as they are.

    Args:
        source: makes warped samples.
        people: how many.
    """

    def __init__(self, source: AugmentedPeople, people: int) -> None:
        self._source, self._people = source, people

    def __len__(self) -> int:
        return self._people

    def __getitem__(self, row: int) -> TrainingSample:
        return self._source.warped(row, Warp.identity(1))
