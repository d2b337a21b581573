"""Which shards of a survey one of several runs makes."""

from dataclasses import dataclass

from occlusion_toolkit.errors import UsageError


@dataclass(frozen=True)
class Part:
    """One of several runs that fill one folder together, each with its own neighbouring shards.

    Attributes:
        index: which run, from 0.
        count: how many runs; 1 for a run that makes everything.

    Raises:
        UsageError: there is no such part.
    """

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise UsageError(
                f"there is no part {self.index} of {self.count}; choose one from 0 to {self.count - 1}"
            )

    def of(self, shards: int) -> range:
        """The shards of this part, of as many in all."""
        return range(self.index * shards // self.count, (self.index + 1) * shards // self.count)


WHOLE = Part()
"""Everything."""
