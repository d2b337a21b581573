"""Occlusion sensitivity meshes as a table: which parts of the body each joint depends on."""

import html
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from occlusion_toolkit.body.body_surface import BodySurface
from occlusion_toolkit.body.parts import part_of_joint, part_steps
from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.meshes.sensitivity_mesh import SensitivityMesh


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
class MeshTable:
    """Meshes as a table.

    Attributes:
        model: id of the regressor's card.
        dataset: id of the data set and its split.
        metric: what was measured, such as "pa_error".
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
    metric: str
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

    def to_html(self) -> str:
        """The table for a notebook."""
        columns = ("joint", "whole body", "own part", "its neighbours", "elsewhere", "worst part")
        rows = [
            (
                row.joint.replace("_", " "),
                *(
                    "" if value is None else f"{value:.0f}"
                    for value in (row.mean_mm, row.own_mm, row.neighbours_mm, row.elsewhere_mm)
                ),
                f"{row.worst_part.replace('_', ' ')} {row.worst_part_mm:.0f}",
            )
            for row in (*self.joints, self.overall)
        ]
        head = "".join(f"<th>{name}</th>" for name in columns)
        body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        caption = html.escape(f"{self.model} on {self.dataset}: {self.metric} by occluded part, mm")
        return f"<table><caption>{caption}</caption><tr>{head}</tr>{body}</table>"


def summarise(mesh: SensitivityMesh, metric: str | None = None) -> MeshTable:
    """Reads the table of meshes off their means under the rule "cell".

    Args:
        mesh: fresh or stored.
        metric: which one; None for the one that is shown first.

    Raises:
        ResultError: no frame shows any vertex.
        UsageError: the metric was not pooled.
    """
    metric, count, card = metric or mesh.metric, mesh.count, mesh.card
    means = mesh.sel(metric=metric).values
    if not count.any():
        raise ResultError(f"none of the {mesh.num_images} images shows any of the body; check the crops")
    rows = [
        _sensitivity(joint, of_joint, count, mesh.surface)
        for joint, of_joint in zip(mesh.joints, means, strict=True)
    ]
    return MeshTable(
        model=card.model_card,
        dataset=card.dataset_and_split,
        metric=metric,
        images=mesh.num_images,
        sequences=len(mesh.sequences),
        vertices=mesh.num_vertices,
        unseen=int((count == 0).sum()),
        protocol=card.hash,
        overall=rows[-1],
        joints=tuple(rows[:-1]),
    )


def _sensitivity(
    name: str, means_mm: Float[np.ndarray, " vertices"], count: np.ndarray, surface: BodySurface
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
