"""The sensitivity meshes of several models side by side, and where they differ (PARE, Figure 5)."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from matplotlib.figure import Figure

from occlusion_toolkit.body.body_surface import BodySurface
from occlusion_toolkit.comparison.heatmaps_by_model import once
from occlusion_toolkit.comparison.meshes import mesh_difference
from occlusion_toolkit.comparison.significance import SIGNIFICANCE
from occlusion_toolkit.errors import TopologyError, UsageError
from occlusion_toolkit.meshes.figure import VIEWS_PER_INCH, MeshBand, MeshPanel, mesh_figure
from occlusion_toolkit.meshes.mesh_result import MEAN_OF_JOINTS, MeshResult, ReadOut
from occlusion_toolkit.plotting.colormaps import robust_scale
from occlusion_toolkit.plotting.mesh_views import body_views
from occlusion_toolkit.plotting.quantity import Quantity, axis_label, joint_title

_HEIGHT_IN = 1.75


def meshes_by_model_figure(
    meshes: Mapping[str, MeshResult],
    surface: BodySurface,
    read_out: ReadOut,
    joint: str = MEAN_OF_JOINTS,
) -> Figure:
    """The mesh of each model on one scale, and below them their differences, zero in the middle.

    Vertices whose difference is not significant are grey.

    Args:
        meshes: by the models' names, two or more, of the same data set.
        surface: the body they are of.
        read_out: what to show.
        joint: whose error; "mean" for the mean over joints.

    Raises:
        TopologyError: the surface or a mesh is of another body.
        ResultError: the meshes are of different data sets, or lack the read-out.
        UsageError: there are fewer than two.
    """
    if len(meshes) < 2:
        raise UsageError("there is nothing to compare; give the meshes of two models or more")
    for mesh in meshes.values():
        if mesh.card.body != surface.topology:
            raise TopologyError(f"a mesh is of body {mesh.card.body!r}, the surface of {surface.topology!r}")
    row = next(iter(meshes.values())).row_names.index(joint)
    values = {name: mesh.of(read_out).frames.mean[row] for name, mesh in meshes.items()}
    counts = np.sum([mesh.of(read_out).frames.count for mesh in meshes.values()], axis=0)
    label = axis_label(Quantity(read_out), next(iter(meshes.values())).aligned)
    side_by_side = MeshBand(
        _rows([MeshPanel(name, shown) for name, shown in values.items()]),
        robust_scale(Quantity(read_out), np.stack(list(values.values())), counts),
        label,
    )
    panels, seen = [], []
    for (one, first), (other, second) in combinations(meshes.items(), 2):
        found = mesh_difference(first, second, read_out, joint)
        panels.append(MeshPanel(f"{one} − {other}", found.mean_mm, ~found.significant))
        seen.append(found.sequences)
    differences = MeshBand(
        _rows(panels),
        robust_scale(
            Quantity.INCREASE, np.stack([panel.values_mm for panel in panels]), np.sum(seen, axis=0)
        ),
        f"difference of {label}",
    )
    views = body_views(surface.vertices_m, surface.faces, _HEIGHT_IN, VIEWS_PER_INCH)
    quiet = f"difference not significant (paired t-test over sequences, FDR {100 * SIGNIFICANCE:.0f} %)"
    return mesh_figure(views, [side_by_side, differences], _caption(meshes, joint), quiet_meaning=quiet)


def _rows(panels: Sequence[MeshPanel]) -> list[list[MeshPanel | None]]:
    """Panels below each other in two columns where there are many."""
    columns = 1 if len(panels) == 1 else 2 if len(panels) in (2, 4) else 3
    padded: list[MeshPanel | None] = [*panels, *([None] * (-len(panels) % columns))]
    return [padded[first : first + columns] for first in range(0, len(padded), columns)]


def _caption(meshes: Mapping[str, MeshResult], joint: str) -> str:
    first = next(iter(meshes.values()))
    shown = f"mean of {len(first.joint_names)} joints" if joint == MEAN_OF_JOINTS else joint_title(joint)
    dataset = " ".join(part for part in (first.card.dataset, first.card.split) if part)
    protocols = once(f"protocol {mesh.card.hash}" for mesh in meshes.values())
    parts = [
        shown,
        f"{dataset}: {first.num_images} images of {first.num_sequences} sequences",
        f"occluder {first.card.windows.size} px, {first.card.occluder}",
        "colours end at the 1st and 99th percentile, titles give the full range",
        *protocols,
    ]
    return " · ".join(parts)
