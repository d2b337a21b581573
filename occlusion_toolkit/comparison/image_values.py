"""What a survey says about one model: a few numbers per image and joint, before any averaging over images."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float64

from occlusion_toolkit.comparison.entries import Entry
from occlusion_toolkit.comparison.extra_quantities import extra_values
from occlusion_toolkit.errors import ResultError, UsageError
from occlusion_toolkit.sweep.maps import clean_of, metric_parts, values_of
from occlusion_toolkit.sweep.protocol import ProtocolCard

OVERALL = "mean"
"""Name of the last column: the mean over joints, taken before anything else."""

FAILURE_MM = 100.0
"""A window under which the error is larger counts as a failure, unless another threshold is asked."""

CURVE_MM = np.arange(0.0, 501.0, 10.0)
"""Thresholds of the failure curve, millimetres."""

_PERCENTILE = 95.0


class Quantity(Entry):
    """One number per image and joint.

    Attributes:
        name: short, for files.
        title: for tables and figures.
        unit: "mm" or "%".
        definition: one sentence.
        analysis: the command that says more about it; None for those that every survey has.
    """

    name: str
    title: str
    unit: Literal["mm", "%"]
    definition: str
    analysis: str | None = None

    @property
    def heading(self) -> str:
        """Title and unit, as tables have them."""
        return f"{self.title} [{self.unit}]"


def _quantities(*rows: tuple[str, str, Literal["mm", "%"], str]) -> tuple[Quantity, ...]:
    return tuple(Quantity(name=row[0], title=row[1], unit=row[2], definition=row[3]) for row in rows)


_OF_WINDOWS = _quantities(
    ("worst", "worst window", "mm", "under the window that hurts the image most"),
    ("p95", "95th percentile", "mm", "95th percentile over an image's windows"),
    ("failure", "failures", "%", "share of windows above the failure threshold"),
)
ERROR_QUANTITIES = (
    *_quantities(
        ("clean", "clean", "mm", "on the crop without an occluder"),
        ("occluded", "occluded", "mm", "mean over all windows"),
        ("increase", "increase", "mm", "mean over all windows minus the clean error"),
    ),
    *_OF_WINDOWS,
)
DISPLACEMENT_QUANTITIES = (
    *_quantities(("occluded", "displacement", "mm", "mean over all windows")),
    *_OF_WINDOWS,
)

EXTRA_QUANTITIES = tuple(
    quantity.model_copy(update={"analysis": analysis})
    for quantity, analysis in zip(
        _quantities(
            (
                "remote",
                "remote windows",
                "mm",
                "added where neither a joint's limb nor a neighbour is touched",
            ),
            ("reversed", "reversed", "%", "share of windows that turn the person or swap the sides"),
            ("unreversed", "not reversed", "mm", "mean over windows that do neither"),
            ("world", "hidden by the world", "mm", "clean crops, joints that things or the frame hide"),
            ("surer", "surest windows", "mm", "half of the windows, where it is surest, minus all"),
        ),
        ("influence", "reversals", "reversals", "natural", "confidence"),
        strict=True,
    )
)
"""What is compared besides where all surveys know it (`extra_quantities`)."""


def quantities_of(metric: str) -> tuple[Quantity, ...]:
    """What is compared of a metric.

    Raises:
        UsageError: it is an increase, which is a quantity here and not a map.
    """
    quantity = metric_parts(metric)[1]
    if quantity == "increase":
        raise UsageError(f"the increase is read from errors; compare {metric.replace('increase', 'error')!r}")
    return ERROR_QUANTITIES if quantity == "error" else DISPLACEMENT_QUANTITIES


class ImageName(NamedTuple):
    """Which person of which image: file is a path relative to the root of the data set, or a name."""

    sequence: str
    frame: int
    person: int
    file: str


@dataclass(frozen=True)
class ImageValues:
    """The numbers of one model on every image of a survey.

    Attributes:
        card: what they mean.
        columns: names of the columns: the joints, then `OVERALL`.
        images: whose they are, N of them.
        values: every quantity by name, (N, J + 1); NaN where an image has none.
        failure_curve: share of an image's windows in % whose mean error over joints exceeds each of
            `CURVE_MM`, (N, T).
    """

    card: ProtocolCard
    columns: tuple[str, ...]
    images: tuple[ImageName, ...]
    values: dict[str, Float64[np.ndarray, "images columns"]]
    failure_curve: Float64[np.ndarray, "images thresholds"]

    @property
    def sequences(self) -> tuple[str, ...]:
        """Name of each image's sequence, N of them."""
        return tuple(image.sequence for image in self.images)


