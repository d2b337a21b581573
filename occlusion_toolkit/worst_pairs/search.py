"""The search for one person: single squares, the beam, and what the network makes of the worst."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float64

from occlusion_toolkit.breaking_sizes.asked import MEAN
from occlusion_toolkit.data.crops import denormalise
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
from occlusion_toolkit.models.views import View
from occlusion_toolkit.sweep.engines.viewed import occluded_view
from occlusion_toolkit.sweep.maps import metric_parts
from occlusion_toolkit.sweep.measure import distances_mm
from occlusion_toolkit.sweep.subjects import Subject
from occlusion_toolkit.worst_pairs.rule import pair_size, worst_of

UNDER = ("clean", "single", "pair")
"""What estimates are kept of."""

_ESTIMATES = {
    "rotmats": ("part", "axis", "parent_axis"),
    "betas": ("beta",),
    "camera": ("camera_value",),
    "joints_px": ("joint", "xy"),
    "joints_m": ("joint", "xyz"),
}
_CLEAN = np.array([], dtype=np.int64)


class PairSearch:
    """Searches the worst pair of squares of people, one after the other.

    A pair is a window of a sweep over the crop into which the other square is painted, so whatever engine is
    fastest answers, and every value is that of a pass of the network that saw both squares.

    Args:
        sweep: of the single square.
        metric: what is made large, such as `increase`.
        joint: of one joint, or "mean" over joints.
        beam: with how many first squares every second one is tried.
    """

    def __init__(self, sweep: OcclusionSweep, metric: str, joint: str, beam: int) -> None:
        self.single = sweep
        self.half = sweep.changed(size=pair_size(sweep.grid.size), model=sweep.regressor)
        self._measured, self._quantity = metric_parts(metric)
        self._joint, self._beam = joint, beam

    @property
    def passes(self) -> int:
        """Passes that a person takes at least."""
        return (self._beam + 2) * (len(self.single.grid) + 1)

    def __call__(self, subject: Subject, expected: int) -> xr.Dataset:
        """The worst single square and the worst pair of a person, as a data set of one image.

        Args:
            subject: the person.
            expected: people in all, by which an engine is chosen.
        """
        (single,) = self.single.window_sweep.stream([subject], expected=expected * len(self.single.grid))
        (alone,) = self._stream([subject], expected)
        windows = self.half.grid.windows()
        scans: dict[int, xr.Dataset] = {}

        def scan(firsts: Iterable[int]) -> Mapping[int, Float64[np.ndarray, " windows"]]:
            chosen = list(firsts)
            painted = [self._with_square(subject, windows[first]) for first in chosen]
            found = dict(zip(chosen, self._stream(painted, expected), strict=True))
            scans.update(found)
            return {first: self._values(maps, single) for first, maps in found.items()}

        of_single, of_alone = self._values(single, single), self._values(alone, single)
        worst = int(of_single.argmax())
        best = worst_of(of_alone, self._beam, scan)
        arrays = {
            "clean_mm": ((), self._clean(single)),
            "single_mm": ((), of_single[worst]),
            "pair_mm": ((), best.value),
            "alone_mm": (("square",), of_alone[[best.first, best.second]]),
            "single_window": (("edge",), self.single.grid.windows()[worst]),
            "pair_windows": (("square", "edge"), windows[[best.first, best.second]]),
            "passes": ((), np.int64((2 + best.scans) * (len(windows) + 1))),
            "crop": (("y", "x", "rgb"), denormalise(subject.crop)),
        }
        cells = (None, worst, best.second)
        for name, dimensions in _ESTIMATES.items():
            if f"clean_{name}" in single and name in single:
                rows = [
                    _estimate(maps, name, cell)
                    for maps, cell in zip((single, single, scans[best.first]), cells, strict=True)
                ]
                arrays[name] = (("under", *dimensions), np.stack(rows))
        return xr.Dataset(arrays, {"under": list(UNDER)}).expand_dims("image")

    def _stream(self, subjects: list[Subject], expected: int) -> list[xr.Dataset]:
        return list(self.half.window_sweep.stream(subjects, expected=expected * self.passes))

    def _with_square(self, subject: Subject, window: np.ndarray) -> Subject:
        """The same person with a square of the pair painted into the crop."""
        windows, occluder = torch.from_numpy(window.copy())[None], self.half.occluder
        view: View | None = subject.view
        if view is not None:
            view = replace(view, crop=occluded_view(occluder, subject.crop, view, windows)[0])
        return replace(subject, crop=occluder.apply(subject.crop[None], windows)[0], view=view)

    def _values(self, maps: xr.Dataset, clean: xr.Dataset) -> Float64[np.ndarray, " windows"]:
        """What is made large under every window, whatever else the crop of the maps had on it."""
        joints = maps["joints_m"].values[0].reshape(-1, *maps["joints_m"].shape[3:])
        values = self._distances(joints, clean)
        return values - self._clean(clean) if self._quantity == "increase" else values

    def _clean(self, clean: xr.Dataset) -> float:
        """The value without a square, of an increase the error from which it counts."""
        return float(self._distances(clean["clean_joints_m"].values, clean)[0])

    def _distances(self, joints: np.ndarray, clean: xr.Dataset) -> Float64[np.ndarray, " passes"]:
        target = "clean_joints_m" if self._quantity == "displacement" else "true_joints_m"
        predicted = torch.from_numpy(joints.copy()).double()
        true = torch.from_numpy(clean[target].values.copy()).double().expand_as(predicted)
        values = distances_mm(self._measured, self.half.metrics[self._measured], predicted, true).numpy()
        names = list(map(str, clean["joint"].values))
        of_joint = values.mean(axis=1) if self._joint == MEAN else values[:, names.index(self._joint)]
        return np.asarray(of_joint, dtype=np.float64)


def _estimate(maps: xr.Dataset, name: str, cell: int | None) -> np.ndarray:
    """An array of the estimate of the clean crop (None) or under a window."""
    if cell is None:
        return np.asarray(maps[f"clean_{name}"].values[0])
    values = maps[name].values[0]
    return np.asarray(values.reshape(-1, *values.shape[2:])[cell])
