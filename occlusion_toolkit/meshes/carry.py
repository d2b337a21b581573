"""From the maps of one image to its pixels: the three rules by which a vertex takes a value."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from occlusion_toolkit.meshes.sensitivity_mesh import RULES, Rule
from occlusion_toolkit.sweep.grid import Grid


@dataclass(frozen=True)
class Carried:
    """What some vertices take from the maps of one image by one rule.

    Attributes:
        defined: whether the rule gives the vertex a value, (N,): it does not in the margins of a grid, or
            where no window (every window) covers the vertex.
        values: of the defined vertices, (D, C).
    """

    defined: Bool[np.ndarray, " vertices"]
    values: Float64[np.ndarray, "defined channels"]


class MapCarrier:
    """Reads maps of a grid at projections of vertices.

    Windows and cells are products of intervals, so those that contain a point are a rectangle of the map,
    and the sum over it takes four values of the map's summed-area table.

    Args:
        grid: of the maps.
    """

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._windows = _containing(grid.windows(), grid)
        self._cells = _containing(grid.cells(), grid)

    def carry(
        self,
        maps: Float32[np.ndarray, "channels rows cols"] | Float64[np.ndarray, "channels rows cols"],
        pixel: Float32[np.ndarray, "vertices 2"],
    ) -> dict[Rule, Carried]:
        """What every rule gives to each vertex.

        Args:
            maps: of one image, (C, rows, cols).
            pixel: projections (x, y) inside the crop, continuous pixels, (N, 2).
        """
        column, row = np.floor(pixel).astype(np.int64).T
        table = np.zeros((self._grid.rows + 1, self._grid.cols + 1, len(maps)))
        table[1:, 1:] = maps.transpose(1, 2, 0).astype(np.float64).cumsum(axis=0).cumsum(axis=1)
        top, bottom = self._windows[row].T
        left, right = self._windows[column].T
        covering = (bottom - top) * (right - left)
        hidden = table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
        (cell_row, has_row), (cell_column, has_column) = self._cells[row].T, self._cells[column].T
        in_cell = (has_row > cell_row) & (has_column > cell_column)
        cells = maps[:, cell_row[in_cell], cell_column[in_cell]].T.astype(np.float64)
        return dict(
            zip(
                RULES,
                (
                    Carried(in_cell, cells),
                    _means(hidden, covering),
                    _means(table[-1, -1] - hidden, len(self._grid) - covering),
                ),
                strict=True,
            )
        )


def _containing(rectangles: Int64[np.ndarray, "windows 4"], grid: Grid) -> Int64[np.ndarray, "resolution 2"]:
    """For each pixel of an axis the first and one past the last of the intervals that contain it."""
    per_axis = rectangles.reshape(grid.rows, grid.cols, 4)[:, 0, :2]  # the same on both axes
    pixels = np.arange(grid.resolution)
    first = np.searchsorted(per_axis[:, 1], pixels, side="right")
    last = np.searchsorted(per_axis[:, 0], pixels, side="right")
    return np.stack([first, last], axis=1)


def _means(sums: Float64[np.ndarray, "vertices channels"], number: Int64[np.ndarray, " vertices"]) -> Carried:
    defined = number > 0
    return Carried(defined, sums[defined] / number[defined, None])
