"""Convolutions, and transposed ones."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from occlusion_toolkit.sweep.engines.fused import FusedConv
from occlusion_toolkit.sweep.engines.graphs import constant_of
from occlusion_toolkit.sweep.engines.rules.base import Axis, Intervals, Rule, hull, pair


class Convolution(Rule):
    """Convolutions, fused with what follows; another map that is added lies like the output."""

    def __init__(self, node: fx.Node, inputs: tuple[fx.Node, ...]) -> None:
        super().__init__(node, inputs)
        if not isinstance(node.target, FusedConv):
            raise TypeError(f"{node.target} is no fused convolution")
        self._conv = conv = node.target
        self._axes = tuple(
            Axis((conv.weight.shape[2 + k] - 1) * conv.dilation[k] + 1, conv.stride[k], conv.padding[k])
            for k in (0, 1)
        )

    @classmethod
    def of(cls, node: fx.Node, inputs: tuple[fx.Node, ...]) -> "Convolution | None":
        """The rule of a fused convolution whose arguments are all maps, or None."""
        return cls(node, inputs) if inputs == node.args else None

    def spread(self, axis: int, changes: list[Intervals]) -> Intervals:
        """Outputs whose kernel touches a change, and changes of what is added."""
        return hull([self._axes[axis].spread(changes[0]), *changes[1:]])

    def needs(self, axis: int, first: Tensor, length: int) -> tuple[Tensor, int]:
        """The part under the kernels."""
        return self._axes[axis].needs(first, length)

    def apply(self, parts: list[Tensor], first: tuple[Tensor, Tensor], length: tuple[int, int]) -> Tensor:
        """The convolution without padding: the part has its border with it."""
        return self._conv(parts[0], parts[1] if len(parts) > 1 else None, padding=(0, 0))


class Transposed(Rule):
    """Transposed convolutions: every input pixel is spread over a kernel's width of outputs."""

    def __init__(
        self, node: fx.Node, inputs: tuple[fx.Node, ...], axes: tuple[Axis, Axis], weight: Tensor
    ) -> None:
        super().__init__(node, inputs)
        self._axes, self._weight = axes, weight

    @classmethod
    def of(cls, node: fx.Node, inputs: tuple[fx.Node, ...]) -> "Transposed | None":
        """The rule of a transposed convolution with constant weights, or None."""
        weight, _, stride, padding, output_padding, _, dilation = _arguments(node)
        kernels = constant_of(weight)
        if inputs != node.args[:1] or pair(output_padding) != (0, 0) or kernels is None:
            return None
        sizes = ((n - 1) * step + 1 for n, step in zip(kernels.shape[2:], pair(dilation), strict=True))
        rows, cols = (Axis(*values) for values in zip(sizes, pair(stride), pair(padding), strict=True))
        return cls(node, inputs, (rows, cols), kernels)

    def spread(self, axis: int, changes: list[Intervals]) -> Intervals:
        """Outputs that a changed pixel is spread over."""
        a, (low, high) = self._axes[axis], changes[0]
        return low * a.step - a.before, (high - 1) * a.step - a.before + a.size

    def needs(self, axis: int, first: Tensor, length: int) -> tuple[Tensor, int]:
        """All pixels that are spread over the part, whichever way it begins."""
        a = self._axes[axis]
        begin = -((a.size - 1 - a.before - first) // a.step)
        return begin, (length + a.size - 2) // a.step + 2

    def apply(self, parts: list[Tensor], first: tuple[Tensor, Tensor], length: tuple[int, int]) -> Tensor:
        """The operation without padding, from which each window takes its part."""
        _, bias, stride, _, output_padding, groups, dilation = _arguments(self.node)
        whole = F.conv_transpose2d(
            parts[0], self._weight, constant_of(bias), stride, 0, output_padding, groups, dilation
        )
        for axis in (0, 1):
            a = self._axes[axis]
            begin, _ = self.needs(axis, first[axis], length[axis])
            offset = first[axis] - (begin * a.step - a.before)
            whole = _taken(whole, axis, offset, length[axis])
        return whole


def _taken(maps: Tensor, axis: int, offset: Tensor, length: int) -> Tensor:
    """Some rows or columns of each map, (N, C, h, w), from an offset of its own on, (N,)."""
    index = offset[:, None] + torch.arange(length, device=offset.device)
    shape, sizes = [len(maps), 1, 1, 1], list(maps.shape)
    shape[2 + axis] = sizes[2 + axis] = length
    return maps.gather(2 + axis, index.view(shape).expand(sizes))


def _arguments(node: fx.Node) -> tuple[Any, ...]:
    """Weight, bias, stride, padding, output padding, groups and dilation of a transposed convolution."""
    defaults = (None, None, [1, 1], [0, 0], [0, 0], 1, [1, 1])
    return (*node.args[1:], *defaults[len(node.args) - 1 :])
