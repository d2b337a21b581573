"""A traced graph without writes, without operations that do nothing, and with its constants computed once."""

import torch
from torch import Tensor, fx

from occlusion_toolkit.sweep.engines.graphs import constant_of

_aten = torch.ops.aten

_NOTHING = (
    _aten.dropout.default,
    _aten.feature_dropout.default,
    _aten.detach.default,
    _aten.alias.default,
    _aten.contiguous.default,
)
"""Operations that give back their input in evaluation mode."""

_COPIES = (_aten.lift_fresh_copy.default,)
"""Operations that are declared to write and do not."""


class UntraceableError(Exception):
    """The network cannot be had as a graph; the message says why."""


def simplify(graph: fx.GraphModule) -> None:
    """Takes out operations that do nothing or write into their input, and computes what is constant.

    Raises:
        UntraceableError: an operation writes where that matters, or draws random numbers.
    """
    _without_writes(graph)
    for node in graph.graph.nodes:
        if node.op == "call_function" and _does_nothing(node):
            node.replace_all_uses_with(node.args[0])
    _fold_constants(graph)
    graph.graph.eliminate_dead_code()


def _does_nothing(node: fx.Node) -> bool:
    source = node.args[0] if node.args else None
    if not isinstance(source, fx.Node):
        return False
    if node.target is _aten.to.dtype:
        return bool(node.args[1] == source.meta["val"].dtype)
    return node.target in _NOTHING


def _without_writes(graph: fx.GraphModule) -> None:
    """Replaces operations such as `relu_` by those that give the same and write nothing.

    Memory is followed through views, so a write is refused if anything that shares its memory is read later.

    Raises:
        UntraceableError: an operation writes where that matters, or draws random numbers.
    """
    owners: dict[fx.Node, fx.Node] = {}
    for node in graph.graph.nodes:
        schema = getattr(node.target, "_schema", None)
        if node.op != "call_function":
            owners[node] = node
            continue
        source = node.args[0] if node.args and isinstance(node.args[0], fx.Node) else None
        shares = schema is None or any(value.alias_info is not None for value in schema.returns)
        shares = shares or node.target in _NOTHING
        owners[node] = owners[source] if shares and source is not None else node
        if schema is None:
            continue
        if torch.Tag.nondeterministic_seeded in node.target.tags and not _is_asleep(node):
            raise UntraceableError(f"{node.target} draws random numbers")
        if not schema.is_mutable or node.target in _COPIES:
            continue
        instead = _without_write(node)
        if source is None or instead is None:
            raise UntraceableError(f"{node.target} writes into its input")
        owner = owners[source]
        if owner.op == "get_attr":
            raise UntraceableError(f"{node.target} writes into a buffer of the network")
        if any(_reads_later(reader, node) for reader, of in owners.items() if of is owner):
            raise UntraceableError(f"{node.target} writes into a tensor that is read afterwards")
        node.target, owners[node] = instead, node


def _without_write(node: fx.Node) -> object | None:
    """The operation of the same name and arguments that gives its answer in new memory; None without one."""
    name, _, overload = str(node.target).removeprefix("aten.").rpartition(".")
    if not name.endswith("_") or not hasattr(_aten, name.removesuffix("_")):
        return None
    return getattr(getattr(_aten, name.removesuffix("_")), overload, None)


def _reads_later(tensor: fx.Node, write: fx.Node) -> bool:
    return tensor is not write and any(user > write for user in tensor.users if user is not write)


def _is_asleep(node: fx.Node) -> bool:
    """Whether a dropout is one in evaluation mode."""
    return node.target in (_aten.dropout.default, _aten.dropout_.default, _aten.feature_dropout.default) and (
        node.args[-1] is False
    )


def _fold_constants(graph: fx.GraphModule) -> None:
    """Computes everything that does not depend on the crops."""
    values: dict[fx.Node, Tensor] = {}
    for node in graph.graph.nodes:
        if node.op == "get_attr":
            constant = constant_of(node)
            if constant is not None:
                values[node] = constant
        elif node.op == "call_function" and all(source in values for source in node.all_input_nodes):
            args, kwargs = fx.node.map_arg((node.args, node.kwargs), values.__getitem__)
            with torch.no_grad():
                value = node.target(*args, **kwargs)
            if isinstance(value, Tensor):
                values[node] = value
    for node, value in values.items():
        if node.op == "get_attr" or all(user in values for user in node.users):
            continue
        name = f"_constant_{node.name}"
        graph.register_buffer(name, value.detach())
        with graph.graph.inserting_before(node):
            fetched = graph.graph.get_attr(name)
        fetched.meta = dict(node.meta)
        node.replace_all_uses_with(fetched)
