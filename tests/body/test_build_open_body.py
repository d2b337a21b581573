"""The steps of the body's build tool that need no MakeHuman data, on shapes with known answers."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

TOOL = Path(__file__).parents[2] / "tools" / "build_open_body"


class Load(Protocol):
    """Imports one module of the tool by name."""

    def __call__(self, name: str) -> ModuleType: ...


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """The tool is a folder of scripts: its modules are importable only while a test runs."""
    monkeypatch.syspath_prepend(TOOL)
    before = set(sys.modules)
    yield lambda name: importlib.import_module(name)
    for name in {path.stem for path in TOOL.glob("*.py")} & (set(sys.modules) - before):
        del sys.modules[name]


def mirrored_sphere(rounds: int = 4) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Points, faces and mirror table of a subdivided octahedron; no face crosses the plane x = 0."""
    points = [
        np.array(p, float) for p in ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))
    ]
    faces = [(0, 2, 4), (2, 1, 4), (1, 3, 4), (3, 0, 4), (2, 0, 5), (1, 2, 5), (3, 1, 5), (0, 3, 5)]
    for _ in range(rounds):
        middles: dict[tuple[int, int], int] = {}

        def middle(a: int, b: int, middles: dict[tuple[int, int], int] = middles) -> int:
            edge = (min(a, b), max(a, b))
            if edge not in middles:
                middles[edge] = len(points)
                points.append((points[a] + points[b]) / np.linalg.norm(points[a] + points[b]))
            return middles[edge]

        split = []
        for a, b, c in faces:
            ab, bc, ca = middle(a, b), middle(b, c), middle(c, a)
            split += [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
        faces = split
    sphere = np.array(points)
    by_place = {tuple(np.round(p, 9) + 0.0): i for i, p in enumerate(sphere)}
    mirror = np.array([by_place[tuple(np.round(p * [-1, 1, 1], 9) + 0.0)] for p in sphere])
    return sphere, np.array(faces), mirror


@pytest.mark.parametrize("target", [100, 131])
def test_decimation_reaches_the_count_and_stays_closed_and_symmetric(target: int, load: Load) -> None:
    points, faces, mirror = mirrored_sphere(3)
    assert len(points) == 258
    result = load("decimate").decimate(faces, points[None], mirror, target, np.ones(len(points)))
    used = np.unique(result)
    assert len(used) == target
    assert len(result) == 2 * target - 4
    edges = {(a, b) for face in result.tolist() for a, b in zip(face, face[1:] + face[:1], strict=True)}
    assert len(edges) == 3 * len(result)
    assert all((b, a) in edges for a, b in edges)
    assert {frozenset(mirror[face]) for face in result} == {frozenset(face.tolist()) for face in result}
    geometry = load("geometry")
    assert geometry.volume(points, result) == pytest.approx(4 / 3 * np.pi, rel=0.12)


def test_shape_space_finds_the_directions_people_were_made_with(load: Load) -> None:
    points, faces, _ = mirrored_sphere(2)
    rng = np.random.default_rng(0)
    people = points * (1 + 0.1 * rng.normal(size=(400, 1, 1))) + 0.01 * rng.normal(size=(400, *points.shape))
    space = load("shape_space").fit_shape_space(people, faces)
    assert space.variance_share[0] > 0.9
    size = space.directions[..., 0]
    np.testing.assert_allclose((size * points).sum(axis=1), 0.1, rtol=0.15)  # grows outwards, one SD a unit
    mean, directions = space.directions_of(people)
    np.testing.assert_allclose(mean, space.mean)
    np.testing.assert_allclose(directions, space.directions, atol=1e-12)


def test_unfolding_leaves_no_fold_and_moves_nothing_else(load: Load) -> None:
    points, faces, mirror = mirrored_sphere(3)
    folded = points.copy()
    pushed = int(points[:, 0].argmin())
    for vertex in (pushed, int(mirror[pushed])):
        folded[vertex] = folded[vertex] + 0.4 * np.array([0.0, 1.0, 0.0])  # over its neighbours
    shape_space, unfold = load("shape_space"), load("unfold")
    directions = np.repeat(folded[..., None], 10, axis=-1)
    space = shape_space.ShapeSpace(folded, directions, np.zeros((1, 10)), np.ones(10))
    assert len(unfold.folded_faces(folded, faces)) > 0
    mean, moved = unfold.unfolded(space, faces, mirror)
    assert len(unfold.folded_faces(mean, faces)) == 0
    np.testing.assert_array_equal(mean[mirror] * [-1, 1, 1], mean)
    np.testing.assert_allclose(moved[..., 3], mean)  # directions take the same steps
    assert (mean == folded).all(axis=1).mean() > 0.8


def test_ambient_occlusion_is_full_on_a_ball_and_less_in_a_dent(load: Load) -> None:
    points, faces, _ = mirrored_sphere()
    shading = load("shading")
    ball = 0.1 * points  # metres; the lift off the surface is meant for bodies
    seen = shading.ambient_occlusion(ball, faces, 24, 96)
    assert np.median(seen) > 0.97
    assert seen.max() <= 1
    dented = ball.copy()
    dented[points[:, 1] > 0.9, 1] -= 0.05
    bottom = int(points[:, 1].argmax())
    assert shading.ambient_occlusion(dented, faces, 24, 96)[bottom] < seen[bottom] - 0.15


def test_pruned_weights_keep_the_largest_and_sum_to_one(load: Load) -> None:
    weights = np.random.default_rng(0).dirichlet(np.ones(24), 50)
    pruned = load("skinning").prune(weights)
    assert np.count_nonzero(pruned, axis=1).max() <= 5
    np.testing.assert_allclose(pruned.sum(axis=1), 1)
    np.testing.assert_array_equal(pruned.argmax(axis=1), weights.argmax(axis=1))
