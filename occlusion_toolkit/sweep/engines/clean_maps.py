"""The maps of a clean crop, and how wider or whole maps are made of them and of what a window changes."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, fx

from occlusion_toolkit.sweep.engines.regions import Part


@dataclass(frozen=True)
class Placed:
    """A part of a map for each window of a batch: where it begins, (N,), and its size."""

    top: Int64[Tensor, " batch"]
    left: Int64[Tensor, " batch"]
    height: int
    width: int

    def pixels(self, columns: int) -> Int64[Tensor, "batch height width"]:
        """Numbers of its pixels in a map of so many columns."""
        rows = self.top[:, None] + torch.arange(self.height, device=self.top.device)
        cols = self.left[:, None] + torch.arange(self.width, device=self.left.device)
        return rows[:, :, None] * columns + cols[:, None, :]


@dataclass(frozen=True)
class _Axis:
    """Rows, or columns, that are wanted of a map of which others were changed, by the place of a window.

    Attributes:
        clean: their numbers in the clean map with its border, (places, length).
        changed: their numbers in the changed part, (places, length), where they are inside it.
        inside: whether they are, (places, length).
    """

    clean: Int64[Tensor, "places length"]
    changed: Int64[Tensor, "places length"]
    inside: Bool[Tensor, "places length"]

    @classmethod
    def of(
        cls, wanted: Int64[Tensor, " places"], length: int, at: Int64[Tensor, " places"], size: int
    ) -> "_Axis":
        clean = wanted[:, None] + torch.arange(length, device=wanted.device)
        changed = clean - at[:, None]
        return cls(clean, changed, (changed >= 0) & (changed < size))


class Gathering:
    """What an operation needs of a map of which windows change a part: planned once for all windows.

    Args:
        node: the map.
        part: what windows change of it.
        wanted: what is needed, first rows and first columns by place, (Y,) and (X,), and how many; it may
            reach beyond the map.
        shape: of the map.
        beyond: what lies there.
    """

    def __init__(
        self,
        node: fx.Node,
        part: Part,
        wanted: tuple[tuple[Tensor, int], tuple[Tensor, int]],
        shape: tuple[int, ...],
        beyond: float,
    ) -> None:
        (top, height), (left, width) = wanted
        self.node, self.beyond = node, beyond
        self.height, self.width, self._part = height, width, part
        self._is_part = (height, width) == (part.height, part.width) and (
            torch.equal(top, part.top) and torch.equal(left, part.left)
        )
        ends = [(top, height, shape[2]), (left, width, shape[3])]
        self.border = max(max(-int(f.min()), int(f.max()) + n - size, 0) for f, n, size in ends)
        self._rows = _Axis.of(top, height, part.top, part.height)
        self._cols = _Axis.of(left, width, part.left, part.width)
        self._columns = shape[3] + 2 * self.border

    def __call__(
        self, clean: "CleanMaps", changed: Float[Tensor, "batch channels _ _"], places: tuple[Tensor, Tensor]
    ) -> Float[Tensor, "batch channels height width"]:
        """The part of each window, laid out channels-last."""
        if self._is_part:
            return changed
        table = clean.table(self.node, self.border, self.beyond)
        pixels = torch.cat([table, changed.permute(0, 2, 3, 1).reshape(-1, changed.shape[1])])
        rows, cols, (y, x) = self._rows, self._cols, places
        first = ((rows.clean + self.border) * self._columns)[y]
        index = first[:, :, None] + (cols.clean + self.border)[x][:, None, :]
        windows = torch.arange(len(changed), device=changed.device)[:, None] * self._part.height
        in_part = ((windows + rows.changed[y]) * self._part.width + len(table))[:, :, None]
        inside = rows.inside[y][:, :, None] & cols.inside[x][:, None, :]
        index = torch.where(inside, in_part + cols.changed[x][:, None, :], index)
        return as_maps(pixels.index_select(0, index.flatten()), len(changed), self.height, self.width)


class CleanMaps:
    """The maps of the clean crop; never written to.

    Parts are gathered from one table of pixels: those of the clean map with a border, and behind them those
    that a batch of windows changed.

    Args:
        crop: the clean crop.
        values: its maps.
    """

    def __init__(self, crop: Float[Tensor, "1 3 height width"], values: Mapping[fx.Node, Tensor]) -> None:
        self.crop = crop
        self.values = values
        self._tables: dict[tuple[fx.Node, int, float], Tensor] = {}

    def table(self, node: fx.Node, border: int, beyond: float) -> Tensor:
        """The pixels of a clean map with a border, (pixels, C)."""
        key = (node, border, beyond)
        if key not in self._tables:
            value = self.values[node]
            padded = torch.nn.functional.pad(value, (border,) * 4, value=beyond) if border else value
            self._tables[key] = padded.permute(0, 2, 3, 1).reshape(-1, value.shape[1])
        return self._tables[key]

    def cut(self, node: fx.Node, at: Placed) -> Float[Tensor, "batch channels height width"]:
        """Parts of a clean map."""
        return cut_from(self.values[node], at)

    def completed(
        self, node: fx.Node, at: Placed, part: Tensor
    ) -> Float[Tensor, "batch channels height width"]:
        """Whole maps, the changed part in its place."""
        clean = self.values[node].permute(0, 2, 3, 1)
        _, height, width, channels = clean.shape
        whole = clean.repeat(len(part), 1, 1, 1)
        index = at.pixels(width) + torch.arange(len(part), device=part.device)[:, None, None] * (
            height * width
        )
        whole.view(-1, channels).index_copy_(
            0, index.flatten(), part.permute(0, 2, 3, 1).reshape(-1, channels)
        )
        return whole.permute(0, 3, 1, 2)


def cut_from(whole: Float[Tensor, "_ channels height width"], at: Placed) -> Tensor:
    """Parts of one picture, or each window's part of its own picture, (N, C, h, w)."""
    pixels, index = whole.permute(0, 2, 3, 1).reshape(-1, whole.shape[1]), at.pixels(whole.shape[3])
    if len(whole) > 1:
        windows = torch.arange(len(whole), device=whole.device)[:, None, None]
        index = index + windows * (whole.shape[2] * whole.shape[3])
    return as_maps(pixels.index_select(0, index.flatten()), len(at.top), at.height, at.width)


def as_maps(pixels: Tensor, count: int, height: int, width: int) -> Tensor:
    """Gathered pixels as maps, (N, C, h, w), laid out channels-last."""
    return pixels.view(count, height, width, -1).permute(0, 3, 1, 2)
