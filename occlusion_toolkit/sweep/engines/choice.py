"""Which engine answers the windows of a sweep, and why."""

import copy
import logging
from dataclasses import dataclass

import torch
from torch import nn

from occlusion_toolkit.body.joint_output import Estimates
from occlusion_toolkit.errors import SweepError, UsageError
from occlusion_toolkit.models.base import Regressor
from occlusion_toolkit.models.foreign import is_out_of_memory
from occlusion_toolkit.models.registry import LoadedRegressor
from occlusion_toolkit.sweep.batching import WindowBatch
from occlusion_toolkit.sweep.engines.clock import seconds
from occlusion_toolkit.sweep.engines.dense import WindowEstimator
from occlusion_toolkit.sweep.engines.incremental import SHARES, WHOLE, IncrementalEstimator
from occlusion_toolkit.sweep.engines.regions import Regions
from occlusion_toolkit.sweep.engines.traced import UntraceableError, trace
from occlusion_toolkit.sweep.occluders import Occluder

logger = logging.getLogger(__name__)

EngineName = str
"""`dense`: the whole network on painted crops. `fused`: the same, as a graph in which convolutions take up
what follows them. `incremental`: such a graph, of which only what a window changes is computed;
`incremental@0.4` computes maps whole from a share of 0.4 on, instead of trying what is fastest. `auto`: the
fastest one on the first crop. All give the same answers."""

SAME = 1e-4
"""Largest difference of a parameter between exact engines: rounding. With more the network is swept dense,
unless both are equally near to double precision."""

WORTH_TRYING = 500
"""Passes from which on `auto` looks for a faster engine: tracing and timing take as long as some hundred."""


@dataclass(frozen=True)
class Choice:
    """An engine and why it was taken.

    Attributes:
        estimator: answers batches.
        name: "dense", "fused", or "incremental@" and the share of a map from which on it is computed whole.
        reason: in words.
    """

    estimator: WindowEstimator
    name: str
    reason: str


def checked_engine(name: str) -> EngineName:
    """An engine's name, after making sure that it is one.

    Raises:
        UsageError: there is no such engine.
    """
    kind, at, share = name.partition("@")
    known = kind in ("auto", "dense", "fused", "incremental")
    if not known or (at and not (kind == "incremental" and _share(share))):
        raise UsageError(f"there is no engine {name!r}; choose auto, dense, fused or incremental")
    return name


def engine_kind(name: EngineName) -> str:
    """An engine's name without a share."""
    return name.partition("@")[0]


def _share(text: str) -> float | None:
    try:
        share = float(text)
    except ValueError:
        return None
    return share if 0.0 < share <= 1.0 else None


def choose_engine(
    asked: EngineName,
    dense: WindowEstimator,
    regressor: Regressor,
    occluder: Occluder,
    windows: torch.Tensor,
    probe: WindowBatch,
    *,
    dtype: torch.dtype,
) -> Choice:
    """The engine of a sweep, chosen on its first crop.

    Args:
        asked: which engine is wanted.
        dense: the dense engine, ready to run.
        regressor: the network that it runs, on its device, batch norms folded.
        occluder: what is pasted.
        windows: all windows of the sweep, (W, 4).
        probe: a full batch of them.
        dtype: arithmetic; 16 bits mean automatic mixed precision.

    Raises:
        SweepError: another engine than the dense one is wanted and the network cannot be traced.
    """
    if asked == "dense":
        return Choice(dense, "dense", "asked for")
    network = regressor.network if isinstance(regressor, LoadedRegressor) else regressor
    if not isinstance(network, nn.Module):
        return dense_instead(asked, dense, "only an nn.Module can be traced")
    taken = float("inf")
    try:
        # In inference mode tensors cannot be traced; crops are plain data.
        crops = probe.per_pass(probe.crops).clone().contiguous(memory_format=torch.channels_last)
        traced = trace(network, crops, dtype)
        engine = IncrementalEstimator(traced, Regions(traced, windows), occluder, dtype=dtype)
        share = WHOLE if asked == "fused" else _share(asked.partition("@")[2])
        if share is None:
            taken = engine.choose_share(probe, SHARES if asked == "incremental" else (*SHARES, WHOLE))
        else:
            engine.set_share(share)
        apart = _difference(dense, engine, probe) if dtype == torch.float32 else 0.0
    except (UntraceableError, SweepError) as error:
        return dense_instead(asked, dense, str(error))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return dense_instead(asked, dense, "its clean maps do not fit into memory")
    if not apart <= SAME and not _is_rounding(network, occluder, dense, engine, probe):
        return dense_instead(asked, dense, f"its parameters are off by {apart:.1e} on the first crop")
    whole = asked == "fused" or (asked == "auto" and not engine.skipped)
    name = "fused" if whole else f"incremental@{engine.share:g}"
    if asked != "auto":
        return Choice(engine, name, "asked for")
    dense(probe)
    started = seconds(probe.crops.device)
    dense(probe)
    ratio = (seconds(probe.crops.device) - started) / taken
    if ratio <= 1.0:
        return Choice(dense, "dense", f"the {engine_kind(name)} engine has {ratio:.2f} times its speed here")
    reason = f"{ratio:.2f} times the speed of the dense engine on the first crop"
    logger.info("%s engine: %s", engine_kind(name), reason)
    return Choice(engine, name, reason)


def _difference(dense: WindowEstimator, engine: WindowEstimator, probe: WindowBatch) -> float:
    """Largest difference of a parameter on part of a batch: other steps for other sizes show there."""
    part = _part(probe)
    return _largest_difference(dense(part).parameters, engine(part).parameters)


@torch.inference_mode()
def _is_rounding(
    network: nn.Module,
    occluder: Occluder,
    dense: WindowEstimator,
    engine: WindowEstimator,
    probe: WindowBatch,
) -> bool:
    """Whether both engines are equally near to double precision: the network amplifies any rounding."""
    part = _part(probe)
    fills = part.per_pass(occluder.fill(part.crops))
    painted = occluder.paste(part.per_pass(part.crops), fills, part.windows)
    try:
        answer: Estimates = copy.deepcopy(network).double()(painted.double())
    except Exception:  # a stranger's network may know single precision only
        return False
    one, other = (_largest_difference(answer, each(part).parameters) for each in (dense, engine))
    return other <= 2 * one


def _part(probe: WindowBatch) -> WindowBatch:
    return probe.halves()[0] if len(probe) > 1 else probe


def _largest_difference(one: Estimates, other: Estimates) -> float:
    pairs = ((tensor, other.tensors[name]) for name, tensor in one.tensors.items())
    return max(float(((a - b).abs() / a.abs().clamp(min=1.0)).max()) for a, b in pairs)


def dense_instead(asked: EngineName, dense: WindowEstimator, reason: str) -> Choice:
    """The dense engine where no other one can be used.

    Raises:
        SweepError: one of them is wanted.
    """
    if asked != "auto":
        raise SweepError(f"the {engine_kind(asked)} engine cannot be used: {reason}; use the dense engine")
    logger.info("dense engine: %s", reason)
    return Choice(dense, "dense", reason)
