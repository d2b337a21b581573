"""A body's arrays in SMPL's file format, checked once when they are put together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from occlusion_toolkit.body.joints import H36M17, PARENTS, SMPL24
from occlusion_toolkit.errors import BodyModelError, TopologyError

Gender = Literal["neutral", "male", "female"]
"""Which of SMPL's bodies betas belong to: the same betas mean another shape on each of them."""

GENDERS: tuple[Gender, ...] = get_args(Gender)


SMPL_TOPOLOGY = "smpl"
"""Topology id of SMPL's mesh of 6,890 vertices; assumed of data sets that name none, as 3DPW."""

NUM_JOINTS = len(SMPL24)
NUM_BETAS = 10
NUM_POSE_FEATURES = 9 * (NUM_JOINTS - 1)

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.integer]

_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
VERTEX_NAMES: tuple[str, ...] = (
    *("nose", "reye", "leye", "rear", "lear"),
    *(f"{side}{point}" for side in "LR" for point in ("BigToe", "SmallToe", "Heel")),
    *(f"{side}{finger}" for side in "lr" for finger in _FINGERS),
)
"""The 21 vertices smplx adds to the joints; a body names its own ids for them."""


@dataclass(frozen=True)
class BodyArrays:
    """What a SMPL file holds, plus the arrays that only make sense together with it.

    Attributes:
        topology: id of the mesh; arrays over vertices of another id must never be combined with it.
        v_template: mean body in T-pose, (V, 3) metres, x left, y up, z front.
        shapedirs: metres per unit beta, (V, 3, K) with K >= 10; the first 10 are used.
        joint_regressor: (24, V), rows sum to one.
        weights: skinning weights, (V, 24), rows sum to one.
        faces: (F, 3), counter-clockwise seen from outside.
        vertex_ids: vertex of each of the `VERTEX_NAMES`.
        posedirs: pose-dependent offsets, (V, 3, 207) metres; None where the body has none.
        parents: (24,) kinematic tree; the root has -1.
        h36m_regressor: (17, V) in the order of `H36M17`, or None.
        vertex_parts: (V,) part labels 0..23; None stands for the joint with the largest weight.
        mirror: (V,) index of each vertex's mirror image, or None.

    Raises:
        BodyModelError: shapes disagree, numbers are not finite or indices are out of range; the
            message lists every problem found.
    """

    topology: str
    v_template: FloatArray
    shapedirs: FloatArray
    joint_regressor: FloatArray
    weights: FloatArray
    faces: IntArray
    vertex_ids: Mapping[str, int]
    posedirs: FloatArray | None = None
    parents: IntArray = field(default_factory=lambda: np.array(PARENTS))
    h36m_regressor: FloatArray | None = None
    vertex_parts: IntArray | None = None
    mirror: IntArray | None = None

    def __post_init__(self) -> None:
        problems = [*self._shape_problems()]
        if not problems:
            problems = [*self._value_problems(), *self._index_problems()]
        if problems:
            raise BodyModelError(f"body {self.topology!r} is not usable: " + "; ".join(problems))

    @property
    def num_vertices(self) -> int:
        """V."""
        return len(self.v_template)

    def _floats(self) -> dict[str, FloatArray]:
        """The floating-point arrays that this body has, by name."""
        arrays = {
            "v_template": self.v_template,
            "shapedirs": self.shapedirs,
            "joint_regressor": self.joint_regressor,
            "weights": self.weights,
            "posedirs": self.posedirs,
            "h36m_regressor": self.h36m_regressor,
        }
        return {name: array for name, array in arrays.items() if array is not None}

    def _shape_problems(self) -> list[str]:
        if self.v_template.ndim != 2 or self.v_template.shape[1] != 3:
            return [f"v_template has shape {self.v_template.shape}, not (V, 3)"]
        count = self.num_vertices
        wanted: dict[str, tuple[int, ...]] = {
            "shapedirs": (count, 3, max(NUM_BETAS, self.shapedirs.shape[-1])),
            "joint_regressor": (NUM_JOINTS, count),
            "weights": (count, NUM_JOINTS),
            "posedirs": (count, 3, NUM_POSE_FEATURES),
            "h36m_regressor": (len(H36M17), count),
            "vertex_parts": (count,),
            "mirror": (count,),
            "parents": (NUM_JOINTS,),
            "faces": (len(self.faces), 3),
        }
        problems = []
        for name, shape in wanted.items():
            array = getattr(self, name)
            if array is not None and array.shape != shape:
                problems.append(f"{name} has shape {array.shape}, not {shape}")
        return problems

    def _value_problems(self) -> list[str]:
        problems = [
            f"{name} has values that are not finite"
            for name, array in self._floats().items()
            if not np.isfinite(array).all()
        ]
        for name, rows in (("weights", self.weights), ("joint_regressor", self.joint_regressor)):
            off = float(np.abs(rows.sum(axis=1) - 1).max())
            if off > 1e-2:
                problems.append(f"rows of {name} do not sum to one (off by up to {off:.3g})")
        return problems

    def _index_problems(self) -> list[str]:
        problems = []
        limits = (("faces", self.num_vertices), ("mirror", self.num_vertices), ("vertex_parts", NUM_JOINTS))
        for name, limit in limits:
            array = getattr(self, name)
            if array is not None and array.size and (array.min() < 0 or array.max() >= limit):
                problems.append(f"{name} has indices outside 0..{limit - 1}")
        if tuple(int(p) for p in self.parents) != PARENTS:
            problems.append("parents are not SMPL's 24-joint tree")
        missing = [name for name in VERTEX_NAMES if name not in self.vertex_ids]
        if missing:
            problems.append(f"vertex_ids lack {', '.join(missing)}")
        outside = [n for n, i in self.vertex_ids.items() if not 0 <= i < self.num_vertices]
        if outside:
            problems.append(f"vertex_ids of {', '.join(outside)} are outside 0..{self.num_vertices - 1}")
        return problems


def require_topology(body: str, other: str, what: str) -> None:
    """Passes where two topology ids agree.

    Args:
        body: topology id of the body in use.
        other: topology id that came with something else.
        what: what that something is, for the message ("the regressor 'pare'").

    Raises:
        TopologyError: the ids differ.
    """
    if body != other:
        raise TopologyError(
            f"{what} belongs to the body {other!r} and cannot be combined with {body!r}; "
            f"load the body {other!r}, or use something made for {body!r}"
        )
