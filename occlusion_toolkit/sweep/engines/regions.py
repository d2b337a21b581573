"""Which part of every map a window can change: planned once for all windows of a grid."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64
from numpy.typing import NDArray
from torch import Tensor, fx

from occlusion_toolkit.sweep.engines.graphs import shape_of
from occlusion_toolkit.sweep.engines.rules import Intervals, Rule, rule_of
from occlusion_toolkit.sweep.engines.traced import Traced


@dataclass(frozen=True)
class Part:
    """A part of a map, of one size for all windows.

    Attributes:
        height: rows.
        width: columns.
        top: first row, by the window's place on the axis of rows, (Y,).
        left: first column, by the window's place on the axis of columns, (X,).
        share: of the map.
    """

    height: int
    width: int
    top: Int64[Tensor, " rows"]
    left: Int64[Tensor, " cols"]
    share: float


class Regions:
    """The parts of all maps that follow from the windows by known rules.

    Every part is as large as the largest that any window needs and is moved to lie inside the map, so all
    windows have parts of one shape; what such a part holds besides the change is the clean map.

    Args:
        traced: the network.
        windows: rectangles (y0, y1, x0, x1) of a sweep, (W, 4); the empty one of the clean crop is added.
    """

    def __init__(self, traced: Traced, windows: Int64[Tensor, "windows 4"]) -> None:
        rectangles = np.concatenate([np.zeros((1, 4), dtype=np.int64), windows.cpu().numpy()])
        self._device = windows.device
        self._places = [_Places(rectangles[:, :2]), _Places(rectangles[:, 2:])]
        self.rules: dict[fx.Node, Rule | None] = {}
        self.parts: dict[fx.Node, Part] = {}
        changes: dict[fx.Node, tuple[Intervals, Intervals]] = {}
        for node in traced.graph.graph.nodes:
            if node.op == "placeholder":
                rule, change = None, (self._places[0].intervals, self._places[1].intervals)
            else:
                rule = rule_of(node, self.rules)
                if rule is None:
                    continue
                change = tuple(  # type: ignore[assignment]
                    rule.spread(axis, [changes[source][axis] for source in rule.inputs]) for axis in (0, 1)
                )
            shape = shape_of(node) or ()
            self.rules[node] = rule
            changes[node] = (self._clipped(0, change[0], shape[2]), self._clipped(1, change[1], shape[3]))
            self.parts[node] = self._part(changes[node], shape[2], shape[3])

    def places(self, windows: Int64[Tensor, "batch 4"]) -> tuple[Tensor, Tensor]:
        """Where on the two axes some windows of the sweep lie: indices into `Part.top` and `Part.left`."""
        rectangles = windows.cpu().numpy()
        return tuple(  # type: ignore[return-value]
            torch.from_numpy(axis.index(pairs)).to(self._device)
            for axis, pairs in zip(self._places, (rectangles[:, :2], rectangles[:, 2:]), strict=True)
        )

    def _clipped(self, axis: int, change: Intervals, length: int) -> Intervals:
        low, high = (edge.clip(0, length) for edge in change)
        empty = self._places[axis].empty | (high <= low)
        return np.where(empty, 0, low), np.where(empty, 0, high)

    def _part(self, change: tuple[Intervals, Intervals], height: int, width: int) -> Part:
        sizes = [max(1, int((high - low).max())) for low, high in change]
        firsts = [
            torch.from_numpy(low.clip(0, length - size)).to(self._device)
            for (low, _), size, length in zip(change, sizes, (height, width), strict=True)
        ]
        return Part(sizes[0], sizes[1], firsts[0], firsts[1], sizes[0] * sizes[1] / (height * width))


class _Places:
    """The different intervals of windows on an axis."""

    def __init__(self, pairs: NDArray[np.int64]) -> None:
        unique = np.unique(pairs, axis=0)
        self.intervals: Intervals = (unique[:, 0], unique[:, 1])
        self.empty = unique[:, 0] >= unique[:, 1]
        self._index = {(int(low), int(high)): number for number, (low, high) in enumerate(unique)}

    def index(self, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.array([self._index[int(low), int(high)] for low, high in pairs], dtype=np.int64)
