"""Takes the last folds out of the mesh: lips and eyelids that the closing left lying on each other."""

import numpy as np
from geometry import Array, Ids, symmetric, vertex_normals
from shape_space import ShapeSpace

_MAX_ROUNDS = 20


def unfolded(space: ShapeSpace, faces: Ids, mirror: Ids) -> tuple[Array, Array]:
    """Mean and directions of the shape space with the vertices of folded faces eased.

    A face is folded where it looks away from the smooth surface around it. Its vertices move
    halfway to the mean of their neighbours until none is left. The step is linear, so the
    directions take the same steps and every shape stays consistent.

    Raises:
        RuntimeError: folds are left after twenty rounds.
    """
    mean, directions = space.mean.copy(), space.directions.copy()
    for _ in range(_MAX_ROUNDS):
        vertices = np.unique(faces[folded_faces(mean, faces)])
        if len(vertices) == 0:
            directions = np.stack([symmetric(d, mirror) for d in np.moveaxis(directions, -1, 0)], axis=-1)
            return symmetric(mean, mirror), directions
        vertices = np.union1d(vertices, mirror[vertices])
        rings = [np.setdiff1d(faces[(faces == vertex).any(axis=1)], vertex) for vertex in vertices]
        mean[vertices] = _halfway(mean, vertices, rings)
        directions[vertices] = _halfway(directions, vertices, rings)
    raise RuntimeError(f"faces are still folded after {_MAX_ROUNDS} rounds of smoothing")


def folded_faces(vertices: Array, faces: Ids) -> Ids:
    """Faces whose normal points against the mean normal of their three vertices."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    smooth = vertex_normals(vertices, faces)[faces].mean(axis=1)
    return np.flatnonzero((np.cross(b - a, c - a) * smooth).sum(axis=1) < 0)


def _halfway(values: Array, vertices: Ids, rings: list[Ids]) -> Array:
    around = np.stack([values[ring].mean(axis=0) for ring in rings])
    return 0.5 * (values[vertices] + around)
