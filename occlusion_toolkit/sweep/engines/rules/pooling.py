"""Pooling under a sliding window, and padding with a constant."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from occlusion_toolkit.sweep.engines.rules.base import Axis, Intervals, Rule, pair

_aten = torch.ops.aten


class Pooling(Rule):
    """Maximum and mean under a sliding window."""

    def __init__(self, node: fx.Node, inputs: tuple[fx.Node, ...], axes: tuple[Axis, Axis], maximum: bool):
        super().__init__(node, inputs)
        self._axes, self._maximum = axes, maximum

    @classmethod
    def of(cls, node: fx.Node, inputs: tuple[fx.Node, ...]) -> "Pooling | None":
        """The rule of a pooling whose windows are all whole, or None."""
        maximum = node.target is _aten.max_pool2d.default
        kernel = pair(node.args[1])
        stride = pair(node.args[2]) if len(node.args) > 2 and node.args[2] else kernel
        padding = pair(node.args[3]) if len(node.args) > 3 else (0, 0)
        rest = node.args[4:]
        if maximum:
            dilation, ceil = pair(rest[0]) if rest else (1, 1), bool(rest[1]) if len(rest) > 1 else False
            usual = dilation == (1, 1) and not ceil
        else:
            counts_padding = rest[1] if len(rest) > 1 else True
            usual = not (rest and rest[0]) and bool(counts_padding or padding == (0, 0)) and len(rest) < 3
        if not usual or node.kwargs:
            return None
        rows, cols = (Axis(*values) for values in zip(kernel, stride, padding, strict=True))
        return cls(node, inputs, (rows, cols), maximum)

    def spread(self, axis: int, changes: list[Intervals]) -> Intervals:
        """Outputs whose window touches a change."""
        return self._axes[axis].spread(changes[0])

    def needs(self, axis: int, first: Tensor, length: int) -> tuple[Tensor, int]:
        """The part under the windows."""
        return self._axes[axis].needs(first, length)

    def apply(self, parts: list[Tensor], first: tuple[Tensor, Tensor], length: tuple[int, int]) -> Tensor:
        """The pooling without padding."""
        sizes, steps = [axis.size for axis in self._axes], [axis.step for axis in self._axes]
        return (F.max_pool2d if self._maximum else F.avg_pool2d)(parts[0], sizes, steps)

    @property
    def padding_value(self) -> float:
        """Less than everything for a maximum."""
        return -math.inf if self._maximum else 0.0


class Padding(Rule):
    """Constant values around a map, and behind its channels."""

    def __init__(self, node: fx.Node, inputs: tuple[fx.Node, ...], amounts: list[int], value: float) -> None:
        super().__init__(node, inputs)
        self._before = (amounts[2] if len(amounts) > 2 else 0, amounts[0])
        self._channels = (amounts[4], amounts[5]) if len(amounts) > 4 else (0, 0)
        self._value = value

    @classmethod
    def of(cls, node: fx.Node, inputs: tuple[fx.Node, ...]) -> "Padding | None":
        """The rule of padding with a constant, or None."""
        amounts, rest = list(node.args[1]), list(node.args[2:])  # type: ignore[arg-type]
        if node.target is _aten.pad.default:
            if rest and rest[0] != "constant":
                return None
            rest = rest[1:]
        value = float(rest[0]) if rest and isinstance(rest[0], int | float) else 0.0
        fits = len(amounts) in (2, 4, 6) and all(isinstance(n, int) and n >= 0 for n in amounts)
        return cls(node, inputs, amounts, value) if fits else None

    def spread(self, axis: int, changes: list[Intervals]) -> Intervals:
        """The same, further in."""
        low, high = changes[0]
        return low + self._before[axis], high + self._before[axis]

    def needs(self, axis: int, first: Tensor, length: int) -> tuple[Tensor, int]:
        """The same, further out."""
        return first - self._before[axis], length

    def apply(self, parts: list[Tensor], first: tuple[Tensor, Tensor], length: tuple[int, int]) -> Tensor:
        """The part, which has its border with it."""
        if not any(self._channels):
            return parts[0]
        return F.pad(parts[0], (0, 0, 0, 0, *self._channels), value=self._value)

    @property
    def padding_value(self) -> float:
        """The constant."""
        return self._value
