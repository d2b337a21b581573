"""Where on the body two models differ: their sensitivity meshes compared vertex by vertex."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy import stats

from occlusion_toolkit.body.arrays import require_topology
from occlusion_toolkit.comparison.significance import FEWEST_SEQUENCES, SIGNIFICANCE, adjusted_for_many
from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.meshes.mesh_result import MEAN_OF_JOINTS, MeshResult, ReadOut


@dataclass(frozen=True)
class MeshDifference:
    """First mesh minus second; sequences that show a vertex in both are its independent units.

    Attributes:
        mean_mm: mean over sequences of the difference of their means, (V,); NaN where no sequence shows the
            vertex in both.
        sequences: how many do, (V,).
        q: p-values of two-sided paired t-tests over sequences, adjusted over the vertices (Benjamini and
            Hochberg), (V,); NaN where fewer than `FEWEST_SEQUENCES` show the vertex.
    """

    mean_mm: Float64[np.ndarray, " vertices"]
    sequences: Int64[np.ndarray, " vertices"]
    q: Float64[np.ndarray, " vertices"]

    @property
    def significant(self) -> Bool[np.ndarray, " vertices"]:
        """Vertices whose difference is not by chance, at a false discovery rate of 5 %."""
        return np.asarray(np.nan_to_num(self.q, nan=1.0) < SIGNIFICANCE)


def mesh_difference(
    first: MeshResult, second: MeshResult, read_out: ReadOut, row: str = MEAN_OF_JOINTS
) -> MeshDifference:
    """Compares the meshes of two models for one joint.

    Args:
        first: of one model.
        second: of the other, on the same images.
        read_out: what to compare.
        row: name of a joint, or "mean".

    Raises:
        TopologyError: they are of different bodies.
        ResultError: they are of other sequences or joints, or lack the read-out.
    """
    require_topology(first.card.body, second.card.body, f"the mesh of {second.card.model_card!r}")
    if (first.sequence_names, first.row_names) != (second.sequence_names, second.row_names):
        raise ResultError("two meshes are of other sequences or joints; make them from the same data set")
    one, other = (_sequence_means(mesh, read_out, row) for mesh in (first, second))
    differences = one - other
    shown = np.isfinite(differences).sum(axis=0)
    p_values = np.full(len(shown), np.nan)
    tested = shown >= FEWEST_SEQUENCES
    if tested.any():
        found = stats.mstats.ttest_1samp(np.ma.masked_invalid(differences[:, tested]), 0.0, axis=0).pvalue
        p_values[tested] = np.nan_to_num(np.ma.filled(found, 1.0), nan=1.0)  # 1 where nothing differs at all
    total = np.nansum(differences, axis=0)
    return MeshDifference(
        mean_mm=np.divide(total, shown, out=np.full(len(shown), np.nan), where=shown > 0),
        sequences=shown.astype(np.int64),
        q=adjusted_for_many(p_values),
    )


def _sequence_means(
    mesh: MeshResult, read_out: ReadOut, row: str
) -> Float64[np.ndarray, "sequences vertices"]:
    means = mesh.of(read_out).sequence_means
    if means is None:
        raise ResultError(f"the mesh of {mesh.card.model_card!r} has no means of sequences; make it again")
    return means[:, mesh.row_names.index(row)].astype(np.float64)
