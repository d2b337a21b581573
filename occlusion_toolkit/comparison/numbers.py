"""What a survey says about one model: a few numbers per image and joint, before any averaging over images."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from occlusion_toolkit.comparison.given import Swept
from occlusion_toolkit.errors import ResultError, UsageError
from occlusion_toolkit.surveys.stored import ImageKey, ReadOut, SurveyShard
from occlusion_toolkit.sweep.protocol import ProtocolCard

OVERALL = "mean"
"""Name of the last column: the mean over joints, taken before anything else."""

PERCENTILE = 95.0
FAILURE_MM = 100.0
"""A window under which the error is larger counts as a failure, unless another threshold is asked."""

CURVE_MM = np.arange(0.0, 501.0, 10.0)
"""Thresholds of the failure curve, millimetres."""


@dataclass(frozen=True)
class Quantity:
    """One number per image and joint.

    Attributes:
        name: short, for files.
        title: for tables and figures.
        unit: "mm" or "%".
        definition: one sentence.
    """

    name: str
    title: str
    unit: str
    definition: str


CLEAN = Quantity("clean", "clean", "mm", "on the crop without an occluder")
OCCLUDED = Quantity("occluded", "occluded", "mm", "mean over all windows")
INCREASE = Quantity("increase", "increase", "mm", "mean over all windows minus the clean error")
WORST = Quantity("worst", "worst window", "mm", "under the window that hurts the image most")
PERCENTILE_95 = Quantity("p95", "95th percentile", "mm", "95th percentile over an image's windows")
FAILURE = Quantity("failure", "failures", "%", "share of windows above the failure threshold")
DISPLACED = Quantity("occluded", "displacement", "mm", "mean over all windows")

ERROR_QUANTITIES = (CLEAN, OCCLUDED, INCREASE, WORST, PERCENTILE_95, FAILURE)
DISPLACEMENT_QUANTITIES = (DISPLACED, WORST, PERCENTILE_95, FAILURE)


@dataclass(frozen=True)
class ImageNumbers:
    """The numbers of one model on every image of a survey.

    Attributes:
        card: what the numbers mean.
        read_out: what was measured: "error", or "displacement" where there is no ground truth.
        aligned: after Procrustes alignment.
        columns: names of the columns: the joints, then `OVERALL`.
        images: whose numbers they are, N of them.
        values: every quantity, (N, J + 1).
        failure_mm: threshold of the failures.
        failure_curve: share of an image's windows in % whose mean error over joints exceeds each of
            `CURVE_MM`, (N, T).
    """

    card: ProtocolCard
    read_out: ReadOut
    aligned: bool
    columns: tuple[str, ...]
    images: tuple[ImageKey, ...]
    values: dict[Quantity, Float64[np.ndarray, "images columns"]]
    failure_mm: float
    failure_curve: Float64[np.ndarray, "images thresholds"]

    @property
    def sequences(self) -> tuple[str, ...]:
        """Name of each image's sequence, N of them."""
        return tuple(key.sequence for key in self.images)

    @property
    def occluded(self) -> Float64[np.ndarray, "images columns"]:
        """Mean over windows of what was measured, (N, J + 1), millimetres."""
        return self.values[OCCLUDED if self.read_out == "error" else DISPLACED]


def image_numbers(
    survey: Swept, read_out: ReadOut, *, aligned: bool = False, failure_mm: float = FAILURE_MM
) -> ImageNumbers:
    """Reads the numbers of every image out of a survey, one shard in memory at a time.

    Args:
        survey: a complete one, or one image.
        read_out: "error", or "displacement" where there is no ground truth.
        aligned: after Procrustes alignment.
        failure_mm: threshold of the failures.

    Raises:
        ResultError: the survey is not complete or not intact, or has no ground truth and errors are asked.
        UsageError: the read-out is the increase, which is a quantity here and not a map.
    """
    if read_out == "increase":
        raise UsageError("the increase is read from errors; compare the read-out 'error'")
    if read_out not in survey.card.read_outs:
        raise ResultError(f"the result in {str(survey.folder)!r} has no {read_out}: it had no ground truth")
    quantities = ERROR_QUANTITIES if read_out == "error" else DISPLACEMENT_QUANTITIES
    images: list[ImageKey] = []
    rows: dict[Quantity, list[Float64[np.ndarray, "images columns"]]] = {name: [] for name in quantities}
    curves: list[Float64[np.ndarray, "images thresholds"]] = []
    joints: tuple[str, ...] = ()
    for shard in survey.shards():
        images += shard.images
        maps = _with_overall(shard.values(read_out, aligned))
        found = _numbers(maps, _clean(shard, aligned) if read_out == "error" else None, failure_mm)
        for quantity in quantities:
            rows[quantity].append(found[quantity])
        curves.append(100 * (maps[:, -1, :, None] > CURVE_MM).mean(axis=1))
        joints = shard.joint_names
    return ImageNumbers(
        card=survey.card,
        read_out=read_out,
        aligned=aligned,
        columns=(*joints, OVERALL),
        images=tuple(images),
        values={quantity: np.concatenate(parts) for quantity, parts in rows.items()},
        failure_mm=failure_mm,
        failure_curve=np.concatenate(curves),
    )


def over_sizes(
    sizes_px: Iterable[int], numbers: Iterable[ImageNumbers]
) -> Float64[np.ndarray, "images columns"]:
    """Area under the curve of the occluded error over the size of the occluder, in millimetres.

    The area is divided by the range of sizes, so it reads as an error: that of an occluder of average size.

    Args:
        sizes_px: sides of the occluders, at least two, increasing.
        numbers: of one model, one per size.

    Returns:
        One value per image and column, (N, J + 1), millimetres.

    Raises:
        UsageError: there are fewer than two sizes, or they do not increase.
    """
    sides = np.asarray(list(sizes_px), dtype=np.float64)
    if len(sides) < 2 or (np.diff(sides) <= 0).any():
        raise UsageError(f"a curve over sizes needs two or more, increasing; these are {sides.tolist()}")
    curves = np.stack([one.occluded for one in numbers])
    return np.asarray(np.trapezoid(curves, sides, axis=0) / (sides[-1] - sides[0]))


def _with_overall(
    maps: Float32[np.ndarray, "images joints rows cols"],
) -> Float64[np.ndarray, "images columns windows"]:
    flat = maps.reshape(*maps.shape[:2], -1).astype(np.float64)
    return np.concatenate((flat, flat.mean(axis=1, keepdims=True)), axis=1)


def _clean(shard: SurveyShard, aligned: bool) -> Float64[np.ndarray, "images columns"]:
    errors = shard.clean_pa_error_mm if aligned else shard.clean_error_mm
    if errors is None:
        raise ResultError("a shard has maps of errors and no clean errors; repeat the survey")
    clean = errors.astype(np.float64)
    return np.concatenate((clean, clean.mean(axis=1, keepdims=True)), axis=1)


def _numbers(
    maps: Float64[np.ndarray, "images columns windows"],
    clean: Float64[np.ndarray, "images columns"] | None,
    failure_mm: float,
) -> dict[Quantity, Float64[np.ndarray, "images columns"]]:
    mean = maps.mean(axis=2)
    found = {
        WORST: maps.max(axis=2),
        PERCENTILE_95: np.percentile(maps, PERCENTILE, axis=2),
        FAILURE: 100 * (maps > failure_mm).mean(axis=2),
    }
    if clean is None:
        return found | {DISPLACED: mean}
    return found | {CLEAN: clean, OCCLUDED: mean, INCREASE: mean - clean}
