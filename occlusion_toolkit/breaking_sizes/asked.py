"""What analyses that sweep by themselves are asked for: a metric, and a joint or the mean over joints."""

from __future__ import annotations

from collections.abc import Sequence

from occlusion_toolkit.data.people import People
from occlusion_toolkit.errors import GroundTruthError, UsageError
from occlusion_toolkit.find.crop import Crop
from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
from occlusion_toolkit.sweep.maps import metric_parts

MEAN = "mean"
"""The mean over joints, where a joint could stand."""


def check_metric(metric: str | None, sweep: OcclusionSweep, who: Crop | People | str) -> None:
    """Makes sure that a sweep will measure what is asked for.

    Raises:
        UsageError: there is no such metric.
        GroundTruthError: it needs a truth.
    """
    if metric is None:
        return
    measured, quantity = metric_parts(metric)
    if measured not in sweep.metrics:
        raise UsageError(f"the sweep measures {', '.join(sweep.metrics)}, from which there is no {metric}")
    if quantity != "displacement" and isinstance(who, Crop) and who.truth is None:
        raise GroundTruthError(
            f"{metric} needs ground truth and {who.file} has none; give it, or take the displacement"
        )


def check_joint(joint: str, names: Sequence[str]) -> None:
    """Makes sure that there is a joint of that name.

    Raises:
        UsageError: there is none.
    """
    if joint != MEAN and joint not in names:
        raise UsageError(f"there is no joint {joint!r}; there are: {MEAN}, {', '.join(names)}")
