"""The entries of a comparison: models, pairs of them and the image to look at, as they are stored."""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from occlusion_toolkit.sweep.protocol import ProtocolCard

SIZE_AREA = "size_area"
"""Name of the area under the curve over occluder sizes among the differences of a pair."""

Number = Annotated[
    float,
    BeforeValidator(lambda value: math.nan if value is None else value),
    PlainSerializer(lambda value: value if math.isfinite(value) else None, when_used="json"),
]
"""A number; null in the file stands for one that could not be measured."""

Row = tuple[Number, ...]

ExampleRule = Literal["hardest", "typical"]
"""`hardest`: the image whose worst window adds most to its clean error, on average over models. `typical`:
the image whose mean over windows is the median one, on average over models."""


class Entry(BaseModel):
    """Part of a comparison: cannot be changed, and knows all its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(Entry):
    """Means with the ends of their 95 % intervals, one per column."""

    mean: Row
    low: Row
    high: Row


class ComparedModel(Entry):
    """One model.

    Attributes:
        name: id of its card; where several share one, with what tells them apart.
        card: protocol of its survey.
        result: the folder of its survey, or the file of its heatmaps; in a file relative to that file.
        quantities: every quantity by name, one number per column.
        failure_curve: share of windows over each of the thresholds, %.
        size_curve: occluded error for every size of the occluder, mean over joints; None without sizes.
        size_area: area under that curve over the range of sizes, mm, one number per column.
    """

    name: str
    card: ProtocolCard
    result: str
    quantities: dict[str, Interval]
    failure_curve: Interval
    size_curve: Interval | None = None
    size_area: Interval | None = None


class Difference(Entry):
    """First model minus second, one number per column; see `significance.PairedDifference`.

    Attributes:
        interval: mean difference with its interval.
        p_permutation: over sequences, two-sided.
        q: the same, adjusted over joints (Benjamini and Hochberg); the last column, their mean, is one test.
        p_t_sequences: paired t-test over the means of sequences.
        p_t_frames: paired t-test over frames, as in the paper.
        effect: in standard deviations of the sequences' differences.
        share_smaller: share of sequences in which the first model has the smaller mean.
    """

    interval: Interval
    p_permutation: Row
    q: Row
    p_t_sequences: Row
    p_t_frames: Row
    effect: Row
    share_smaller: Row


class Pair(Entry):
    """Two models, and how every quantity differs, by name; `size_area` among them where there are sizes."""

    first: str
    second: str
    differences: dict[str, Difference]


class ExampleImage(Entry):
    """The image to look at.

    Attributes:
        rule: why this one; None where there is only one.
        position: in the data set.
        sequence: name of its sequence.
        frame: number in the sequence.
        person: index in the sequence.
        file: path of the image relative to the root of the data set.
    """

    rule: ExampleRule | None
    position: int
    sequence: str
    frame: int
    person: int
    file: str

    @property
    def title(self) -> str:
        """The image as figures name it."""
        return self.file if self.rule is None else f"{self.sequence}, frame {self.frame}"
