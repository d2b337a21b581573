"""What vertices take from the maps of one image, against a loop over all windows."""

import numpy as np
import pytest

from occlusion_toolkit.meshes.carry import MapCarrier
from occlusion_toolkit.sweep.grid import Grid

GRIDS = [
    Grid("centred", 40, 16),
    Grid("centred", 40, 7),
    Grid("inside", 40, 24),
    Grid("script", 40, 40),
    Grid("script", 50, 30),
    Grid("inside", 16, 48),
    Grid("centred", 224, 224),
    Grid("centred", 224, 112),
]
by_grid = pytest.mark.parametrize("grid", GRIDS, ids=lambda g: f"{g.kind}-{g.size}-{g.stride}")


def points(grid, count=60, seed=0):
    random = np.random.default_rng(seed)
    inner = random.uniform(0, grid.resolution, (count, 2))
    last = np.nextafter(np.float32(grid.resolution), np.float32(0))
    corners = [[0, 0], [last, 0], [0, last], [last, last]]
    on_borders = grid.windows()[:: max(1, len(grid) // 20), [2, 0]].clip(0, grid.resolution - 1)
    return np.concatenate([inner, corners, on_borders]).astype(np.float32)


def holding(rectangles, x, y):
    y0, y1, x0, x1 = rectangles.T
    return (y0 <= y) & (y < y1) & (x0 <= x) & (x < x1)


@by_grid
def test_the_three_rules_equal_a_loop_over_all_windows(grid):
    maps = np.random.default_rng(1).gamma(2, 30, (3, grid.rows, grid.cols)).astype(np.float32)
    flat = maps.reshape(3, -1).astype(np.float64)
    pixel = points(grid)
    carried = MapCarrier(grid).carry(maps, pixel)
    taken = {rule: iter(what.values) for rule, what in carried.items()}
    for number, (x, y) in enumerate(pixel):
        covering = holding(grid.windows(), x, y)
        chosen = {"cell": holding(grid.cells(), x, y), "hidden": covering, "elsewhere": ~covering}
        assert chosen["cell"].sum() <= 1
        for rule, windows in chosen.items():
            assert carried[rule].defined[number] == windows.any()
            if windows.any():
                np.testing.assert_allclose(next(taken[rule]), flat[:, windows].mean(axis=1), rtol=1e-12)
    assert all(next(rest, None) is None for rest in taken.values())


def test_the_cell_rule_copies_the_value_itself():
    grid = Grid("centred", 40, 16)
    maps = np.random.default_rng(1).gamma(2, 30, (2, grid.rows, grid.cols)).astype(np.float32)
    values = MapCarrier(grid).carry(maps, np.array([[17.0, 0.5], [223.9, 208.0]], np.float32))["cell"].values
    np.testing.assert_array_equal(values, [maps[:, 0, 1], maps[:, 13, 13]])


def test_on_the_default_grids_every_vertex_has_a_value_by_every_rule():
    for stride in (8, 16, 28):
        grid = Grid("centred", 40, stride)
        carried = MapCarrier(grid).carry(np.ones((1, grid.rows, grid.cols), np.float32), points(grid))
        assert all(what.defined.all() for what in carried.values())


def test_in_the_margins_of_a_grid_a_vertex_has_no_cell():
    carried = MapCarrier(Grid("inside", 40, 24)).carry(
        np.ones((1, 8, 8), np.float32), np.array([[2, 100], [100, 100]], np.float32)
    )
    assert carried["cell"].defined.tolist() == [False, True]


def test_where_every_window_covers_a_vertex_nothing_is_elsewhere():
    carried = MapCarrier(Grid("centred", 224, 112)).carry(
        np.ones((1, 2, 2), np.float32), np.array([[112, 112], [5, 112]], np.float32)
    )
    assert carried["elsewhere"].defined.tolist() == [False, True]


@by_grid
def test_a_flat_map_is_flat_on_the_body(grid):
    flat = np.full((1, grid.rows, grid.cols), 73.3, np.float32)
    for what in MapCarrier(grid).carry(flat, points(grid)).values():
        np.testing.assert_allclose(what.values, np.float32(73.3), rtol=1e-13)


def test_a_map_of_zeros_is_exactly_zero_on_the_body():
    grid = Grid("centred", 40, 8)
    for what in MapCarrier(grid).carry(np.zeros((2, 28, 28), np.float32), points(grid)).values():
        assert not what.values.any()
