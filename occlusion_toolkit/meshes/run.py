"""The occlusion sensitivity meshes of a survey as numbers in files (PARE, Section 3)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_surface import BodySurface, display_surface
from occlusion_toolkit.body.mesh_files import write_vertex_table
from occlusion_toolkit.meshes.mesh_result import MeshResult, write_mesh
from occlusion_toolkit.meshes.pooling.pool import pool
from occlusion_toolkit.surveys.stored import Survey


def make_mesh(
    survey: Survey,
    bodies: Bodies,
    out: Path,
    *,
    aligned: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[MeshResult, BodySurface]:
    """Pools a survey over the vertices of the body and writes mesh.h5 and vertices.csv.

    Args:
        survey: a complete survey.
        bodies: where its body comes from.
        out: an existing folder.
        aligned: pool values after Procrustes alignment.
        progress: called with the images done and all images.

    Returns:
        What was written, and the body to show it on.

    Raises:
        ResultError: the survey is incomplete or damaged, or a file cannot be written.
        BodyModelError: the survey's body is not at hand.
    """
    report = None if progress is None else (lambda done: progress(done, survey.num_images))
    result = pool(survey, bodies, aligned=aligned, progress=report)
    surface = display_surface(bodies.load(result.card.body))
    write_mesh(out / "mesh.h5", result, surface)
    write_vertex_table(out / "vertices.csv", surface, vertex_columns(result))
    return result, surface


def vertex_columns(result: MeshResult) -> dict[str, np.ndarray]:
    """What vertices.csv says of each vertex under the rule "cell": its count, and mean values in mm.

    Returns:
        "count", then "error_left_wrist_mm" for every read-out, joint and the mean over the joints, each (V,).
    """
    columns: dict[str, np.ndarray] = {"count": result.of(result.card.read_outs[0]).frames.count}
    for read_out in result.card.read_outs:
        means = result.of(read_out).frames.mean
        names = [f"{read_out}_{name}_mm" for name in result.row_names]
        columns.update(zip(names, means, strict=True))
    return columns
