"""Part attention in numbers: how much of it is on its part, and how far it spreads."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from occlusion_toolkit.attention_maps.attention_maps import CLEAN, OCCLUDED, AttentionMaps

HIDDEN = 0.5
"""Share of a part's pixels under the occluder from which on it counts as hidden."""


@dataclass(frozen=True)
class AttentionFigures:
    """One map of attention.

    Attributes:
        on_part: share of the attention in the cells that touch its part; None where there are none.
        spread: over how much of the map the attention is spread, from its entropy: 0 is one single cell, 1
            all cells alike.
    """

    on_part: float | None
    spread: float


@dataclass(frozen=True)
class PartAttention:
    """One part.

    Attributes:
        part: its name, or that of a layer, whose part is the whole body.
        area: share of the cells that touch it in the clean prediction: what attention that knows nothing
            would put on it.
        hidden: share of its pixels under the occluder; None without an occluder or without pixels.
        clean: attention in the clean crop.
        occluded: attention in the occluded crop, in the same cells; None without an occluder.
    """

    part: str
    area: float
    hidden: float | None
    clean: AttentionFigures
    occluded: AttentionFigures | None


@dataclass(frozen=True)
class AttentionTable:
    """Part attention of one image as a table.

    Attributes:
        model: id of the regressor's card.
        image: file name.
        protocol: hash of the protocol card.
        parts: all 24, in SMPL's order, or the layers of a decoder and their mean.
    """

    model: str
    image: str
    protocol: str
    parts: tuple[PartAttention, ...]

    @property
    def visible(self) -> tuple[PartAttention, ...]:
        """Parts that the clean prediction shows."""
        return tuple(part for part in self.parts if part.area > 0)

    @property
    def hidden(self) -> tuple[PartAttention, ...]:
        """Parts whose pixels are mostly under the occluder."""
        return tuple(part for part in self.parts if part.hidden is not None and part.hidden >= HIDDEN)

    @property
    def untouched(self) -> tuple[PartAttention, ...]:
        """Parts of which the occluder covers nothing."""
        return tuple(part for part in self.parts if part.hidden == 0)

    def as_json(self) -> dict[str, Any]:
        """Plain types only."""
        return asdict(self)


def summarise_attention(maps: AttentionMaps) -> AttentionTable:
    """Reads the table off maps, fresh or stored."""
    segmentation, attention = maps.segmentation, maps.attention(CLEAN)
    under = None if maps.window is None else maps.attention(OCCLUDED)
    covered = np.zeros(segmentation.shape, dtype=bool)
    if maps.window is not None:
        y0, y1, x0, x1 = (max(0, edge) for edge in maps.window)
        covered[y0:y1, x0:x1] = True
    parts = []
    for index, name in enumerate(maps.parts):
        region = maps.region(index)
        clean = attention[index]
        cells = cells_touched(region, clean.shape)
        parts.append(
            PartAttention(
                part=name,
                area=float(cells.mean()),
                hidden=float(covered[region].mean()) if under is not None and region.any() else None,
                clean=attention_figures(clean, cells),
                occluded=None if under is None else attention_figures(under[index], cells),
            )
        )
    return AttentionTable(maps.card.model_card, maps.file, maps.card.hash, tuple(parts))


def cells_touched(
    region: Bool[np.ndarray, "resolution resolution"], shape: tuple[int, ...]
) -> Bool[np.ndarray, "rows cols"]:
    """The cells of a map over the crop that hold a pixel of a region, (h, w)."""
    y, x = np.nonzero(region)
    cells = np.zeros(shape, dtype=bool)
    cells[y * shape[0] // len(region), x * shape[1] // len(region)] = True
    return cells


def attention_figures(
    attention: Float[np.ndarray, "rows cols"], cells: Bool[np.ndarray, "rows cols"]
) -> AttentionFigures:
    """Share of one map in some of its cells, and its spread.

    Args:
        attention: sums to one, (h, w).
        cells: those of the part, (h, w).
    """
    weights = attention.astype(np.float64)
    logarithm = np.log(weights, out=np.zeros_like(weights), where=weights > 0)
    filled = float(np.exp(-(weights * logarithm).sum()))
    return AttentionFigures(
        on_part=float(weights[cells].sum()) if cells.any() else None,
        spread=(filled - 1) / (weights.size - 1) if weights.size > 1 else 1.0,
    )
