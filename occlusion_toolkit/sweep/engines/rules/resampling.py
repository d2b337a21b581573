"""Resizing of any kind and adaptive pooling: every output row is a weighted sum of a few input rows in a row.

The weights are read off from what the operation itself does to an identity matrix, axis by axis: whatever
its convention (corners aligned or not, anti-aliased, cubic), it is a banded matrix for rows and another for
columns.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, fx

from occlusion_toolkit.sweep.engines.graphs import shape_of
from occlusion_toolkit.sweep.engines.rules.base import Intervals, Rule, pair

_aten = torch.ops.aten

_RESIZING = (
    _aten.upsample_nearest2d.vec,
    _aten._upsample_nearest_exact2d.vec,
    _aten.upsample_bilinear2d.vec,
    _aten._upsample_bilinear2d_aa.vec,
    _aten.upsample_bicubic2d.vec,
    _aten._upsample_bicubic2d_aa.vec,
)

RESAMPLING = (*_RESIZING, _aten.adaptive_avg_pool2d.default)
"""Operations that the rule knows."""


@dataclass(frozen=True)
class Band:
    """A banded matrix: output row i is the sum of `weights[i, k] * input[first[i] + k]`.

    Attributes:
        rows: of the input.
        lower: first input row with a weight, (R,), rising.
        upper: last input row with a weight, (R,), rising.
        first: where the weights begin, (R,).
        weights: (R, K).
    """

    rows: int
    lower: Int64[Tensor, " out"]
    upper: Int64[Tensor, " out"]
    first: Int64[Tensor, " out"]
    weights: Float[Tensor, "out taps"]

    @classmethod
    def of(cls, matrix: Float[Tensor, "out rows"]) -> "Band | None":
        """The band of a matrix; None where it has none that moves steadily from row to row."""
        rows = matrix.shape[1]
        used = matrix != 0
        if not used.any(dim=1).all():
            return None
        lower = used.byte().argmax(dim=1)
        upper = rows - 1 - used.flip(1).byte().argmax(dim=1)
        if (lower.diff() < 0).any() or (upper.diff() < 0).any():
            return None
        taps = int((upper - lower).max()) + 1
        first = lower.clamp(max=rows - taps)
        weights = matrix.gather(1, first[:, None] + torch.arange(taps, device=first.device))
        return cls(rows, lower, upper, first, weights)

    def spread(self, change: Intervals) -> Intervals:
        """Outputs with a weight on a changed row."""
        lower, upper = self.lower.cpu().numpy(), self.upper.cpu().numpy()
        # Both rise, so the outputs that use a row at or after a place are those from some row on.
        low = np.searchsorted(upper, change[0], side="left")
        high = np.searchsorted(lower, change[1] - 1, side="right")
        return low.astype(np.int64), high.astype(np.int64)

    def needs(self, first: Tensor, length: int) -> tuple[Tensor, int]:
        """From the first row with a weight to the last, over all places where a part can begin."""
        taps = self.weights.shape[1]
        longest = int((self.first[length - 1 :] - self.first[: len(self.first) - length + 1]).max()) + taps
        return self.first[first].clamp(max=self.rows - longest), longest

    def mix(self, part: Tensor, axis: int, first: Tensor, begin: Tensor, length: int) -> Tensor:
        """Outputs `first` to `first + length` of each window from inputs that begin at `begin`.

        Args:
            part: (N, C, h, w); worked on pixel by pixel in memory.
            axis: 0 for rows, 1 for columns.
            first: (N,).
            begin: (N,).
            length: of the outputs.
        """
        pixels = part.permute(0, 2, 3, 1)
        count, height, width, channels = pixels.shape
        outputs = first[:, None] + torch.arange(length, device=first.device)
        at, weights = self.first[outputs] - begin[:, None], self.weights[outputs]
        if axis == 0:  # whole rows are lines of a table
            table = pixels.reshape(count * height, width * channels)
            lines = torch.arange(count, device=at.device)[:, None] * height + at
            shape, weights = (count, length, width, channels), weights[:, :, None, None]
        else:
            table = pixels.reshape(count * height * width, channels)
            lines = (
                torch.arange(count * height, device=at.device).view(count, height, 1) * width + at[:, None]
            )
            shape, weights = (count, height, length, channels), weights[:, None, :, None]

        def tap(number: int) -> Tensor:
            return table.index_select(0, (lines + number).flatten()).view(shape)

        mixed = tap(0)
        if not self.copies:
            mixed = mixed.float() * weights[..., 0]
            for number in range(1, weights.shape[-1]):
                mixed.addcmul_(tap(number).float(), weights[..., number])
        return mixed.permute(0, 3, 1, 2)

    @cached_property
    def copies(self) -> bool:
        """Whether every output row is an input row (nearest)."""
        return bool((self.weights == 1).all())


class Resampling(Rule):
    """Resizing of any kind, axis by axis."""

    def __init__(self, node: fx.Node, inputs: tuple[fx.Node, ...], bands: tuple[Band, Band]) -> None:
        super().__init__(node, inputs)
        self._bands = bands

    @classmethod
    def of(cls, node: fx.Node, inputs: tuple[fx.Node, ...]) -> "Resampling | None":
        """The rule of a resizing of one map, or None."""
        source = shape_of(inputs[0])
        if source is None or len(source) != 4 or node.kwargs:
            return None
        device = node.meta["val"].device
        bands = [Band.of(_matrix(node, axis, source[2 + axis], device)) for axis in (0, 1)]
        if bands[0] is None or bands[1] is None:
            return None
        return cls(node, inputs, (bands[0], bands[1]))

    def spread(self, axis: int, changes: list[Intervals]) -> Intervals:
        """Outputs that mix in a changed row."""
        return self._bands[axis].spread(changes[0])

    def needs(self, axis: int, first: Tensor, length: int) -> tuple[Tensor, int]:
        """All rows that are mixed in, over all places where a part can begin."""
        return self._bands[axis].needs(first, length)

    def apply(self, parts: list[Tensor], first: tuple[Tensor, Tensor], length: tuple[int, int]) -> Tensor:
        """Rows are mixed, then columns."""
        mixed = parts[0]
        for axis in (0, 1):
            begin, _ = self.needs(axis, first[axis], length[axis])
            mixed = self._bands[axis].mix(mixed, axis, first[axis], begin, length[axis])
        return mixed.to(parts[0].dtype)


def _matrix(node: fx.Node, axis: int, rows: int, device: torch.device) -> Float[Tensor, "out rows"]:
    """What an operation does along an axis: to as many maps as there are rows, each with one row of ones.

    Maps are two columns wide: PyTorch's anti-aliased resizing is wrong on one column (seen in 2.13).
    """
    columns = torch.eye(rows, device=device).view(1, rows, rows, 1).repeat(1, 1, 1, 2)
    if node.target in _RESIZING:
        _, size, *settings, scales = node.args
        sizes = None if size is None else [size[axis], 2]  # type: ignore[index]
        factors = None if scales is None or size is not None else [scales[axis], 1.0]  # type: ignore[index]
        arguments = [sizes, *settings, factors]
    else:
        arguments = [[pair(node.args[1])[axis], 2]]
    answer: Tensor = node.target(columns, *arguments)  # type: ignore[operator]
    return answer[0, :, :, 0].T.contiguous()
