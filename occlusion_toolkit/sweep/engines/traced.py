"""A network as a flat graph of tensor operations, with convolutions and what follows them fused."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, fx, nn
from torch.fx.experimental.proxy_tensor import make_fx

from occlusion_toolkit.body.joint_output import Estimates
from occlusion_toolkit.sweep.engines.fusing import fuse, pack
from occlusion_toolkit.sweep.engines.simplifying import UntraceableError, simplify

__all__ = ["Traced", "UntraceableError", "trace"]


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
    simplify(graph)
    fuse(graph)
    pack(graph, dtype)
    graph.recompile()
    kind, names = kinds[0], tuple(kinds[0].tensors)
    return Traced(
        graph, len(crops), lambda tensors: kind.with_tensors(dict(zip(names, tensors, strict=True)))
    )
