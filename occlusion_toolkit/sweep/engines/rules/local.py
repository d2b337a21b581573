"""Operations that look at one pixel at a time."""

import torch
from torch import Tensor, fx

from occlusion_toolkit.sweep.engines.graphs import constant_of, shape_of
from occlusion_toolkit.sweep.engines.rules.base import Intervals, Rule, hull

_aten = torch.ops.aten

_ELEMENTWISE = frozenset(
    {
        _aten.relu.default, _aten.relu6.default, _aten.hardtanh.default, _aten.sigmoid.default,
        _aten.tanh.default, _aten.silu.default, _aten.mish.default, _aten.gelu.default, _aten.elu.default,
        _aten.celu.default, _aten.selu.default, _aten.leaky_relu.default, _aten.hardswish.default,
        _aten.hardsigmoid.default, _aten.softplus.default, _aten.clamp.default, _aten.clamp_min.default,
        _aten.clamp_max.default, _aten.neg.default, _aten.exp.default, _aten.abs.default,
        _aten.sqrt.default, _aten.square.default, _aten.add.Tensor, _aten.sub.Tensor, _aten.mul.Tensor,
        _aten.div.Tensor, _aten.add.Scalar, _aten.sub.Scalar, _aten.mul.Scalar, _aten.div.Scalar,
        _aten.maximum.default, _aten.minimum.default, _aten.to.dtype, _aten.clone.default,
    }
)  # fmt: skip


class Local(Rule):
    """Operations pixel by pixel, over one map or several of the same size."""

    @classmethod
    def of(cls, node: fx.Node, inputs: tuple[fx.Node, ...], constants: list[fx.Node]) -> "Local | None":
        """The rule of an element-wise operation, of one over channels alone, or None."""
        shape = shape_of(node) or ()
        if node.target in _ELEMENTWISE:
            fits = all(shape_of(n) == shape for n in inputs) and all(
                _per_channel(n, shape) for n in constants
            )
        elif node.target is _aten.cat.default:
            fits = not constants and node.args[1:] in ((1,), (-3,))
        elif node.target is _aten.batch_norm.default:
            fits = len(inputs) == 1 and node.args[5] is False
        elif node.target is _aten.prelu.default:
            fits = inputs == node.args[:1]
        elif node.target is _aten.slice.Tensor:
            fits = node.args[1:2] in ((1,), (-3,))
        elif node.target is _aten.softmax.int:
            fits = node.args[1] in (1, -3)
        else:
            fits = False
        return cls(node, inputs) if fits else None

    def spread(self, axis: int, changes: list[Intervals]) -> Intervals:
        """The hull of all changes."""
        return hull(changes)

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


def _per_channel(node: fx.Node, shape: tuple[int, ...]) -> bool:
    """Whether a constant is the same for every pixel and every crop."""
    size = shape_of(node)
    if size is None:
        return False
    if len(size) == 4 and size[0] != 1:
        return False
    return all(length == 1 for length in size[-2:])
