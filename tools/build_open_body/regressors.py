"""Sparse, mirror-symmetric joint regressors fitted to bodies."""

from dataclasses import dataclass

import numpy as np
from geometry import Array, Ids
from poses import posed, sample_poses
from scipy.optimize import nnls
from shape_space import ShapeSpace

from occlusion_toolkit.body.joints import H36M17, SMPL24

_SMALLEST_WEIGHT = 2e-3
_MAX_CANDIDATES = 600

# Vertices within this distance (m) of a left or midline joint may take part in its row.
_JOINT_RADIUS = {
    0: 0.28, 1: 0.28, 3: 0.28, 4: 0.12, 6: 0.28, 7: 0.09, 9: 0.28, 10: 0.09, 12: 0.22, 13: 0.2, 15: 0.16,
    16: 0.13, 18: 0.1, 20: 0.07, 22: 0.08,
}  # fmt: skip
# H36M row -> (SMPL joint it stands for, radius in m); rows 9 (nose) and 10 (head top) are skin rings.
_H36M_TARGET = {
    0: (0, 0.25), 1: (1, 0.24), 2: (4, 0.14), 3: (7, 0.12), 7: (6, 0.25), 8: (12, 0.2), 11: (16, 0.16),
    12: (18, 0.12), 13: (20, 0.09),
}  # fmt: skip
# Hip and neck lie where no mean of nearby skin follows them; their rows may extrapolate a little.
_H36M_SIGNED_ROWS = (1, 8)
# Pull of the sum of absolute weights towards one; at this value hips and neck reach about 1.4.
_EXTRAPOLATION_COST = 1e-4


@dataclass(frozen=True)
class FittedRegressor:
    """Rows (J, V) that sum to one, and the held-out error of each fitted row in millimetres."""

    rows: Array
    error_mm: dict[str, float]


def fit_joint_regressor(
    people: Array, joints: Array, mirror: Ids, rng: np.random.Generator
) -> FittedRegressor:
    """SMPL's J_regressor (24, V): the joints of people (N, V, 3) in T-pose from their vertices."""
    train, test = np.arange(0, len(people), 12), np.arange(5, len(people), 7)
    rows = np.zeros((24, people.shape[1]))
    template, where = people.mean(axis=0), joints.mean(axis=0)
    errors = {}
    for joint, radius in _JOINT_RADIUS.items():
        candidates = _near(template, where[joint], radius, rng)
        row = _fit_row(
            people[train], joints[train, joint], candidates, SMPL24.mirror[joint] == joint, template, mirror
        )
        rows[joint] = row
        rows[SMPL24.mirror[joint]] = row[mirror] if SMPL24.mirror[joint] != joint else row
        errors[SMPL24.joint_names[joint]] = _error_mm(row, people[test], joints[test, joint])
    return FittedRegressor(rows, errors)


def fit_h36m_regressor(
    space: ShapeSpace,
    joint_regressor: Array,
    weights: Array,
    mirror: Ids,
    skin_points: dict[str, Ids],
    rng: np.random.Generator,
    count: int = 600,
) -> FittedRegressor:
    """The 17-row regressor, fitted on posed bodies against the body's own kinematic joints.

    Args:
        space: shape space of the body.
        joint_regressor: (24, V).
        weights: (V, 24) skinning weights.
        mirror: (V,).
        skin_points: vertices whose mean is row "nose" and row "head_top".
        rng: source of shapes and poses.
        count: bodies, half for the fit and half for the reported error.
    """
    betas = rng.normal(size=(count, space.directions.shape[-1]))
    shaped = space.mean + np.einsum("vdk,nk->nvd", space.directions, betas)
    rest_joints = np.einsum("jv,nvd->njd", joint_regressor, shaped)
    people, joints = posed(shaped, rest_joints, weights, sample_poses(rng, count))
    train, test = slice(0, None, 2), slice(1, None, 2)
    rows = np.zeros((17, len(mirror)))
    errors = {}
    for target, (joint, radius) in _H36M_TARGET.items():
        candidates = _near(space.mean, joint_regressor[joint] @ space.mean, radius, rng)
        midline = H36M17.mirror[target] == target
        row = _fit_row(
            people[train],
            joints[train, joint],
            candidates,
            midline,
            space.mean,
            mirror,
            signed=target in _H36M_SIGNED_ROWS,
        )
        rows[target] = row
        rows[H36M17.mirror[target]] = row if midline else row[mirror]
        errors[H36M17.joint_names[target]] = _error_mm(row, people[test], joints[test, joint])
    for name, vertices in skin_points.items():
        ring = np.zeros(len(mirror))
        ring[vertices] = 1
        ring += ring[mirror]
        rows[H36M17.index(name)] = ring / ring.sum()
    return FittedRegressor(rows, errors)


