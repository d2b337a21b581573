"""How far a change in its input reaches in the output of each operation, along one axis.

A change is an interval [low, high) of rows or columns; many are handled at once as two arrays of integers. A
`Rule` also says which rows of the input an interval of the output needs, so that a part of a map can be
computed alone.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, fx

from occlusion_toolkit.sweep.engines.traced import FusedConv, constant_of, shape_of

Intervals = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Firsts and ends of some intervals."""

_aten = torch.ops.aten

_ELEMENTWISE = frozenset(
    {
        _aten.relu.default, _aten.hardtanh.default, _aten.sigmoid.default, _aten.tanh.default,
        _aten.silu.default, _aten.gelu.default, _aten.elu.default, _aten.leaky_relu.default,
        _aten.hardswish.default, _aten.hardsigmoid.default, _aten.softplus.default, _aten.clamp.default,
        _aten.clamp_min.default, _aten.clamp_max.default, _aten.neg.default, _aten.exp.default,
        _aten.abs.default, _aten.sqrt.default, _aten.square.default, _aten.add.Tensor, _aten.sub.Tensor,
        _aten.mul.Tensor, _aten.div.Tensor, _aten.add.Scalar, _aten.mul.Scalar, _aten.maximum.default,
        _aten.minimum.default, _aten.to.dtype,
    }
)  # fmt: skip


