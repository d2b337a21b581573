"""What a node of a traced graph holds."""

import operator

from torch import Tensor, fx


def shape_of(node: fx.Node) -> tuple[int, ...] | None:
    """Shape of a node's tensor; None where it gives something else."""
    value = node.meta.get("val")
    return tuple(value.shape) if isinstance(value, Tensor) else None


def constant_of(node: object) -> Tensor | None:
    """The parameter or buffer that a node fetches; None where it does something else."""
    if isinstance(node, fx.Node) and node.op == "get_attr":
        value: object = operator.attrgetter(str(node.target))(node.graph.owning_module)
        return value if isinstance(value, Tensor) else None
    return None