def _near(template: Array, point: Array, radius: float, rng: np.random.Generator) -> Ids:
    distance = np.linalg.norm(template - point, axis=1)
    near = np.flatnonzero(distance < radius)
    if len(near) < 40:
        near = np.argsort(distance, kind="stable")[:60]
    if len(near) > _MAX_CANDIDATES:
        near = np.sort(rng.choice(near, _MAX_CANDIDATES, replace=False))
    return near


def _fit_row(
    people: Array,
    target: Array,
    candidates: Ids,
    midline: bool,
    template: Array,
    mirror: Ids,
    signed: bool = False,
) -> Array:
    """Least squares with weights summing to one; midline rows tie left and right."""
    if midline:
        candidates = candidates[template[candidates, 0] >= -1e-6]
        points = 0.5 * (people[:, candidates] + people[:, mirror[candidates]])
    else:
        points = people[:, candidates]
    columns = points.transpose(0, 2, 1).reshape(-1, len(candidates))
    weights = _sparse_weights(columns, target.reshape(-1), signed)
    row = np.zeros(len(mirror))
    if midline:
        np.add.at(row, candidates, weights / 2)
        np.add.at(row, mirror[candidates], weights / 2)
    else:
        row[candidates] = weights
    return row


def _sparse_weights(columns: Array, target: Array, signed: bool) -> Array:
    """Non-negative least squares with a stiff row for the sum; signed weights are split in two halves."""
    count = columns.shape[1]
    stiffness = 50 * np.sqrt(len(columns) / 3)
    if not signed:
        system = np.concatenate([columns, np.full((1, count), stiffness)])
        weights = _sparse_nnls(system, np.append(target, stiffness))
        return weights / weights.sum()
    sums = stiffness * np.repeat([1.0, -1.0], count)
    absolute_sums = np.full(2 * count, _EXTRAPOLATION_COST * stiffness)
    system = np.vstack([np.hstack([columns, -columns]), sums, absolute_sums])
    wanted = np.append(target, (stiffness, _EXTRAPOLATION_COST * stiffness))
    halves = _sparse_nnls(system, wanted, ridge=1e-10)  # equal and opposite columns: nearly singular
    weights = halves[:count] - halves[count:]
    return weights / weights.sum()


def _sparse_nnls(system: Array, wanted: Array, ridge: float = 1e-12) -> Array:
    """Solves twice: once to choose the columns, once without those of negligible weight."""
    # The normal equations have the same minimiser and are far smaller than the stacked system.
    gram, moment = system.T @ system, system.T @ wanted
    scale = np.trace(gram) / len(gram)
    factor = np.linalg.cholesky(gram + ridge * scale * np.eye(len(gram)))
    reduced = np.linalg.solve(factor, moment)
    weights, _ = nnls(factor.T, reduced, maxiter=50 * len(gram))
    kept = weights >= _SMALLEST_WEIGHT
    refined, _ = nnls(system[:, kept], wanted)
    result = np.zeros(len(gram))
    result[kept] = refined
    return result


def _error_mm(row: Array, people: Array, target: Array) -> float:
    used = np.flatnonzero(row)
    found = np.einsum("v,nvd->nd", row[used], people[:, used])
    return float(1000 * np.linalg.norm(found - target, axis=1).mean())
