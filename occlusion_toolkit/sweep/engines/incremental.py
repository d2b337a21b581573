"""Exact sweeps that compute only what a window changes.

A square of 40 pixels changes 3 % of a crop, and 4 to 10 % of the maps of the first layers. For each map the
part that can change is computed from the parts below it and from the clean maps around them, until the parts
are most of the maps; from there on whole maps go through the rest of the network.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, fx

from occlusion_toolkit.errors import SweepError
from occlusion_toolkit.sweep.batching import WindowBatch
from occlusion_toolkit.sweep.engines.clean_maps import CleanMaps, Gathering, Placed, cut_from
from occlusion_toolkit.sweep.engines.clock import seconds
from occlusion_toolkit.sweep.engines.dense import WindowEstimates
from occlusion_toolkit.sweep.engines.graphs import constant_of, shape_of
from occlusion_toolkit.sweep.engines.regions import Part, Regions
from occlusion_toolkit.sweep.engines.rules import Rule
from occlusion_toolkit.sweep.engines.traced import Traced
from occlusion_toolkit.sweep.occluders import Occluder

SHARES = (0.25, 0.4, 0.55, 0.7)
"""Shares of a map above which it may be better to compute it whole; the fastest is found by trying."""

WHOLE = 0.0
"""The share with which every map is computed whole."""

_KEPT_CROPS = 2  # a batch can hold the end of one crop and the beginning of the next


class IncrementalEstimator:
    """Estimates bodies under windows from the parts of the maps that the windows change.

    Args:
        traced: the network.
        regions: the parts of its maps, planned for the windows of the sweep.
        occluder: what is pasted.
        dtype: arithmetic of convolutions; in 16 bits, the rest runs under automatic mixed precision.
        share: of a map from which on it is computed whole.
    """

    def __init__(
        self,
        traced: Traced,
        regions: Regions,
        occluder: Occluder,
        *,
        dtype: torch.dtype = torch.float32,
        share: float = SHARES[1],
    ) -> None:
        self._traced, self._regions, self._occluder, self._dtype = traced, regions, occluder, dtype
        self._clean: dict[int, CleanMaps] = {}
        self.set_share(share)

    @property
    def skipped(self) -> bool:
        """Whether any map is computed in parts."""
        return len(self._partial) > 1

    def set_share(self, share: float) -> None:
        """Computes maps whole from this share on."""
        self.share = share
        nodes = list(self._traced.graph.graph.nodes)
        self._input = nodes[0]
        self._partial: set[fx.Node] = {self._input}
        for node in nodes[1:]:
            rule = self._regions.rules.get(node)
            small = rule is not None and self._regions.parts[node].share < share
            if small and self._partial.issuperset(self._regions_inputs(node)):
                self._partial.add(node)
        self._steps = [node for node in nodes[1:] if node in self._partial]
        self._gathers = {node: self._gatherings(node) for node in self._steps}
        self._handed_on = [
            node
            for node in nodes
            if node in self._partial and any(u not in self._partial for u in node.users)
        ]
        self._last_use = {source: node for node in self._steps for source in self._regions_inputs(node)}
        self._rest = _rest(self._traced.graph, self._partial, self._handed_on)
        self._clean.clear()

    def choose_share(self, batch: WindowBatch, shares: Sequence[float]) -> float:
        """Tries shares on a batch and keeps the fastest; returns the seconds that it took a batch."""
        best = (float("inf"), shares[0])
        for share in shares:
            self.set_share(share)
            self(batch)
            started = seconds(batch.crops.device)
            self(batch)
            best = min(best, (seconds(batch.crops.device) - started, share))
        self.set_share(best[1])
        return best[0]

    @torch.inference_mode()
    def __call__(self, batch: WindowBatch, /) -> WindowEstimates:
        """One estimate per pass, in the order of the batch."""
        answers, unchanged, first = [], [], 0
        for row, span in enumerate(batch.spans):
            windows = batch.windows[first : first + len(span)]
            first += len(span)
            clean = self._clean_maps(span.crop, batch.crops[row])
            for part in torch.split(windows, self._traced.batch):
                answer, same = self._answer(clean, part)
                answers.append(answer)
                unchanged.append(same)
        joined = [torch.cat(tensors).float() for tensors in zip(*answers, strict=True)]
        return WindowEstimates(self._traced.estimates(joined), torch.cat(unchanged))

    def _answer(
        self, clean: CleanMaps, windows: Int64[Tensor, "batch 4"]
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        """Estimates of at most one batch of windows of a crop."""
        count = len(windows)
        # The rest of the network knows batches of one size only.
        windows = torch.cat([windows, windows[-1:].expand(self._traced.batch - count, -1)])
        places = self._regions.places(windows)
        patch, unchanged = self._painted(clean, windows, places)
        known = {self._input: patch}
        with self._arithmetic(windows.device):
            for node in self._steps:
                known[node] = self._step(node, known, clean, places)
                for source in self._regions_inputs(node):
                    if self._last_use[source] is node and source not in self._handed_on:
                        known.pop(source, None)
            whole = [clean.completed(node, self._at(node, places), known[node]) for node in self._handed_on]
            result: tuple[Tensor, ...] = self._rest(*whole)
        return tuple(tensor[:count] for tensor in result), unchanged[:count]

    def _step(
        self, node: fx.Node, known: dict[fx.Node, Tensor], clean: CleanMaps, places: tuple[Tensor, Tensor]
    ) -> Tensor:
        at = self._at(node, places)
        parts = [gather(clean, known[gather.node], places) for gather in self._gathers[node]]
        return self._rule(node).apply(parts, (at.top, at.left), (at.height, at.width))

    def _gatherings(self, node: fx.Node) -> list[Gathering]:
        """What an operation needs of each of its inputs."""
        rule, part, gathered = self._rule(node), self._regions.parts[node], []
        for number, source in enumerate(rule.inputs):
            wanted = ((part.top, part.height), (part.left, part.width))
            if number == 0:  # what is added to a convolution lies like its output
                wanted = (rule.needs(0, *wanted[0]), rule.needs(1, *wanted[1]))
            shape = shape_of(source) or ()
            gathered.append(Gathering(source, self._regions.parts[source], wanted, shape, rule.padding_value))
        return gathered

    def _painted(
        self, clean: CleanMaps, windows: Int64[Tensor, "batch 4"], places: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """The part of the crop under each window, painted, and whether that changed nothing."""
        at = self._at(self._input, places)
        before = clean.cut(self._input, at)
        if type(self._occluder).paste is Occluder.paste:
            fill = self._occluder.fill(clean.crop)
            if fill.shape[-2:] != (1, 1):
                fill = cut_from(fill, at)
            corner = torch.stack([at.top, at.top, at.left, at.left], dim=1)
            after = self._occluder.paste(before, fill.expand(len(before), *fill.shape[1:]), windows - corner)
        else:  # it may look at where the window lies in the crop
            crops = clean.crop.expand(len(windows), -1, -1, -1)
            fills = self._occluder.fill(clean.crop)
            painted = self._occluder.paste(crops, fills.expand(len(windows), *fills.shape[1:]), windows)
            after = cut_from(painted, at)
        return after, (after == before).flatten(1).all(dim=1)

    def _clean_maps(self, number: int, crop: Float[Tensor, "3 height width"]) -> CleanMaps:
        kept = self._clean.get(number)
        if kept is None or not torch.equal(kept.crop[0], crop):
            kept = CleanMaps(crop[None], self._clean_values(crop[None]))
            self._clean[number] = kept
            while len(self._clean) > _KEPT_CROPS:
                self._clean.pop(next(iter(self._clean)))
        return kept

    def _clean_values(self, crop: Float[Tensor, "1 3 height width"]) -> dict[fx.Node, Tensor]:
        """Every map of the clean crop that windows have parts of."""
        values = {self._input: crop}
        with self._arithmetic(crop.device):
            for node in self._steps:
                args, kwargs = fx.node.map_arg(
                    (node.args, node.kwargs), lambda n: values[n] if n in values else constant_of(n)
                )
                values[node] = node.target(*args, **kwargs)
        for node, value in values.items():
            if not value.isfinite().all():
                raise SweepError(
                    f"the network gives NaN or infinite values for the clean crop, in {node.name}"
                )
        return values

    def _arithmetic(self, device: torch.device) -> torch.autocast:
        mixed = self._dtype != torch.float32
        return torch.autocast(device.type, self._dtype if mixed else torch.bfloat16, enabled=mixed)

    def _rule(self, node: fx.Node) -> Rule:
        rule = self._regions.rules[node]
        if rule is None:
            raise SweepError(f"{node.name} has no rule")
        return rule

    def _regions_inputs(self, node: fx.Node) -> tuple[fx.Node, ...]:
        return self._rule(node).inputs

    def _at(self, node: fx.Node, places: tuple[Tensor, Tensor]) -> Placed:
        part: Part = self._regions.parts[node]
        return Placed(part.top[places[0]], part.left[places[1]], part.height, part.width)


def _rest(graph: fx.GraphModule, partial: set[fx.Node], handed_on: list[fx.Node]) -> fx.GraphModule:
    """What remains of a network once some of its maps are known: a graph that takes these."""
    rest = fx.Graph()
    known: dict[fx.Node, fx.Node] = {node: rest.placeholder(node.name) for node in handed_on}
    for node in graph.graph.nodes:
        if node not in partial:
            known[node] = rest.node_copy(node, lambda n: known[n])
            if shape_of(node) is None and node.op == "output":
                break
    rest.eliminate_dead_code()
    return fx.GraphModule(graph, rest)
