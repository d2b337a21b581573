"""A comparison as a file: every number of its tables and figures, as JSON that people can read too.

The layout is documented in docs/comparing.md.
"""

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.files.atomic import write_text
from occlusion_toolkit.sweep.protocol import ProtocolCard

_MAX_BYTES = 64 * 1024**2

Number = Annotated[
    float,
    BeforeValidator(lambda value: math.nan if value is None else value),
    PlainSerializer(lambda value: value if math.isfinite(value) else None, when_used="json"),
]
"""A number; null in the file stands for one that could not be measured."""

Row = tuple[Number, ...]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StoredQuantity(_Part):
    """What a number is: its name in the file, its title in tables, "mm" or "%", and its definition."""

    name: str
    title: str
    unit: Literal["mm", "%"]
    definition: str


class StoredInterval(_Part):
    """Means with the ends of their 95 % intervals, one per column."""

    mean: Row
    low: Row
    high: Row


class StoredModel(_Part):
    """One model.

    Attributes:
        name: as in tables and figures.
        card: protocol of its survey.
        survey: the folder of its survey, relative to the file where it lies below it.
        quantities: every quantity by name, one number per column.
        failure_curve: share of windows over each of the thresholds, %.
        size_curve: occluded error for every size of the occluder, mean over joints; None without sizes.
        size_area: area under that curve over the range of sizes, mm, one number per column.
    """

    name: str
    card: ProtocolCard
    survey: str
    quantities: dict[str, StoredInterval]
    failure_curve: StoredInterval
    size_curve: StoredInterval | None = None
    size_area: StoredInterval | None = None


class StoredDifference(_Part):
    """First model minus second, one number per column; see `metrics.significance.PairedDifference`.

    Attributes:
        interval: mean difference with its interval.
        p_permutation: over sequences, two-sided.
        q: the same, adjusted over joints; the last column, their mean, is one test.
        p_t_sequences: paired t-test over the means of sequences.
        p_t_frames: paired t-test over frames, as in the paper.
        effect: in standard deviations of the sequences' differences.
        share_smaller: share of sequences in which the first model has the smaller mean.
    """

    interval: StoredInterval
    p_permutation: Row
    q: Row
    p_t_sequences: Row
    p_t_frames: Row
    effect: Row
    share_smaller: Row


class StoredPair(_Part):
    """Two models, and how every quantity differs, by name; `size_area` among them where there are sizes."""

    first: str
    second: str
    differences: dict[str, StoredDifference]


class StoredComparison(_Part):
    """Everything `occlusion-toolkit compare` computed.

    Attributes:
        kind: always "comparison".
        version: of this layout.
        read_out: "error", or "displacement" where there was no ground truth.
        aligned: after Procrustes alignment.
        columns: the joints, then "mean": the mean over them.
        quantities: what was compared.
        failure_mm: error above which a window is a failure.
        thresholds_mm: of the failure curves.
        sizes_px: sides of the occluders of the size curves; empty without.
        sequences: number of sequences, the units of all statistics.
        frames: number of samples.
        models: in the order they were given.
        pairs: every two of them.
        exceptions: differences between the protocols that the user allowed.
    """

    kind: Literal["comparison"] = "comparison"
    version: Literal[1] = 1
    read_out: Literal["error", "displacement"]
    aligned: bool
    columns: tuple[str, ...] = Field(min_length=2)
    quantities: tuple[StoredQuantity, ...] = Field(min_length=1)
    failure_mm: float
    thresholds_mm: tuple[float, ...]
    sizes_px: tuple[int, ...] = ()
    sequences: int = Field(ge=1)
    frames: int = Field(ge=1)
    models: tuple[StoredModel, ...] = Field(min_length=2)
    pairs: tuple[StoredPair, ...] = Field(min_length=1)
    exceptions: tuple[str, ...] = ()


def write_comparison(path: Path, comparison: StoredComparison) -> None:
    """Writes a comparison as JSON, whole or not at all.

    Raises:
        ResultError: the folder is missing or not writable, or the disk is full.
    """
    write_text(path, comparison.model_dump_json(indent=1) + "\n")


def read_comparison(path: Path) -> StoredComparison:
    """Reads a comparison.

    Raises:
        ResultError: the file is missing, too large, or is not a comparison of this version.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ResultError(f"{str(path)!r} is larger than any comparison; give a comparison.json")
        return StoredComparison.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ResultError(f"{str(path)!r} cannot be read: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "file"
        raise ResultError(
            f"{str(path)!r} is not a comparison of this version ({place}: {first['msg']})"
        ) from error
