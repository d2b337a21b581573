"""A network as a flat graph of tensor operations, with convolutions and what follows them fused."""

import logging
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, fx, nn
from torch.fx.experimental.proxy_tensor import make_fx

from occlusion_toolkit.body.joint_output import Estimates

logger = logging.getLogger(__name__)

_aten = torch.ops.aten

_NOTHING = (
    _aten.dropout.default,
    _aten.dropout_.default,
    _aten.detach.default,
    _aten.alias.default,
    _aten.contiguous.default,
)
"""Operations that give back their input in evaluation mode."""

_IN_PLACE = {
    _aten.relu_.default: _aten.relu.default,
    _aten.hardtanh_.default: _aten.hardtanh.default,
    _aten.add_.Tensor: _aten.add.Tensor,
    _aten.mul_.Tensor: _aten.mul.Tensor,
    _aten.sigmoid_.default: _aten.sigmoid.default,
    _aten.silu_.default: _aten.silu.default,
    _aten.hardswish_.default: _aten.hardswish.default,
    _aten.leaky_relu_.default: _aten.leaky_relu.default,
}
"""Operations that write into their input, and what gives the same without."""

_ALLOWED_WRITES = (_aten.detach_.default, _aten.lift_fresh_copy.default)


class UntraceableError(Exception):
    """The network cannot be had as a graph; the message says why."""


class FusedConv:
    """A convolution, the addition of another map, and ReLU or ReLU6, in one pass over memory.

    On a CPU the weights are laid out once for oneDNN's fused kernels, where this PyTorch has them.

    Args:
        weight: of the convolution, (O, I / groups, h, w).
        bias: (O,), or None.
        stride: along rows and columns.
        padding: along rows and columns.
        dilation: along rows and columns.
        groups: of channels.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        stride: tuple[int, int],
        padding: tuple[int, int],
        dilation: tuple[int, int],
        groups: int,
    ) -> None:
        self.weight, self.bias = weight, bias
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        self.activation = "none"
        self.limits = (0.0, 6.0)
        self.adds = False
        self.__name__ = "fused_conv"
        self._packed: Tensor | None = None

    def pack(self, dtype: torch.dtype, input_size: tuple[int, ...]) -> None:
        """Chooses the arithmetic and lays the weights out for inputs of about a size."""
        self.weight = self.weight.detach().to(dtype).contiguous(memory_format=torch.channels_last)
        self.bias = None if self.bias is None else self.bias.detach().to(dtype)
        if self.weight.device.type == "cpu" and _has_fused_kernels():
            self._packed = torch.ops.mkldnn._reorder_convolution_weight(
                self.weight, self.padding, self.stride, self.dilation, self.groups, list(input_size)
            )

    def __call__(
        self,
        x: Float[Tensor, "batch channels height width"],
        other: Float[Tensor, "batch out _ _"] | None = None,
        padding: tuple[int, int] | None = None,
    ) -> Float[Tensor, "batch out _ _"]:
        """The map, with `other` added before the activation.

        Args:
            x: input, in any type; it is brought to that of the weights.
            other: what is added.
            padding: instead of the convolution's own.
        """
        x = x.to(self.weight.dtype)
        padding = self.padding if padding is None else padding
        if self._packed is not None:
            return self._fused(x, None if other is None else other.to(x.dtype), padding)
        y = F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)
        if other is not None:
            y = y.add_(other)
        return y.relu_() if self.activation == "relu" else self._limited(y)

    def _fused(self, x: Tensor, other: Tensor | None, padding: tuple[int, int]) -> Tensor:
        shape = (padding, self.stride, self.dilation, self.groups)
        kernel = torch.ops.mkldnn._convolution_pointwise
        if other is None:
            limits = list(self.limits) if self.activation == "hardtanh" else []
            alone: Tensor = kernel(x, self._packed, self.bias, *shape, self.activation, limits, "")
            return alone
        other = other.contiguous(memory_format=torch.channels_last)
        unary = "relu" if self.activation == "relu" else None
        y: Tensor = kernel.binary(x, other, self._packed, self.bias, *shape, "add", 1.0, unary, [], None)
        return self._limited(y)

    def _limited(self, y: Tensor) -> Tensor:
        low, high = self.limits
        return y.clamp_(low, high) if self.activation == "hardtanh" else y


@dataclass(frozen=True)
class Traced:
    """A network as a graph.

    Attributes:
        graph: takes normalised crops and gives the tensors of the estimates, in order.
        batch: how many crops it was traced with and must be given.
        estimates: puts these tensors together again.
    """

    graph: fx.GraphModule
    batch: int
    estimates: Callable[[Sequence[Tensor]], Estimates]


def trace(network: nn.Module, crops: Float[Tensor, "batch 3 height width"], dtype: torch.dtype) -> Traced:
    """A network as a graph of fused operations without what does not reach its answer.

    Args:
        network: in evaluation mode, on the device of the crops, batch norms folded.
        crops: as many as a batch has.
        dtype: arithmetic of the convolutions.

    Raises:
        UntraceableError: the network's steps depend on values, or write where that matters.
    """
    kinds: list[Estimates] = []

    def answers(x: Tensor) -> tuple[Tensor, ...]:
        output: Estimates = network(x)
        kinds.append(output)
        return tuple(output.tensors.values())

    try:
        with torch.no_grad():
            graph = make_fx(answers, tracing_mode="real", pre_dispatch=True)(crops)
    except Exception as error:  # whatever a stranger's network does under a tracer
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UntraceableError(f"it cannot be traced ({type(error).__name__}: {reason})") from error
    _simplify(graph)
    _fuse(graph)
    _pack(graph, dtype)
    graph.recompile()
    names = tuple(kinds[0].tensors)
    kind = kinds[0]
    return Traced(
        graph, len(crops), lambda tensors: kind.with_tensors(dict(zip(names, tensors, strict=True)))
    )


def shape_of(node: fx.Node) -> tuple[int, ...] | None:
    """Shape of a node's tensor; None where it gives something else."""
    value = node.meta.get("val")
    return tuple(value.shape) if isinstance(value, Tensor) else None


