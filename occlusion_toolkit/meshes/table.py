"""Occlusion sensitivity meshes as a table: which parts of the body each joint depends on."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from occlusion_toolkit.body.body_surface import BodySurface
from occlusion_toolkit.body.parts import part_of_joint, part_steps
from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.meshes.mesh_result import MeshResult, ReadOut


@dataclass(frozen=True)
class JointSensitivity:
    """What occluding the body does to one joint; millimetres, means over all visible vertices of all frames.

    Attributes:
        joint: its name, or "mean" for the mean over the joints.
        mean_mm: over the whole body.
        worst_part: the part whose occlusion does most.
        worst_part_mm: over that part.
        own_mm: over the part that moves with the joint (the forearm for the elbow); None for "mean", and
            where no frame shows that part.
        neighbours_mm: over the parts next to that one (the upper arm and the wrist), or None.
        elsewhere_mm: over all other parts, or None.
    """

    joint: str
    mean_mm: float
    worst_part: str
    worst_part_mm: float
    own_mm: float | None
    neighbours_mm: float | None
    elsewhere_mm: float | None


@dataclass(frozen=True)
class MeshSummary:
    """Meshes as a table.

    Attributes:
        model: id of the regressor's card.
        dataset: id of the data set and its split.
        quantity: the read-out.
        aligned: after Procrustes alignment.
        images: frames that were pooled.
        sequences: sequences they are from.
        vertices: of the body.
        unseen: vertices that no frame shows.
        protocol: hash of the protocol card.
        overall: the mean over the joints, as a joint of its own.
        joints: every joint, in order.
    """

    model: str
    dataset: str
    quantity: ReadOut
    aligned: bool
    images: int
    sequences: int
    vertices: int
    unseen: int
    protocol: str
    overall: JointSensitivity
    joints: tuple[JointSensitivity, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain types only."""
        return asdict(self)


def summarise_mesh(result: MeshResult, surface: BodySurface, read_out: ReadOut | None = None) -> MeshSummary:
    """Reads the table of a result off its means under the rule "cell".

    Args:
        result: fresh or stored.
        surface: its body.
        read_out: which one; None for `main_read_out`.

    Raises:
        ResultError: no frame shows any vertex, or the read-out was not measured.
    """
    read_out = read_out or main_read_out(result)
    statistics = result.of(read_out).frames
    if not statistics.count.any():
        raise ResultError(f"none of the {result.num_images} images shows any of the body; check the crops")
    rows = [
        _sensitivity(name, means, statistics.count, surface)
        for name, means in zip(result.row_names, statistics.mean, strict=True)
    ]
    return MeshSummary(
        model=result.card.model_card,
        dataset=" ".join(filter(None, (result.card.dataset, result.card.split))),
        quantity=read_out,
        aligned=result.aligned,
        images=result.num_images,
        sequences=result.num_sequences,
        vertices=result.num_vertices,
        unseen=int((statistics.count == 0).sum()),
        protocol=result.card.hash,
        overall=rows[-1],
        joints=tuple(rows[:-1]),
    )


def main_read_out(result: MeshResult) -> ReadOut:
    """What pictures and tables show unless asked otherwise: the error, without ground truth displacement."""
    return "error" if "error" in result.card.read_outs else "displacement"


def _sensitivity(
    name: str, means_mm: Float64[np.ndarray, " vertices"], count: np.ndarray, surface: BodySurface
) -> JointSensitivity:
    def over(chosen: Bool[np.ndarray, " vertices"]) -> float | None:
        """The mean over all frames and chosen vertices that they show."""
        seen = chosen & (count > 0)
        return float(np.average(means_mm[seen], weights=count[seen])) if seen.any() else None

    parts = {part: over(surface.vertex_parts == part) for part in range(len(surface.part_names))}
    worst_part_mm, worst = max((mean, part) for part, mean in parts.items() if mean is not None)
    own = part_of_joint(name)
    steps = None if own is None else part_steps()[own][surface.vertex_parts]
    return JointSensitivity(
        joint=name,
        mean_mm=float(np.average(means_mm[count > 0], weights=count[count > 0])),
        worst_part=surface.part_names[worst],
        worst_part_mm=worst_part_mm,
        own_mm=None if steps is None else over(steps == 0),
        neighbours_mm=None if steps is None else over(steps == 1),
        elsewhere_mm=None if steps is None else over(steps >= 2),
    )
