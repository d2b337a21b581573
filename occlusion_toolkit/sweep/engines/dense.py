"""From windows to estimated bodies: the step that an engine other than the dense one would replace."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool
from torch import Tensor

from occlusion_toolkit.body.joint_output import Estimates
from occlusion_toolkit.models.views import View
from occlusion_toolkit.sweep.batching import WindowBatch
from occlusion_toolkit.sweep.engines.viewed import occluded_view
from occlusion_toolkit.sweep.network import NetworkRunner
from occlusion_toolkit.sweep.occluders import Occluder


@dataclass(frozen=True)
class WindowEstimates:
    """What the network says about every pass of a batch.

    Attributes:
        parameters: estimated people, N of them.
        unchanged: whether the pass showed the network exactly the clean crop, (N,): clean passes, and
            windows whose occluder equals what it covers.
    """

    parameters: Estimates
    unchanged: Bool[Tensor, " batch"]


@runtime_checkable
class WindowEstimator(Protocol):
    """Estimates bodies under the windows of a batch, on the device of the batch."""

    def __call__(self, batch: WindowBatch, /) -> WindowEstimates:
        """One estimate per pass, in the order of the batch."""
        ...


class DenseEstimator:
    """Paints every window into a copy of its crop and runs the whole network on the copy.

    Args:
        network: answers batches of crops.
        occluder: what is painted.
    """

    def __init__(self, network: NetworkRunner, occluder: Occluder) -> None:
        self._network = network
        self._occluder = occluder

    @torch.inference_mode()
    def __call__(self, batch: WindowBatch, /) -> WindowEstimates:
        """One estimate per pass, in the order of the batch."""
        if batch.views is not None:
            return self._viewed(batch, batch.views)
        clean = batch.per_pass(batch.crops)
        fills = batch.per_pass(self._occluder.fill(batch.crops))
        occluded = self._occluder.paste(clean, fills, batch.windows)
        unchanged = (occluded == clean).flatten(1).all(dim=1)
        return WindowEstimates(self._network(occluded), unchanged)

    def _viewed(self, batch: WindowBatch, views: tuple[View, ...]) -> WindowEstimates:
        """The same in the network's own crops, which lie differently in each person's reference square."""
        occluded, unchanged, placements, first = [], [], [], 0
        for reference, view, span in zip(batch.crops, views, batch.spans, strict=True):
            windows = batch.windows[first : first + len(span)]
            painted = occluded_view(self._occluder, reference, view, windows)
            y0, y1, x0, x1 = view.frame.seen
            clean = view.crop.to(painted.device)
            same = painted[..., y0:y1, x0:x1] == clean[:, y0:y1, x0:x1]
            unchanged.append(same.flatten(1).all(dim=1))
            occluded.append(painted)
            if view.placement is not None:
                placements.append(view.placement.to(painted.device).expand(len(span), -1))
            first += len(span)
        given = [torch.cat(occluded)] + ([torch.cat(placements)] if placements else [])
        return WindowEstimates(self._network(*given), torch.cat(unchanged))
