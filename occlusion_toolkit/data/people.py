"""What every data set is to the analyses: a fixed, ordered list of samples with a checksum."""

import hashlib
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, overload

import numpy as np

from occlusion_toolkit.data.sample import Sample

FrameFilter = Literal["spin", "vibe"]
"""Which frames are used.

`spin`: camera pose valid and the person seen, as SPIN, PARE and HMR-EFT evaluate.
`vibe`: of these, frames with more than 6 of the 12 limb joints above confidence 0.3, as VIBE and EFT's own
evaluation.
"""

BAD = "skipped as bad"
"""Among the reasons why samples are left out: they could not be used, and `skip_bad` was set."""

_BOX_STEP_PX = 0.01  # boxes that differ by less are the same: files store them with different rounding


class People(Sequence[Sample]):
    """Samples in a fixed order: by sequence, person and frame.

    A data set defines `__len__`, `sample_at` and `left_out`, and sets the attributes.

    Attributes:
        dataset: id of the data set, such as "3dpw".
        split: its split, such as "test".
        root: folder of the data set; images lie inside it.
        topology: topology id of the body that the ground truth belongs to.
        frame_filter: which frames are used; None where a data set has no such rule.
    """

    dataset: str
    split: str
    root: Path
    topology: str
    frame_filter: FrameFilter | None

    @abstractmethod
    def sample_at(self, position: int) -> Sample:
        """The sample at a position from 0 to len - 1."""

    @property
    @abstractmethod
    def left_out(self) -> Mapping[str, int]:
        """How many samples of the files are not used, by reason."""

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the list of (sequence, frame, person, box), in order; boxes to 0.01 px."""
        digest = hashlib.sha256()
        for item in self:
            box = np.array([*item.box.centre, item.box.size])
            rounded = np.rint(box / _BOX_STEP_PX).astype(np.int64).tolist()
            digest.update(f"{item.sequence}\t{item.frame}\t{item.person}\t{rounded}\n".encode())
        return digest.hexdigest()

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        if isinstance(index, slice):
            return [self.sample_at(position) for position in range(*index.indices(len(self)))]
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return self.sample_at(position)


class PeopleList(People):
    """People that were all read at once, about 2 kB kept per person."""

    def __init__(
        self,
        dataset: str,
        split: str,
        root: Path,
        topology: str,
        samples: Iterable[Sample],
        left_out: Mapping[str, int],
        frame_filter: FrameFilter | None = None,
    ) -> None:
        """Takes the people in any order and sorts them."""
        self.dataset, self.split, self.root = dataset, split, root
        self.topology, self.frame_filter = topology, frame_filter
        self._samples = tuple(sorted(samples, key=lambda item: (item.sequence, item.person, item.frame)))
        self._left_out = left_out

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many samples of the files are not used, by reason."""
        return self._left_out

    def __len__(self) -> int:
        return len(self._samples)

    def sample_at(self, position: int) -> Sample:
        """The sample at a position."""
        return self._samples[position]


class EvenlySpaced(People):
    """Some of the people of a data set, evenly spaced over its list, so that sequences keep their share.

    Attributes:
        positions: which ones, ascending.
    """

    def __init__(self, people: People, count: int) -> None:
        """Chooses `count` of the people (all, where there are not more): positions floor(k len / count)."""
        self._people = people
        count = min(count, len(people))
        self.positions = tuple(k * len(people) // count for k in range(count))
        self.dataset, self.split, self.root = people.dataset, people.split, people.root
        self.topology, self.frame_filter = people.topology, people.frame_filter

    @property
    def left_out(self) -> Mapping[str, int]:
        """As in the whole data set, and how many were not chosen."""
        return {**self._people.left_out, "not chosen": len(self._people) - len(self)}

    def __len__(self) -> int:
        return len(self.positions)

    def sample_at(self, position: int) -> Sample:
        """The sample at a position of the shorter list."""
        return self._people.sample_at(self.positions[position])
