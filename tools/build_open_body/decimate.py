"""Mirror-symmetric mesh decimation by half-edge collapses with quadric error.

Quadrics: Garland and Heckbert, "Surface Simplification Using Quadric Error Metrics", SIGGRAPH 1997.
Only the left half is collapsed; the right half is its mirror image. A collapse moves an end of an
edge onto the other end, so every vertex that is left is a vertex of the base mesh, and targets and
weights carry over by indexing.
"""

from __future__ import annotations

import heapq

import numpy as np
from geometry import Array, Ids

_MAX_VALENCE, _MAX_VALENCE_MIDLINE = 9, 6
_MIN_VALENCE, _MIN_VALENCE_MIDLINE = 4, 3
_MAX_NORMAL_TURN_COSINE = 0.35
_MIN_TRIANGLE_QUALITY = 0.22  # 1 is equilateral


def decimate(
    triangles: Ids, shapes: Array, mirror: Ids, target: int, importance: Array, length_weight: float = 0.003
) -> Ids:
    """Reduces a symmetric surface to exactly `target` vertices.

    Args:
        triangles: (F, 3) closed surface on base ids, symmetric under `mirror`.
        shapes: (S, base vertices, 3) example bodies with the mirror plane at x = 0; the error of a
            collapse is its mean over them.
        mirror: (base vertices,) involution.
        target: number of vertices wanted.
        importance: (base vertices,) factor on the quadric error.
        length_weight: weight of squared edge length, which keeps triangles even on flat regions.

    Returns:
        (2 * target - 4, 3) triangles on base ids, a symmetric closed surface.
    """
    half = _HalfSurface(triangles, shapes, mirror, importance, length_weight)
    half.collapse_to(target)
    left = np.array([half.corners[face] for face in sorted(half.corners)])
    return np.concatenate([left, mirror[left][:, ::-1]])


