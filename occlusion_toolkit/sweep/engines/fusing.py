"""Convolutions of a graph, with the additions and activations that follow them, as fused ones."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx

from occlusion_toolkit.sweep.engines.fused import FusedConv
from occlusion_toolkit.sweep.engines.graphs import constant_of, shape_of

_aten = torch.ops.aten


def _pair(value: Any) -> tuple[int, int] | None:
    """Two numbers, where an operation may state one for both axes; None where they are not numbers."""
    values = [value] if isinstance(value, int) else list(value)
    if len(values) not in (1, 2) or not all(isinstance(number, int) for number in values):
        return None
    return values[0], values[-1]


def _padding(value: Any, weight: Tensor, dilation: tuple[int, int] | None) -> tuple[int, int] | None:
    """Padding along rows and columns; None where it is not the same on both sides."""
    if not isinstance(value, str):
        return _pair(value)
    if value == "valid":
        return 0, 0
    reach = [(size - 1) * step for size, step in zip(weight.shape[2:], dilation or (1, 1), strict=True)]
    return None if any(length % 2 for length in reach) else (reach[0] // 2, reach[1] // 2)


def fuse(graph: fx.GraphModule) -> None:
    """Replaces convolutions by `FusedConv`, together with the addition and the activation that follow."""
    for node in list(graph.graph.nodes):
        if node.target not in (_aten.conv2d.default, _aten.conv2d.padding):
            continue
        arguments = [*node.args, *(None, [1, 1], [0, 0], [1, 1], 1)[len(node.args) - 2 :]]
        weight, bias = constant_of(arguments[1]), constant_of(arguments[2])
        if weight is None or (arguments[2] is not None and bias is None):
            continue
        stride, dilation = _pair(arguments[3]), _pair(arguments[5])
        padding = _padding(arguments[4], weight, dilation)
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
            elif node.target is _aten.relu6.default:
                source.target.activation = "hardtanh"
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


def pack(graph: fx.GraphModule, dtype: torch.dtype) -> None:
    """Chooses the arithmetic of fused convolutions and linear layers and lays their weights out for it."""
    for node in list(graph.graph.nodes):
        if isinstance(node.target, FusedConv):
            size = shape_of(node.args[0])
            if size is not None:
                node.target.pack(dtype, size)
        elif node.target is _aten.linear.default and dtype != torch.float32:
            # Mixed precision would bring them to this type for every batch again.
            for source in node.args[1:]:
                constant = constant_of(source)
                if constant is not None:
                    name = f"_{source.name}_{dtype}".replace(".", "_")
                    graph.register_buffer(name, constant.detach().to(dtype))
                    with graph.graph.inserting_before(node):
                        fetched = graph.graph.get_attr(name)
                    fetched.meta = dict(source.meta)
                    node.replace_input_with(source, fetched)
    graph.graph.eliminate_dead_code()
