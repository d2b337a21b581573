"""Exact sweeps that compute only what a window changes.

A square of 40 pixels changes 3 % of a crop, and 4 to 10 % of the maps of the first layers. For each map the
part that can change is computed from the parts below it and from the clean maps around them, until the parts
are most of the maps; from there on whole maps go through the rest of the network.
"""

import time
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor, fx

from occlusion_toolkit.errors import SweepError
from occlusion_toolkit.sweep.batching import WindowBatch
from occlusion_toolkit.sweep.engines.dense import WindowEstimates
from occlusion_toolkit.sweep.engines.graphs import constant_of, shape_of
from occlusion_toolkit.sweep.engines.regions import Part, Regions
from occlusion_toolkit.sweep.engines.rules import Rule
from occlusion_toolkit.sweep.engines.traced import Traced
from occlusion_toolkit.sweep.occluders import Occluder

SHARES = (0.25, 0.4, 0.55, 0.7)
"""Shares of a map above which it may be better to compute it whole; the fastest is found by trying."""

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
        self._clean: dict[int, _CleanMaps] = {}
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
        self._handed_on = [
            node
            for node in nodes
            if node in self._partial and any(u not in self._partial for u in node.users)
        ]
        self._last_use = {source: node for node in self._steps for source in self._regions_inputs(node)}
        self._rest = _rest(self._traced.graph, self._partial, self._handed_on)
        self._clean.clear()

    def choose_share(self, batch: WindowBatch) -> float:
        """Tries shares on a batch and keeps the fastest; returns the seconds that it took a batch."""
        best = (float("inf"), SHARES[0])
        for share in SHARES:
            self.set_share(share)
            self(batch)
            started = time.perf_counter()
            self(batch)
            best = min(best, (time.perf_counter() - started, share))
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
        self, clean: "_CleanMaps", windows: Int64[Tensor, "batch 4"]
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
        self, node: fx.Node, known: dict[fx.Node, Tensor], clean: "_CleanMaps", places: tuple[Tensor, Tensor]
    ) -> Tensor:
        rule, at = self._rule(node), self._at(node, places)
        parts = []
        for number, source in enumerate(rule.inputs):
            if number == 0:
                top, height = rule.needs(0, at.top, at.height)
                left, width = rule.needs(1, at.left, at.width)
            else:  # what is added to a convolution lies like its output, as do all maps of local operations
                top, height, left, width = at.top, at.height, at.left, at.width
            wanted = _Placed(top, left, height, width)
            parts.append(
                clean.around(source, self._at(source, places), known[source], wanted, rule.padding_value)
            )
        return rule.apply(parts, (at.top, at.left), (at.height, at.width))

    def _painted(
        self, clean: "_CleanMaps", windows: Int64[Tensor, "batch 4"], places: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """The part of the crop under each window, painted, and whether that changed nothing."""
        at = self._at(self._input, places)
        before = clean.cut(self._input, at)
        if type(self._occluder).paste is Occluder.paste:
            fill = self._occluder.fill(clean.crop)
            if fill.shape[-2:] != (1, 1):
                fill = clean.cut_from(fill, at)
            corner = torch.stack([at.top, at.top, at.left, at.left], dim=1)
            after = self._occluder.paste(before, fill.expand(len(before), *fill.shape[1:]), windows - corner)
        else:  # it may look at where the window lies in the crop
            crops = clean.crop.expand(len(windows), -1, -1, -1)
            fills = self._occluder.fill(clean.crop)
            painted = self._occluder.paste(crops, fills.expand(len(windows), *fills.shape[1:]), windows)
            after = _cut_each(painted, at)
        return after, (after == before).flatten(1).all(dim=1)

    def _clean_maps(self, number: int, crop: Float[Tensor, "3 height width"]) -> "_CleanMaps":
        kept = self._clean.get(number)
        if kept is None or not torch.equal(kept.crop[0], crop):
            kept = _CleanMaps(crop[None], self._clean_values(crop[None]))
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

    def _at(self, node: fx.Node, places: tuple[Tensor, Tensor]) -> "_Placed":
        part: Part = self._regions.parts[node]
        return _Placed(part.top[places[0]], part.left[places[1]], part.height, part.width)


@dataclass(frozen=True)
class _Placed:
    """A part of a map for each window of a batch: where it begins, (N,), and its size."""

    top: Int64[Tensor, " batch"]
    left: Int64[Tensor, " batch"]
    height: int
    width: int

    def rows(self) -> Int64[Tensor, "batch height 1"]:
        return (self.top[:, None] + torch.arange(self.height, device=self.top.device))[:, :, None]

    def cols(self) -> Int64[Tensor, "batch 1 width"]:
        return (self.left[:, None] + torch.arange(self.width, device=self.left.device))[:, None, :]

    def is_at(self, other: "_Placed") -> bool:
        return (
            (self.height, self.width) == (other.height, other.width)
            and torch.equal(self.top, other.top)
            and torch.equal(self.left, other.left)
        )


class _CleanMaps:
    """The maps of the clean crop, pixel by pixel in memory, with a border; never written to.

    Parts are gathered from one table of pixels: those of the clean map, and behind them those that a batch of
    windows changed.
    """

    def __init__(self, crop: Float[Tensor, "1 3 height width"], values: dict[fx.Node, Tensor]) -> None:
        self.crop = crop
        self._values = values
        self._tables: dict[tuple[fx.Node, int, float], Tensor] = {}

    def cut(self, node: fx.Node, at: _Placed) -> Tensor:
        """Parts of a clean map, (N, C, h, w)."""
        return self.cut_from(self._values[node], at)

    def cut_from(self, whole: Float[Tensor, "1 channels height width"], at: _Placed) -> Tensor:
        """Parts of a picture of the crop's size, (N, C, h, w)."""
        pixels = whole.permute(0, 2, 3, 1).reshape(-1, whole.shape[1])
        return _as_maps(pixels.index_select(0, (at.rows() * whole.shape[3] + at.cols()).flatten()), at)

    def around(
        self, node: fx.Node, at: _Placed, part: Tensor, wanted: _Placed, beyond: float
    ) -> Float[Tensor, "batch channels h w"]:
        """A larger or other part of a map of which a part was changed.

        Args:
            node: the map.
            at: where the changed part is.
            part: the changed part, (N, C, h, w).
            wanted: what is asked for; it may reach beyond the map.
            beyond: what lies there.
        """
        if wanted.is_at(at):
            return part
        channels, height, width = self._values[node].shape[1:]
        border = max(0, -int(wanted.top.min()), -int(wanted.left.min()))
        border = max(border, int(wanted.top.max()) + wanted.height - height)
        border = max(border, int(wanted.left.max()) + wanted.width - width)
        table = self._table(node, border, beyond)
        changed = part.permute(0, 2, 3, 1).reshape(-1, channels)
        rows, cols = wanted.rows(), wanted.cols()
        index = (rows + border) * (width + 2 * border) + (cols + border)
        row_in, col_in = rows - at.top[:, None, None], cols - at.left[:, None, None]
        inside = (row_in >= 0) & (row_in < at.height) & (col_in >= 0) & (col_in < at.width)
        windows = torch.arange(len(part), device=part.device)[:, None, None]
        behind = len(table) + (windows * at.height + row_in) * at.width + col_in
        pixels = torch.cat([table, changed])
        return _as_maps(pixels.index_select(0, torch.where(inside, behind, index).flatten()), wanted)

    def completed(
        self, node: fx.Node, at: _Placed, part: Tensor
    ) -> Float[Tensor, "batch channels height width"]:
        """Whole maps, the changed part in its place."""
        clean = self._values[node].permute(0, 2, 3, 1)
        _, height, width, channels = clean.shape
        whole = clean.repeat(len(part), 1, 1, 1)
        windows = torch.arange(len(part), device=part.device)[:, None, None]
        index = (windows * height + at.rows()) * width + at.cols()
        whole.view(-1, channels).index_copy_(
            0, index.flatten(), part.permute(0, 2, 3, 1).reshape(-1, channels)
        )
        return whole.permute(0, 3, 1, 2)

    def _table(self, node: fx.Node, border: int, beyond: float) -> Tensor:
        """The pixels of a clean map with a border, (pixels, C)."""
        key = (node, border, beyond)
        if key not in self._tables:
            value = self._values[node]
            padded = torch.nn.functional.pad(value, (border,) * 4, value=beyond) if border else value
            self._tables[key] = padded.permute(0, 2, 3, 1).reshape(-1, value.shape[1])
        return self._tables[key]


def _as_maps(pixels: Tensor, at: _Placed) -> Tensor:
    """Gathered pixels as maps, (N, C, h, w), laid out channels-last."""
    return pixels.view(len(at.top), at.height, at.width, -1).permute(0, 3, 1, 2)


def _cut_each(crops: Float[Tensor, "batch channels height width"], at: _Placed) -> Tensor:
    """Each window's part of its own picture."""
    pixels = crops.permute(0, 2, 3, 1).reshape(-1, crops.shape[1])
    height, width = crops.shape[2:]
    windows = torch.arange(len(crops), device=crops.device)[:, None, None]
    index = (windows * height + at.rows()) * width + at.cols()
    return _as_maps(pixels.index_select(0, index.flatten()), at)


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