@dataclass(frozen=True)
class Axis:
    """One axis of a sliding operation.

    Attributes:
        size: length of the kernel, dilation included.
        step: stride.
        before: padding in front.
    """

    size: int
    step: int
    before: int

    def spread(self, changes: Intervals) -> Intervals:
        """Outputs whose kernel touches a change."""
        low, high = changes
        return -((self.size - 1 - self.before - low) // self.step), (high - 1 + self.before) // self.step + 1


class Rule(ABC):
    """How one operation is applied to parts of maps.

    Attributes:
        node: the operation.
        inputs: the maps it takes; everything else in its arguments is constant.
    """

    def __init__(self, node: fx.Node, inputs: tuple[fx.Node, ...]) -> None:
        self.node = node
        self.inputs = inputs
        self.shape = shape_of(node) or ()

    @abstractmethod
    def spread(self, axis: int, changes: list[Intervals]) -> Intervals:
        """What changes in the output, before it is clipped to the map.

        Args:
            axis: 0 for rows, 1 for columns.
            changes: of each input.
        """

    @abstractmethod
    def needs(self, axis: int, first: Tensor, length: int) -> tuple[Tensor, int]:
        """Which part of every input a part of the output needs; it may reach beyond the map.

        Args:
            axis: 0 for rows, 1 for columns.
            first: where the part of the output begins, one per window, (N,).
            length: of the part of the output, the same for all.

        Returns:
            Where the part of the input begins, (N,), and its length.
        """

    @abstractmethod
    def apply(self, parts: list[Tensor], first: tuple[Tensor, Tensor], length: tuple[int, int]) -> Tensor:
        """The part of the output from the parts of the inputs that it needs, (N, C, h, w)."""

    @property
    def padding_value(self) -> float:
        """What lies beyond the border of the inputs."""
        return 0.0


class Local(Rule):
    """Operations pixel by pixel, over one map or several of the same size."""

    def spread(self, axis: int, changes: list[Intervals]) -> Intervals:
        """The hull of all changes."""
        return _hull(changes)

    def needs(self, axis: int, first: Tensor, length: int) -> tuple[Tensor, int]:
        """The same part."""
        return first, length

    def apply(self, parts: list[Tensor], first: tuple[Tensor, Tensor], length: tuple[int, int]) -> Tensor:
        """The operation itself."""
        given = dict(zip(self.inputs, parts, strict=True))
        args, kwargs = fx.node.map_arg(
            (self.node.args, self.node.kwargs),
            lambda node: given[node] if node in given else constant_of(node),
        )
        result: Tensor = self.node.target(*args, **kwargs)  # type: ignore[operator]
        return result


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

    def spread(self, axis: int, changes: list[Intervals]) -> Intervals:
        """Outputs whose kernel touches a change, and changes of what is added."""
        return _hull([self._axes[axis].spread(changes[0]), *changes[1:]])

    def needs(self, axis: int, first: Tensor, length: int) -> tuple[Tensor, int]:
        """The part under the kernels."""
        a = self._axes[axis]
        return first * a.step - a.before, (length - 1) * a.step + a.size

    def apply(self, parts: list[Tensor], first: tuple[Tensor, Tensor], length: tuple[int, int]) -> Tensor:
        """The convolution without padding: the part has its border with it."""
        return self._conv(parts[0], parts[1] if len(parts) > 1 else None, padding=(0, 0))


class Pooling(Rule):
    """Maximum and mean under a sliding window."""

    def __init__(self, node: fx.Node, inputs: tuple[fx.Node, ...], axes: tuple[Axis, Axis], maximum: bool):
        super().__init__(node, inputs)
        self._axes, self._maximum = axes, maximum

    def spread(self, axis: int, changes: list[Intervals]) -> Intervals:
        """Outputs whose window touches a change."""
        return self._axes[axis].spread(changes[0])

    def needs(self, axis: int, first: Tensor, length: int) -> tuple[Tensor, int]:
        """The part under the windows."""
        a = self._axes[axis]
        return first * a.step - a.before, (length - 1) * a.step + a.size

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

    def spread(self, axis: int, changes: list[Intervals]) -> Intervals:
        """The same, further in."""
        low, high = changes[0]
        return low + self._before[axis], high + self._before[axis]

    def needs(self, axis: int, first: Tensor, length: int) -> tuple[Tensor, int]:
        """The same, further out."""
        return first - self._before[axis], length

    def apply(self, parts: list[Tensor], first: tuple[Tensor, Tensor], length: tuple[int, int]) -> Tensor:
        """The part, which has its border with it."""
        return F.pad(parts[0], (0, 0, 0, 0, *self._channels), value=self._value)

    @property
    def padding_value(self) -> float:
        """The constant."""
        return self._value


class Resizing(Rule):
    """Nearest and bilinear resizing: every output row is a mixture of two input rows."""

    def __init__(
        self, node: fx.Node, inputs: tuple[fx.Node, ...], tables: tuple["Mixture", "Mixture"]
    ) -> None:
        super().__init__(node, inputs)
        self._tables = tables

    def spread(self, axis: int, changes: list[Intervals]) -> Intervals:
        """Outputs that mix in a changed row."""
        table = self._tables[axis]
        # Both tables rise, so the outputs that use a row at or after `low` are those from some row on.
        low = np.searchsorted(table.upper.numpy(), changes[0][0], side="left")
        high = np.searchsorted(table.lower.numpy(), changes[0][1] - 1, side="right")
        return low.astype(np.int64), high.astype(np.int64)

    def needs(self, axis: int, first: Tensor, length: int) -> tuple[Tensor, int]:
        """From the first row that is mixed in to the last, over all places where a part can begin."""
        table = self._tables[axis]
        starts = torch.arange(len(table.lower) - length + 1)
        longest = int((table.upper[starts + length - 1] - table.lower[starts]).max()) + 1
        begin = table.lower.to(first.device)[first].clamp(max=table.rows - longest)
        return begin, longest

    def apply(self, parts: list[Tensor], first: tuple[Tensor, Tensor], length: tuple[int, int]) -> Tensor:
        """Rows are mixed, then columns."""
        mixed = parts[0]
        for axis in (0, 1):
            begin, _ = self.needs(axis, first[axis], length[axis])
            mixed = self._tables[axis].mix(mixed, 2 + axis, first[axis], begin, length[axis])
        return mixed


@dataclass(frozen=True)
class Mixture:
    """Output row i is (1 - weight[i]) * input[lower[i]] + weight[i] * input[upper[i]].

    Attributes:
        rows: of the input.
        lower: (R,).
        upper: (R,), equal to `lower` where only one row counts.
        weight: (R,).
    """

    rows: int
    lower: Tensor
    upper: Tensor
    weight: Tensor

    @classmethod
    def of(cls, operation: Callable[[Tensor], Tensor], rows: int, mixes: bool) -> "Mixture":
        """Read off from what the operation does to ramps, whatever its convention.

        Args:
            operation: takes (1, 1, R, 1) in float64.
            rows: of the input.
            mixes: whether outputs lie between inputs (bilinear).
        """
        position = operation(torch.arange(rows, dtype=torch.float64).view(1, 1, rows, 1)).flatten()
        lower = (position + 1e-9).floor().long().clamp(0, rows - 1)
        weight = (position - lower).clamp(min=0.0)
        weight[weight < 1e-9] = 0.0
        upper = torch.where(weight > 0, lower + 1, lower) if mixes else lower
        return cls(rows, lower, upper, weight)

    def mix(self, part: Tensor, dim: int, first: Tensor, begin: Tensor, length: int) -> Tensor:
        """Outputs `first` to `first + length` of each window from inputs that begin at `begin`."""
        outputs = first[:, None] + torch.arange(length, device=first.device)
        shape = [len(part), 1, 1, 1]
        shape[dim] = length
        sizes = list(part.shape)
        sizes[dim] = length

        def rows(table: Tensor) -> Tensor:
            index = table.to(first.device)[outputs] - begin[:, None]
            return part.gather(dim, index.view(shape).expand(sizes))

        low = rows(self.lower)
        if not self.weight.any():
            return low
        weight = self.weight.to(first.device, part.dtype)[outputs].view(shape)
        return torch.lerp(low, rows(self.upper), weight)


class Transposed(Rule):
    """Transposed convolutions: every input pixel is spread over a kernel's width of outputs."""

    def __init__(
        self, node: fx.Node, inputs: tuple[fx.Node, ...], axes: tuple[Axis, Axis], weight: Tensor
    ) -> None:
        super().__init__(node, inputs)
        self._axes, self._weight = axes, weight

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
        _, bias, stride, _, output_padding, groups, dilation = transposed_arguments(self.node)
        whole = F.conv_transpose2d(
            parts[0], self._weight, constant_of(bias), stride, 0, output_padding, groups, dilation
        )
        for axis in (0, 1):
            a = self._axes[axis]
            begin, _ = self.needs(axis, first[axis], length[axis])
            offset = first[axis] - (begin * a.step - a.before)
            index = offset[:, None] + torch.arange(length[axis], device=offset.device)
            shape, sizes = [len(whole), 1, 1, 1], list(whole.shape)
            shape[2 + axis] = sizes[2 + axis] = length[axis]
            whole = whole.gather(2 + axis, index.view(shape).expand(sizes))
        return whole


def transposed_arguments(node: fx.Node) -> tuple[Any, ...]:
    """Weight, bias, stride, padding, output padding, groups and dilation of a transposed convolution."""
    defaults = (None, None, [1, 1], [0, 0], [0, 0], 1, [1, 1])
    return (*node.args[1:], *defaults[len(node.args) - 1 :])


def rule_of(node: fx.Node, maps: dict[fx.Node, Rule | None]) -> Rule | None:
    """The rule of a node whose changing inputs are all in `maps`; None where there is none.

    Args:
        node: an operation of a traced graph.
        maps: nodes that change with the window and can be had in parts.
    """
    shape, inputs = shape_of(node), tuple(n for n in node.all_input_nodes if n in maps)
    constants = [n for n in node.all_input_nodes if n not in maps]
    if not inputs or shape is None or len(shape) != 4 or any(n.op != "get_attr" for n in constants):
        return None
    if isinstance(node.target, FusedConv):
        return Convolution(node, inputs) if inputs == node.args else None
    if node.target in _ELEMENTWISE:
        same = all(shape_of(n) == shape for n in inputs)
        return Local(node, inputs) if same and all(_per_channel(n, shape) for n in constants) else None
    if node.target is _aten.cat.default:
        return Local(node, inputs) if not constants and node.args[1:] == (1,) else None
    if node.target is _aten.batch_norm.default:
        return Local(node, inputs) if len(inputs) == 1 and node.args[5] is False else None
    if node.target in (_aten.max_pool2d.default, _aten.avg_pool2d.default):
        return _pooling(node, inputs)
    if node.target in (_aten.pad.default, _aten.constant_pad_nd.default):
        return _padding(node, inputs)
    if node.target in (_aten.upsample_nearest2d.vec, _aten.upsample_bilinear2d.vec):
        return _resizing(node, inputs)
    if node.target is _aten.conv_transpose2d.input and inputs == node.args[:1]:
        return _transposed(node, inputs)
    return None


def _hull(changes: list[Intervals]) -> Intervals:
    lows, highs = zip(*changes, strict=True)
    return np.minimum.reduce(lows), np.maximum.reduce(highs)


def _per_channel(node: fx.Node, shape: tuple[int, ...]) -> bool:
    """Whether a constant is the same for every pixel of a map."""
    size = shape_of(node)
    return size is not None and (
        len(size) == 0 or (len(size) in (3, 4) and size[-2:] == (1, 1)) or size == (1,)
    )


def _pair(value: Any) -> tuple[int, int]:
    values = [value] if isinstance(value, int) else list(value)
    return (values[0], values[-1])


def _pooling(node: fx.Node, inputs: tuple[fx.Node, ...]) -> Rule | None:
    maximum = node.target is _aten.max_pool2d.default
    kernel = _pair(node.args[1])
    stride = _pair(node.args[2]) if len(node.args) > 2 and node.args[2] else kernel
    padding = _pair(node.args[3]) if len(node.args) > 3 else (0, 0)
    rest = node.args[4:]
    if maximum:
        dilation, ceil = _pair(rest[0]) if rest else (1, 1), bool(rest[1]) if len(rest) > 1 else False
        usual = dilation == (1, 1) and not ceil
    else:
        counts_padding = rest[1] if len(rest) > 1 else True
        usual = not (rest and rest[0]) and bool(counts_padding or padding == (0, 0)) and len(rest) < 3
    if not usual or node.kwargs:
        return None
    axes = tuple(Axis(*values) for values in zip(kernel, stride, padding, strict=True))
    return Pooling(node, inputs, axes, maximum)  # type: ignore[arg-type]


def _padding(node: fx.Node, inputs: tuple[fx.Node, ...]) -> Rule | None:
    amounts, rest = list(node.args[1]), list(node.args[2:])  # type: ignore[arg-type]
    if node.target is _aten.pad.default:
        if rest and rest[0] != "constant":
            return None
        rest = rest[1:]
    value = float(rest[0]) if rest and isinstance(rest[0], int | float) else 0.0
    fits = len(amounts) in (2, 4, 6) and all(isinstance(n, int) and n >= 0 for n in amounts)
    return Padding(node, inputs, amounts, value) if fits else None


def _resizing(node: fx.Node, inputs: tuple[fx.Node, ...]) -> Rule | None:
    source, shape = shape_of(inputs[0]), shape_of(node)
    if source is None or shape is None or shape[2] < source[2] or shape[3] < source[3]:
        return None
    mixes = node.target is _aten.upsample_bilinear2d.vec
    scales = node.args[-1]

    def along(axis: int) -> Mixture:
        size = None if node.args[1] is None else [node.args[1][axis], 1]  # type: ignore[index]
        factors = None if scales is None or size is not None else [scales[axis], 1.0]  # type: ignore[index]
        settings = (size, *node.args[2:-1], factors)
        return Mixture.of(lambda ramp: node.target(ramp, *settings), source[2 + axis], mixes)  # type: ignore[operator]

    return Resizing(node, inputs, (along(0), along(1)))


def _transposed(node: fx.Node, inputs: tuple[fx.Node, ...]) -> Rule | None:
    weight, _, stride, padding, output_padding, _, dilation = transposed_arguments(node)
    kernels = constant_of(weight)
    if _pair(output_padding) != (0, 0) or kernels is None:
        return None
    kernel = kernels.shape[2:]
    axes = tuple(
        Axis((kernel[k] - 1) * _pair(dilation)[k] + 1, _pair(stride)[k], _pair(padding)[k]) for k in (0, 1)
    )
    return Transposed(node, inputs, axes, kernels)  # type: ignore[arg-type]