class ImageValuesReader:
    """Takes in maps, some images at a time, and keeps the numbers of each image.

    Args:
        card: of the survey.
        metric: what to read, such as "error" or "pa_displacement".
        failure_mm: threshold of the failures.
        seen: windows that count, of every image in the order in which they are taken in; None for all.

    Raises:
        UsageError: the metric is an increase.
    """

    def __init__(
        self,
        card: ProtocolCard,
        metric: str,
        failure_mm: float = FAILURE_MM,
        seen: Bool[np.ndarray, "images rows cols"] | None = None,
    ) -> None:
        self._card, self._metric, self._failure_mm, self._seen = card, metric, failure_mm, seen
        self._names = [quantity.name for quantity in quantities_of(metric)]
        self._extra = [quantity.name for quantity in EXTRA_QUANTITIES]
        self._images: list[ImageName] = []
        self._parts: list[dict[str, Float64[np.ndarray, "images columns"]]] = []
        self._curves: list[Float64[np.ndarray, "images thresholds"]] = []
        self._joints: tuple[str, ...] = ()

    def add(self, maps: xr.Dataset) -> None:
        """Takes in the maps of some images.

        Raises:
            GroundTruthError: errors are asked of maps without a truth.
            UsageError: the maps do not hold the metric.
        """
        values = values_of(maps, self._metric).transpose("image", "joint", "row", "col").values
        if self._seen is not None:
            first = len(self._images)
            values = np.where(self._seen[first : first + len(values), None], values, np.nan)
        windows = _with_overall(values.reshape(*values.shape[:2], -1).astype(np.float64))
        clean = clean_of(maps, self._metric)
        mean = np.nanmean(windows, axis=2)
        found = {
            "occluded": mean,
            "worst": np.nanmax(windows, axis=2),
            "p95": np.nanpercentile(windows, _PERCENTILE, axis=2),
            "failure": 100 * _share(windows > self._failure_mm, windows),
        }
        if clean is not None:
            found["clean"] = _with_overall(clean.values.astype(np.float64))
            found["increase"] = mean - found["clean"]
        found |= extra_values(maps, self._card, self._metric)
        self._extra = [name for name in self._extra if name in found]
        self._parts.append({name: found[name] for name in (*self._names, *self._extra)})
        overall = windows[:, -1, None, :]
        self._curves.append(100 * _share(overall > CURVE_MM[:, None], overall))
        self._images += _images(maps)
        self._joints = tuple(str(name) for name in maps["joint"].values)

    def values(self) -> ImageValues:
        """Everything that was taken in.

        Raises:
            ResultError: nothing was.
        """
        if not self._parts:
            raise ResultError("there is no image to compare")
        return ImageValues(
            card=self._card,
            columns=(*self._joints, OVERALL),
            images=tuple(self._images),
            values={
                name: np.concatenate([part[name] for part in self._parts])
                for name in (*self._names, *self._extra)
            },
            failure_curve=np.concatenate(self._curves),
        )


def image_values(
    card: ProtocolCard,
    maps: Iterable[xr.Dataset],
    metric: str,
    failure_mm: float = FAILURE_MM,
    seen: Bool[np.ndarray, "images rows cols"] | None = None,
) -> ImageValues:
    """Reads the numbers of every image, some images in memory at a time; see `ImageValuesReader`."""
    reader = ImageValuesReader(card, metric, failure_mm, seen)
    for some in maps:
        reader.add(some)
    return reader.values()


def over_sizes(
    sizes_px: Sequence[int], values: Iterable[ImageValues]
) -> Float64[np.ndarray, "images columns"]:
    """Area under the curve of the occluded error over the size of the occluder, in millimetres.

    The area is divided by the range of sizes, so it reads as an error: that of an occluder of average size.

    Args:
        sizes_px: sides of the occluders, at least two, increasing.
        values: of one model, one per size.

    Returns:
        One value per image and column, (N, J + 1), millimetres.

    Raises:
        UsageError: there are fewer than two sizes, or they do not increase.
    """
    sides = np.asarray(sizes_px, dtype=np.float64)
    if len(sides) < 2 or (np.diff(sides) <= 0).any():
        raise UsageError(f"a curve over sizes needs two or more, increasing; these are {sides.tolist()}")
    curves = np.stack([one.values["occluded"] for one in values])
    return np.asarray(np.trapezoid(curves, sides, axis=0) / (sides[-1] - sides[0]))


def _share(
    holds: Bool[np.ndarray, "*some windows"], of: Float64[np.ndarray, "*#some windows"]
) -> Float64[np.ndarray, "*some"]:
    """Share of the windows that have a value, of those that hold."""
    return np.asarray(holds.sum(axis=-1) / np.isfinite(of).sum(axis=-1))


def _with_overall(values: Float64[np.ndarray, "images joints *windows"]) -> np.ndarray:
    """Values of the joints, then their mean, along the second dimension."""
    return np.concatenate((values, values.mean(axis=1, keepdims=True)), axis=1)


def _images(maps: xr.Dataset) -> list[ImageName]:
    """The names of the images; one that is of no data set is a sequence of its own."""
    files = maps["file"].values.tolist()
    if "sequence" not in maps.coords:
        return [ImageName(file, 0, 0, file) for file in files]
    columns = (maps[name].values.tolist() for name in ("sequence", "frame", "person"))
    return [ImageName(*row) for row in zip(*columns, files, strict=True)]