class _HalfSurface:
    """The left half of the surface while it shrinks. Vertices on the mirror plane stay on it."""

    def __init__(
        self, triangles: Ids, shapes: Array, mirror: Ids, importance: Array, length_weight: float
    ) -> None:
        self.on_midline = mirror == np.arange(len(mirror))
        # Micrometres: the order of collapses must not hang on the last bits of a BLAS.
        self.positions = np.round(np.swapaxes(shapes, 0, 1), 6)
        self.positions[self.on_midline, :, 0] = 0
        self.length_weight = length_weight
        left = self._left_triangles(triangles)
        self.corners: dict[int, tuple[int, int, int]] = {
            i: (int(a), int(b), int(c)) for i, (a, b, c) in enumerate(left)
        }
        self.faces_of: dict[int, set[int]] = {}
        for face, corner in self.corners.items():
            for vertex in corner:
                self.faces_of.setdefault(vertex, set()).add(face)
        self.version = dict.fromkeys(self.faces_of, 0)
        self._sum_quadrics(importance)

    def collapse_to(self, target: int) -> None:
        """Collapses the cheapest allowed edge until the whole surface has `target` vertices."""
        count = sum(1 if self.on_midline[v] else 2 for v in self.faces_of)
        queue: list[tuple[float, int, int, int, int]] = []
        for vertex in self.faces_of:
            self._push(queue, vertex)
        while count > target:
            if not queue:
                raise RuntimeError(f"no collapse is left at {count} vertices, {target} were asked for")
            _, gone, kept, gone_version, kept_version = heapq.heappop(queue)
            if self.version.get(gone) != gone_version or self.version.get(kept) != kept_version:
                continue
            removed = 1 if self.on_midline[gone] else 2
            if count - removed < target or not self._allowed(gone, kept):
                continue
            self._collapse(gone, kept)
            count -= removed
            touched = self._neighbours(kept) | {kept}
            for vertex in touched:
                self.version[vertex] += 1
            for vertex in touched:
                self._push(queue, vertex)

    def _left_triangles(self, triangles: Ids) -> Ids:
        x = self.positions[:, 0, 0]
        on_left = np.array([all(x[v] > 0 or self.on_midline[v] for v in t) for t in triangles])
        if 2 * on_left.sum() != len(triangles):
            raise RuntimeError("the surface is not cut in two by its mirror plane")
        return triangles[on_left]

    def _sum_quadrics(self, importance: Array) -> None:
        """Area-weighted plane quadrics (S, 4, 4) and a third of the incident area per vertex."""
        shapes = self.positions.shape[1]
        self.quadric = {v: np.zeros((shapes, 4, 4)) for v in self.faces_of}
        self.area = dict.fromkeys(self.faces_of, 0.0)
        for corner in self.corners.values():
            p = self.positions[list(corner)]
            normal = np.cross(p[1] - p[0], p[2] - p[0])
            double_area = np.linalg.norm(normal, axis=1)
            normal /= np.maximum(double_area, 1e-15)[:, None]
            plane = np.concatenate([normal, -(normal * p[0]).sum(1, keepdims=True)], axis=1)
            weight = double_area / 2 * np.mean(importance[list(corner)])
            quadric = plane[:, :, None] * plane[:, None, :] * weight[:, None, None]
            mirrored_plane = plane * [-1.0, 1.0, 1.0, 1.0]
            mirrored = mirrored_plane[:, :, None] * mirrored_plane[:, None, :] * weight[:, None, None]
            for v in corner:
                self.quadric[v] += quadric + (mirrored if self.on_midline[v] else 0)
                self.area[v] += float(weight.mean()) / 3

    def _neighbours(self, vertex: int) -> set[int]:
        return {v for face in self.faces_of[vertex] for v in self.corners[face]} - {vertex}

    def _push(self, queue: list[tuple[float, int, int, int, int]], gone: int) -> None:
        for kept in sorted(self._neighbours(gone)):
            if self.on_midline[gone] and not self.on_midline[kept]:
                continue
            entry = (self._cost(gone, kept), gone, kept, self.version[gone], self.version[kept])
            heapq.heappush(queue, entry)

    def _cost(self, gone: int, kept: int) -> float:
        there = self.positions[kept]
        point = np.concatenate([there, np.ones((len(there), 1))], axis=1)
        quadric = self.quadric[gone] + self.quadric[kept]
        error = np.einsum("si,sij,sj->s", point, quadric, point).mean()
        length = ((self.positions[gone] - there) ** 2).sum(axis=1).mean()
        return float(error + self.length_weight * self.area[gone] * length)

    def _allowed(self, gone: int, kept: int) -> bool:
        around_gone, around_kept = self._neighbours(gone), self._neighbours(kept)
        common = around_gone & around_kept
        shared = self.faces_of[gone] & self.faces_of[kept]
        if len(common) != len(shared):  # link condition: the surface would pinch
            return False
        midline = self.on_midline
        if midline[gone] and midline[kept] and len(shared) != 1:  # an edge across, not along, the plane
            return False
        # The left half may touch the plane only along the midline itself.
        leaves_plane = any(midline[v] and v != kept and v not in around_kept for v in around_gone)
        if not midline[gone] and midline[kept] and leaves_plane:
            return False
        valence = len(around_gone | around_kept) - 2
        if valence > (_MAX_VALENCE_MIDLINE if midline[kept] else _MAX_VALENCE):
            return False
        for v in common:
            if len(self._neighbours(v)) - 1 < (_MIN_VALENCE_MIDLINE if midline[v] else _MIN_VALENCE):
                return False
        return all(self._keeps_shape(face, gone, kept) for face in self.faces_of[gone] - shared)

    def _keeps_shape(self, face: int, gone: int, kept: int) -> bool:
        """The face neither flips nor degenerates when its corner `gone` moves to `kept`."""
        corner = self.corners[face]
        before = self.positions[list(corner)]
        after = self.positions[[kept if v == gone else v for v in corner]]
        old = np.cross(before[1] - before[0], before[2] - before[0])
        new = np.cross(after[1] - after[0], after[2] - after[0])
        old_norm, new_norm = np.linalg.norm(old, axis=1), np.linalg.norm(new, axis=1)
        if (new_norm < 1e-10).any():
            return False
        if ((old * new).sum(1) < _MAX_NORMAL_TURN_COSINE * old_norm * new_norm).any():
            return False
        squared_edges = sum(((after[i] - after[i - 1]) ** 2).sum(1) for i in range(3))
        return bool((2 * np.sqrt(3) * new_norm / squared_edges >= _MIN_TRIANGLE_QUALITY).all())

    def _collapse(self, gone: int, kept: int) -> None:
        for face in sorted(self.faces_of[gone]):
            corner = self.corners[face]
            if kept in corner:
                for vertex in corner:
                    self.faces_of[vertex].discard(face)
                del self.corners[face]
            else:
                a, b, c = (kept if v == gone else v for v in corner)
                self.corners[face] = (a, b, c)
                self.faces_of[kept].add(face)
        del self.faces_of[gone], self.version[gone]
        self.quadric[kept] = self.quadric[kept] + self.quadric[gone]
        self.area[kept] += self.area[gone]
