"""What training draws: one person, augmented, with all ground truth that there is, and who comes when.

SPIN's mixing rule decides which person of which training set comes at a position, stage after stage. Samples
are a pure function of seed and position.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from torch import Tensor, tensor
from torch.utils.data import Dataset

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.training.warp import Warp

IGNORED_LABEL = 255
"""Part label of pixels that do not count, as all of people without labels."""


class TrainingSample(NamedTuple):
    """One person; PyTorch's default collation makes a batch of it, with a leading dimension.

    Ground truth that is not annotated is zero; the flags and confidences say so.

    Attributes:
        crop: RGB, (3, R, R) uint8, not normalised.
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


@dataclass(frozen=True)
class Stage:
    """A stretch of training on one mix.

    Attributes:
        shares: how much of the samples a training set gives, by name; "a+b" for sets that divide their
            share in proportion to their sizes. Shares are relative to their sum.
        samples: length of the stage; None for the rest of the run.
    """

    shares: Mapping[str, float]
    samples: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The training sets, in order."""
        return tuple(name for key in self.shares for name in key.split("+"))


class Draw(NamedTuple):
    """A person: the index of the training set among those of the mix, and the row in it."""

    source: int
    row: int


class Mix:
    """The order of samples, a pure function of seed and position.

    Per sample a uniform number chooses the set by the cumulative shares; the row is the epoch's shuffled
    index, modulo the size of the set. An epoch of a stage is as long as its longest set.
    """

    def __init__(self, stages: Sequence[Stage], sizes: Mapping[str, int], seed: int) -> None:
        """Checks the stages.

        Args:
            stages: in order; only the last may have no length.
            sizes: people in each training set, in the order of `Draw.source`.
            seed: of the order.

        Raises:
            TrainingError: a set is unknown, empty or named twice, or a share or length is not positive.
        """
        self._sizes, self._seed = dict(sizes), seed
        self._places = {name: place for place, name in enumerate(sizes)}
        _check(stages, self._sizes)
        self._stages = tuple(stages)
        lengths = [stage.samples or 0 for stage in stages[:-1]]
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

    def _cumulative(self, stage: Stage) -> np.ndarray:
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


def _check(stages: Sequence[Stage], sizes: Mapping[str, int]) -> None:
    problems = [] if stages else ["there are no stages"]
    for number, stage in enumerate(stages):
        where = f"stage {number}"
        problems += [f"{where}: {name!r} is not opened" for name in stage.names if name not in sizes]
        problems += [f"{where}: {name!r} has nobody" for name in stage.names if sizes.get(name) == 0]
        if len(set(stage.names)) < len(stage.names):
            problems.append(f"{where} names a training set twice")
        if not stage.shares or not all(0 < share < float("inf") for share in stage.shares.values()):
            problems.append(f"{where} has no shares, or some that are not positive")
        if stage.samples is not None and stage.samples <= 0:
            problems.append(f"{where} has no samples")
        if stage.samples is None and number + 1 < len(stages):
            problems.append(f"{where} has no length, but is not the last")
    if problems:
        raise TrainingError("the mix of training sets cannot be made: " + "; ".join(problems))


@runtime_checkable
class Source(Protocol):
    """A training set that makes samples.

    Attributes:
        name: by which stages call it.
    """

    name: str

    def __len__(self) -> int: ...

    def samples(self, rows: Sequence[int], positions: Sequence[int]) -> list[TrainingSample]:
        """People, augmented; each is the same for the same row and position, whoever else is asked for."""
        ...


class MixedSamples(Dataset[TrainingSample]):
    """Samples by their position in the run; workers and ranks may take any positions.

    Args:
        sources: training sets, in the order of the mix's sizes.
        mix: which one comes when.
    """

    def __init__(self, sources: Sequence[Source], mix: Mix) -> None:
        self._sources, self._mix = tuple(sources), mix

    def __getitem__(self, position: int) -> TrainingSample:
        return self.__getitems__([position])[0]

    def __getitems__(self, positions: Sequence[int]) -> list[TrainingSample]:
        """The samples of a batch, which is what PyTorch's loaders ask for."""
        draws = [self._mix.at(position) for position in positions]
        made: dict[int, TrainingSample] = {}
        for index, source in enumerate(self._sources):
            places = [place for place, draw in enumerate(draws) if draw.source == index]
            rows = [draws[place].row for place in places]
            if places:
                people = source.samples(rows, [positions[place] for place in places])
                made |= dict(zip(places, people, strict=True))
        return [
            made[place]._replace(source=tensor(draw.source), position=tensor(position))
            for place, (draw, position) in enumerate(zip(draws, positions, strict=True))
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

    def samples(self, rows: Sequence[int], positions: Sequence[int]) -> list[TrainingSample]:
        """People, augmented."""
        return self._source.samples([row + self._first for row in rows], positions)


@runtime_checkable
class WarpingSource(Source, Protocol):
    """A training set that also makes samples under given warps, without any other augmentation."""

    def warped(self, row: int, warp: Warp) -> TrainingSample:
        """A person under a warp."""
        ...


class HeldOut(Dataset[TrainingSample]):
    """The first people of a source, as they are.

    Args:
        source: makes warped samples.
        people: how many.
    """

    def __init__(self, source: WarpingSource, people: int) -> None:
        self._source, self._people = source, people

    def __len__(self) -> int:
        return self._people

    def __getitem__(self, row: int) -> TrainingSample:
        return self._source.warped(row, Warp.identity(1))