def _simplify(graph: fx.GraphModule) -> None:
    """Takes out operations that do nothing, and those that write into their input.

    Raises:
        UntraceableError: an operation writes in a way that is not known.
    """
    for node in graph.graph.nodes:
        if node.op != "call_function":
            continue
        if node.target in _IN_PLACE:
            source = node.args[0]
            if any(user is not node and user > node for user in source.users):
                raise UntraceableError(f"{node.target} writes into a tensor that is read afterwards")
            node.target = _IN_PLACE[node.target]
        does_nothing = node.target in _NOTHING or (
            node.target is _aten.to.dtype and node.args[1] == node.args[0].meta["val"].dtype
        )
        if does_nothing and isinstance(node.args[0], fx.Node):
            node.replace_all_uses_with(node.args[0])
        schema = getattr(node.target, "_schema", None)
        if schema is not None and schema.is_mutable and node.target not in _ALLOWED_WRITES:
            raise UntraceableError(f"{node.target} writes into its input")
    graph.graph.eliminate_dead_code()


def constant_of(node: object) -> Tensor | None:
    """The parameter or buffer that a node fetches; None where it does something else."""
    if isinstance(node, fx.Node) and node.op == "get_attr":
        value: object = operator.attrgetter(str(node.target))(node.graph.owning_module)
        return value if isinstance(value, Tensor) else None
    return None


def _pair(value: Any) -> tuple[int, int] | None:
    """Two numbers, where an operation may state one for both axes; None where they are not numbers."""
    values = [value] if isinstance(value, int) else list(value)
    if len(values) not in (1, 2) or not all(isinstance(number, int) for number in values):
        return None
    return values[0], values[-1]


def _fuse(graph: fx.GraphModule) -> None:
    """Replaces convolutions by `FusedConv`, together with the addition and the activation that follow."""
    for node in list(graph.graph.nodes):
        if node.target is not _aten.conv2d.default:
            continue
        arguments = [*node.args, *(None, [1, 1], [0, 0], [1, 1], 1)[len(node.args) - 2 :]]
        weight, bias = constant_of(arguments[1]), constant_of(arguments[2])
        stride, padding, dilation = (_pair(value) for value in arguments[3:6])
        if weight is None or (arguments[2] is not None and bias is None):
            continue
        if stride is None or padding is None or dilation is None:
            continue
        fused = FusedConv(weight, bias, stride, padding, dilation, arguments[6])
        _replace(graph, node, node, fused, (arguments[0],))
    order = {node: number for number, node in enumerate(graph.graph.nodes)}
    for node in list(graph.graph.nodes):
        if node.target is _aten.add.Tensor and not node.kwargs and len(node.args) == 2:
            for one, other in (node.args, node.args[::-1]):
                if _is_bare(one) and isinstance(other, fx.Node) and shape_of(other) == shape_of(one):
                    if order.get(other, -1) > order.get(one, -1) and _is_bare(other):
                        continue  # the later of two convolutions takes the other one up
                    one.target.adds = True
                    _replace(graph, node, node, one.target, (one.args[0], other))
                    break
    for node in list(graph.graph.nodes):
        source = node.args[0] if node.args else None
        if isinstance(source, fx.Node) and isinstance(source.target, FusedConv) and len(source.users) == 1:
            if source.target.activation != "none":
                continue
            if node.target is _aten.relu.default:
                source.target.activation = "relu"
            elif node.target is _aten.hardtanh.default and len(node.args) == 3:
                source.target.activation = "hardtanh"
                source.target.limits = (float(node.args[1]), float(node.args[2]))
            else:
                continue
            node.replace_all_uses_with(source)
            graph.graph.erase_node(node)
    graph.graph.eliminate_dead_code(is_impure_node=lambda node: node.op in ("placeholder", "output"))


def _is_bare(node: object) -> bool:
    """Whether a node is a fused convolution that is used once and has taken nothing up yet."""
    return (
        isinstance(node, fx.Node)
        and isinstance(node.target, FusedConv)
        and len(node.users) == 1
        and not node.target.adds
        and node.target.activation == "none"
    )


def _replace(
    graph: fx.GraphModule,
    old: fx.Node,
    place: fx.Node,
    function: Callable[..., Tensor],
    args: tuple[Any, ...],
) -> None:
    with graph.graph.inserting_before(place):
        new = graph.graph.call_function(function, args)
    new.meta = dict(old.meta)
    old.replace_all_uses_with(new)
    graph.graph.erase_node(old)


def _pack(graph: fx.GraphModule, dtype: torch.dtype) -> None:
    for node in graph.graph.nodes:
        if isinstance(node.target, FusedConv):
            size = shape_of(node.args[0])
            if size is not None:
                node.target.pack(dtype, size)


def _has_fused_kernels() -> bool:
    """Whether this PyTorch has oneDNN's fused convolutions, which are not part of its public interface."""
    available = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    return available and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
