"""Which window of which crop goes into which batch. Knows nothing of networks, bodies or errors."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from occlusion_toolkit.models.views import View


@dataclass(frozen=True)
class Span:
    """Consecutive passes of one crop. Pass 0 is the clean crop, pass k + 1 is window k.

    Attributes:
        crop: position of the crop in the stream of crops.
        first: first pass.
        last: one past the last pass.
    """

    crop: int
    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first


@dataclass(frozen=True)
class WindowBatch:
    """Passes that go through the network together, described by where the windows are and not by pixels.

    Attributes:
        crops: the clean crops that take part, one per span, on the device, (M, 3, H, W).
        windows: the rectangle (y0, y1, x0, x1) of every pass; empty for clean passes, (N, 4).
        spans: the passes, in the order of `windows`.
        views: the crop that the network sees of each of `crops`; None where these are what it sees.
    """

    crops: Float[Tensor, "spans 3 height width"]
    windows: Int64[Tensor, "batch 4"]
    spans: tuple[Span, ...]
    views: tuple[View, ...] | None = None

    def __len__(self) -> int:
        return len(self.windows)

    def per_pass(self, per_crop: Float[Tensor, "spans ..."]) -> Float[Tensor, "batch ..."]:
        """What belongs to the rows of `crops`, (M, ...), for every pass, (N, ...); not to be written to."""
        if len(self.spans) == 1:
            return per_crop.expand(len(self), *per_crop.shape[1:])  # no copy
        rows = torch.arange(len(self.spans), device=self.crops.device)
        lengths = torch.tensor([len(span) for span in self.spans], device=self.crops.device)
        return per_crop[rows.repeat_interleave(lengths, output_size=len(self))]

    def halves(self) -> tuple["WindowBatch", "WindowBatch"]:
        """The same passes as two batches, the first the longer where they cannot be equal."""
        middle = (len(self) + 1) // 2
        return self._part(0, middle), self._part(middle, len(self))

    def limited(self, size: int) -> "WindowBatch":
        """At most so many of the passes, the first ones."""
        return self if len(self) <= size else self._part(0, size)

    def _part(self, start: int, stop: int) -> "WindowBatch":
        rows, spans, before = [], [], 0
        for row, span in enumerate(self.spans):
            first = max(start - before, 0)
            last = min(stop - before, len(span))
            if first < last:
                rows.append(row)
                spans.append(Span(span.crop, span.first + first, span.first + last))
            before += len(span)
        views = None if self.views is None else tuple(self.views[row] for row in rows)
        return WindowBatch(self.crops[rows], self.windows[start:stop], tuple(spans), views)


class WindowBatcher:
    """Fills batches across windows and crops, so only the very last batch of a stream is not full.

    Every crop takes one clean pass and one pass per window. When the passes of a crop run out, the first
    passes of the next crop complete the batch.

    Args:
        windows: rectangles (y0, y1, x0, x1) of one sweep, on the device to work on, (W, 4).
        batch_size: passes per batch; may be changed while batches are drawn.
    """

    def __init__(self, windows: Int64[Tensor, "windows 4"], batch_size: int) -> None:
        self._passes = torch.cat([windows.new_zeros((1, 4)), windows])
        self.batch_size = batch_size

    @property
    def passes_per_crop(self) -> int:
        """One clean pass and one per window."""
        return len(self._passes)

    def batches(self, crops: Iterable[Float[Tensor, "3 height width"]]) -> Iterator[WindowBatch]:
        """The batches of a stream of crops, in order; a crop is drawn only when a batch has room for it."""
        held: list[Tensor] = []
        spans: list[Span] = []
        for number, crop in enumerate(crops):
            first = 0
            while first < self.passes_per_crop:
                room = self.batch_size - sum(len(span) for span in spans)
                last = min(first + room, self.passes_per_crop)
                held.append(crop)
                spans.append(Span(number, first, last))
                first = last
                if len(spans[-1]) == room:
                    yield self._batch(held, spans)
                    held, spans = [], []
        if spans:
            yield self._batch(held, spans)

    def spread(self, crop: Float[Tensor, "3 height width"], count: int) -> WindowBatch:
        """At most `count` passes of one crop, evenly spread over all its passes, the clean one among them."""
        chosen = torch.linspace(0, self.passes_per_crop - 1, min(count, self.passes_per_crop)).long()
        windows = self._passes[chosen.to(self._passes.device)]
        return WindowBatch(crop[None], windows, (Span(0, 0, len(chosen)),))

    def _batch(self, crops: list[Tensor], spans: list[Span]) -> WindowBatch:
        windows = torch.cat([self._passes[span.first : span.last] for span in spans])
        return WindowBatch(torch.stack(crops), windows, tuple(spans))
