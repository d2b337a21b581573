"""Where occluders go: the windows of a sweep, and the block of the crop each one stands for.

Coordinates count pixel edges: column c covers [c, c + 1), the crop covers [0, resolution). A window or
block (y0, y1, x0, x1) covers rows y0 to y1 - 1 and columns x0 to x1 - 1.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float64, Int64

from occlusion_toolkit.errors import GridError

GridKind = Literal["centred", "inside", "script"]
"""How windows are laid over the crop.

`centred`: the crop is tiled by stride x stride blocks and a window is centred on each of them, clipped by
    the border; a map has exactly one value per block (the paper's "centred on that pixel", PARE,
    Section 3, with blocks for pixels).
`inside`: whole windows only, a stride apart, the lattice as a whole centred in the crop.
`script`: the public PARE script's windows: top-left corners at multiples of the stride from the corner of
    the crop, n = ceil((resolution - size) / stride + 1) per axis, the last row and column clipped.
"""

_LARGEST_CROP = 4096  # grids are read from files: more is a claim, not a crop


@dataclass(frozen=True)
class Grid:
    """All windows of a sweep, in row-major order.

    A block whose side has the other parity than the window (stride 7 under size 40) has its centre half
    a pixel off every possible window centre. The window is then placed half a pixel up and left of the
    block's centre, everywhere, so windows stay exactly a stride apart. With equal parity (the default,
    40 over 8) centres coincide and a flipped crop has exactly the flipped windows.

    Attributes:
        kind: the rule that places the windows.
        size: side of the square window, pixels of the crop.
        stride: distance between neighbouring windows, pixels of the crop.
        resolution: side of the crop, pixels.

    Raises:
        GridError: the numbers do not fit each other; the message says which do.
    """

    kind: GridKind = "centred"
    size: int = 40
    stride: int = 8
    resolution: int = 224

    def __post_init__(self) -> None:
        if self.kind not in get_args(GridKind):
            raise GridError(f"unknown grid {self.kind!r}; choose one of: {', '.join(get_args(GridKind))}")
        if not 1 <= self.resolution <= _LARGEST_CROP:
            raise GridError(f"a crop of {self.resolution} pixels; choose 1 to {_LARGEST_CROP}")
        if self.size < 1 or self.size > self.resolution:
            raise GridError(
                f"window size {self.size} does not fit a crop of {self.resolution} pixels; "
                f"choose 1 to {self.resolution}"
            )
        if self.stride < 1:
            raise GridError(f"stride {self.stride} is not a step; choose 1 or more pixels")
        if self.kind == "centred" and self.resolution % self.stride:
            raise GridError(
                f"stride {self.stride} does not tile a crop of {self.resolution} pixels; "
                f"the nearest strides that do: {self._neighbouring_strides()}"
            )
        if self.kind == "script" and self._starts()[-1] >= self.resolution:
            raise GridError(
                f"stride {self.stride} with size {self.size} puts the last window of the script grid "
                f"outside the crop; choose a stride of at most the size"
            )

    @property
    def rows(self) -> int:
        """Windows from top to bottom."""
        return len(self._starts())

    @property
    def cols(self) -> int:
        """Windows from left to right."""
        return len(self._starts())

    def __len__(self) -> int:
        return self.rows * self.cols

    def windows(self) -> Int64[np.ndarray, "windows 4"]:
        """The occluded rectangles (y0, y1, x0, x1) in pixels, clipped by the border, row-major."""
        return self._rectangles(self._starts(), self.size)

    def centres(self) -> Float64[np.ndarray, " per_axis"]:
        """Where windows are centred before the border clips them, pixels of the crop; on both axes."""
        return self._starts() + self.size / 2

    def cells(self) -> Int64[np.ndarray, "windows 4"]:
        """The blocks (y0, y1, x0, x1) that the cells of a map are drawn over, row-major.

        A block has the side of the stride, shares its centre with the (unclipped) window and ends at the
        border of the crop. Blocks never overlap. `centred` blocks tile the crop; the other kinds leave
        margins, where no window is centred and nothing is to be drawn.
        """
        if self.kind == "centred":
            starts = np.arange(0, self.resolution, self.stride, dtype=np.int64)
        else:
            starts = self._starts() - (self.stride - self.size) // 2
        return self._rectangles(starts, self.stride)

    def _starts(self) -> Int64[np.ndarray, " per_axis"]:
        """First row (and column) of every window before clipping; may be negative."""
        slack = self.resolution - self.size
        if self.kind == "centred":
            blocks = np.arange(0, self.resolution, self.stride, dtype=np.int64)
            return blocks + (self.stride - self.size) // 2
        if self.kind == "inside":
            return np.arange((slack % self.stride) // 2, slack + 1, self.stride, dtype=np.int64)
        count = -(-slack // self.stride) + 1
        return np.arange(count, dtype=np.int64) * self.stride

    def _rectangles(
        self, starts: Int64[np.ndarray, " per_axis"], side: int
    ) -> Int64[np.ndarray, "windows 4"]:
        first = starts.clip(0, self.resolution)
        last = (starts + side).clip(0, self.resolution)
        rows, cols = np.meshgrid(np.arange(len(starts)), np.arange(len(starts)), indexing="ij")
        return np.stack([first[rows], last[rows], first[cols], last[cols]], axis=-1).reshape(-1, 4)

    def _neighbouring_strides(self) -> str:
        tiling = [s for s in range(1, self.resolution + 1) if self.resolution % s == 0]
        below = [s for s in tiling if s < self.stride][-1:]
        above = [s for s in tiling if s > self.stride][:1]
        return " and ".join(str(s) for s in below + above)
