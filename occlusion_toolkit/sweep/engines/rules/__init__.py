"""How far a change reaches in the output of each operation, and how a part of it is computed alone."""

import torch
from torch import fx

from occlusion_toolkit.sweep.engines.fused import FusedConv
from occlusion_toolkit.sweep.engines.graphs import shape_of
from occlusion_toolkit.sweep.engines.rules.base import Intervals, Rule
from occlusion_toolkit.sweep.engines.rules.convolution import Convolution, Transposed
from occlusion_toolkit.sweep.engines.rules.local import Local
from occlusion_toolkit.sweep.engines.rules.pooling import Padding, Pooling
from occlusion_toolkit.sweep.engines.rules.resampling import RESAMPLING, Resampling

__all__ = ["Intervals", "Rule", "rule_of"]

_aten = torch.ops.aten


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
        return Convolution.of(node, inputs)
    if node.target in (_aten.max_pool2d.default, _aten.avg_pool2d.default):
        return Pooling.of(node, inputs)
    if node.target in (_aten.pad.default, _aten.constant_pad_nd.default):
        return Padding.of(node, inputs)
    if node.target in RESAMPLING:
        return Resampling.of(node, inputs)
    if node.target is _aten.conv_transpose2d.input:
        return Transposed.of(node, inputs)
    return Local.of(node, inputs, constants)
