"""Sensitivity meshes as plain data."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusion_toolkit.comparison.meshes import mesh_difference
from occlusion_toolkit.meshes.sensitivity_mesh import SensitivityMesh
from occlusion_toolkit.plotting.arrangement import reading_order
from occlusion_toolkit.plotting.colormaps import ROBUST_RANGE
from occlusion_toolkit.plotting.metric_text import axis_label, is_signed
from occlusion_toolkit.report.page import packed


def meshes_part(metric: str, meshes: Mapping[str, SensitivityMesh]) -> dict[str, Any]:
    """What the page shows of one mesh or several.

    Args:
        metric: of the colours.
        meshes: of the models by name, of one body and data set.

    Raises:
        UsageError: a mesh lacks the metric.
    """
    first = next(iter(meshes.values()))
    values = {name: mesh.sel(metric=metric).values for name, mesh in meshes.items()}
    differences = {}
    for one, other in combinations(meshes, 2):
        found = [mesh_difference(meshes[one], meshes[other], metric, joint) for joint in first.joints]
        means = np.stack([difference.mean_mm for difference in found])
        differences[f"{one} − {other}"] = {
            "values": packed(means),
            "significant": packed(np.stack([difference.significant for difference in found])),
            "limit": [_limits(np.abs(row))[1] for row in means],
        }
    return {
        "label": axis_label(metric),
        "diverges": is_signed(metric),
        "vertices": packed(first.surface.vertices_m),
        "faces": packed(first.surface.faces, np.int32),
        "rows": [*first.joints],
        "order": [*reading_order(first.joints[:-1]), len(first.joints) - 1],
        "models": {name: packed(rows) for name, rows in values.items()},
        "limits": [
            _limits(np.stack([rows[row] for rows in values.values()])) for row in range(len(first.joints))
        ],
        "differences": differences,
    }


def _limits(values_mm: NDArray[np.floating]) -> list[float]:
    """The ends of the colours; zero where nothing was seen."""
    finite = values_mm[np.isfinite(values_mm)]
    return [float(end) for end in np.quantile(finite, ROBUST_RANGE)] if finite.size else [0.0, 0.0]
