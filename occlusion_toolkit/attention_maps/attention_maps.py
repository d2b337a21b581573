"""Part attention of one person: labelled maps, clean and where asked under an occluder."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from occlusion_toolkit.body.parts import PART_NAMES
from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.files.netcdf import load_dataset, save_dataset
from occlusion_toolkit.plotting.style import save_picture
from occlusion_toolkit.sweep.maps import card_of, json_attribute, with_card
from occlusion_toolkit.sweep.protocol import ProtocolCard

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from occlusion_toolkit.attention_maps.table import AttentionTable

KIND = "attention"
LAYOUT = 2

CLEAN, OCCLUDED = "clean", "occluded"

MEAN_OF_LAYERS = "mean over layers"
"""Last map of a decoder, after those of its layers."""

_MOST_LAYERS = 100


class AttentionMaps:
    """Where a network looks for each part of the body (PARE, Figure 7), or in each layer of a decoder.

    Args:
        dataset: `attention` (view, part, row, col), weights that sum to one over the map of each part, or of
            each layer and of their mean; `crop` (view, y, x, rgb), the reference square; `segmentation`
            (y, x), what the clean prediction shows in each pixel: 0 background, k + 1 part k. Views are
            "clean" and, where something was occluded, "occluded".

    Example:
        >>> import occlusion_toolkit as ot
        >>> maps = ot.attention("pare-open", ot.read_crop("examples/rendered-person.jpg"))
        >>> float(maps.dataset["attention"].sel(view="clean", part="left_knee").sum().round(3))
        1.0
    """

    def __init__(self, dataset: xr.Dataset) -> None:
        self.dataset = dataset

    @classmethod
    def of(
        cls,
        card: ProtocolCard,
        file: str,
        crops: np.ndarray,
        attention: np.ndarray,
        segmentation: np.ndarray,
        window: tuple[int, int, int, int] | None,
        parts: tuple[str, ...] = PART_NAMES,
    ) -> AttentionMaps:
        """Maps from plain arrays: crops (V, R, R, 3), attention (V, P, h, w), segmentation (R, R)."""
        dataset = xr.Dataset(
            {
                "attention": (("view", "part", "row", "col"), attention),
                "crop": (("view", "y", "x", "rgb"), crops),
                "segmentation": (("y", "x"), segmentation),
            },
            {"view": [CLEAN, OCCLUDED][: len(crops)], "part": list(parts)},
            {"file": file}
            | ({} if window is None else {"window": json.dumps([int(edge) for edge in window])}),
        )
        return cls(with_card(dataset, card))

    @classmethod
    def open(cls, path: Path | str) -> AttentionMaps:
        """Reads a stored result.

        Raises:
            ResultError: the file is missing, damaged, incomplete, or holds something else.
        """
        maps = cls(load_dataset(path, KIND, LAYOUT))
        try:
            maps._check()
        except ResultError as error:
            raise ResultError(f"{str(path)!r} cannot be used: {error}") from error
        return maps

    @cached_property
    def card(self) -> ProtocolCard:
        """What the numbers mean."""
        return card_of(self.dataset)

    @property
    def file(self) -> str:
        """Name of the image."""
        return str(self.dataset.attrs.get("file", ""))

    @property
    def window(self) -> tuple[int, int, int, int] | None:
        """What is occluded (y0, y1, x0, x1), pixels of the crop; None where nothing is.

        Raises:
            ResultError: what is stored is no rectangle.
        """
        if "window" not in self.dataset.attrs:
            return None
        match json_attribute(self.dataset, "window"):
            case [int(y0), int(y1), int(x0), int(x1)]:
                return y0, y1, x0, x1
            case stored:
                raise ResultError(f"its window is {stored!r}, which is no rectangle")

    @property
    def views(self) -> tuple[str, ...]:
        """The views: "clean" and, where something was occluded, "occluded"."""
        return tuple(str(view) for view in self.dataset["view"].values)

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the maps: the 24 parts, or the layers of a decoder and their mean."""
        return tuple(str(part) for part in self.dataset["part"].values)

    @property
    def of_parts(self) -> bool:
        """Whether there is a map for each part of the body; otherwise there is one for each layer."""
        return self.parts == PART_NAMES

    def region(self, index: int) -> np.ndarray:
        """Where the clean prediction shows the part of a map, or for a layer the whole body, (R, R)."""
        region: np.ndarray = self.segmentation == index + 1 if self.of_parts else self.segmentation > 0
        return region

    @property
    def segmentation(self) -> np.ndarray:
        """What the clean prediction shows: 0 background, k + 1 part k, (R, R)."""
        return np.asarray(self.dataset["segmentation"].values)

    def is_like(self, other: AttentionMaps) -> bool:
        """Whether both show the same crop, hidden at the same place, to the same network."""
        mine, others = self.card, other.card
        models = [(card.model_card, card.weights_sha256) for card in (mine, others)]
        return (
            models[0] == models[1]
            and not mine.differences(others)
            and self.window == other.window
            and np.array_equal(self.dataset["crop"].values, other.dataset["crop"].values)
        )

    def attention(self, view: str = CLEAN) -> np.ndarray:
        """Weights that sum to one over each map, (P, h, w), in the order of `parts`."""
        return np.asarray(self.dataset["attention"].sel(view=view).values)

    def crop(self, view: str = CLEAN) -> np.ndarray:
        """What the network saw, RGB, (R, R, 3)."""
        return np.asarray(self.dataset["crop"].sel(view=view).values)

    def table(self) -> AttentionTable:
        """How much of the attention is on its part, and how far it spreads."""
        from occlusion_toolkit.attention_maps.table import summarise_attention

        return summarise_attention(self)

    def plot(self, path: Path | str | None = None) -> Figure:
        """The crop, its parts and a map for each part; pairs of maps with an occluder.

        Args:
            path: where to write it (.png, .pdf, .svg, .jpg); None to get the figure only.

        Raises:
            ResultError: the file cannot be written.
        """
        from occlusion_toolkit.attention_maps.figure import attention_figure

        return save_picture(attention_figure(self), path)

    def save(self, path: Path | str) -> None:
        """Writes everything to an HDF5 file that any NetCDF reader opens.

        Raises:
            ResultError: the file cannot be written.
        """
        save_dataset(path, self.dataset, KIND, LAYOUT)

    def _check(self) -> None:
        expected = {
            "attention": (("view", "part", "row", "col"), "f"),
            "crop": (("view", "y", "x", "rgb"), "u"),
            "segmentation": (("y", "x"), "i"),
        }
        for name, (dims, kind) in expected.items():
            values = self.dataset.data_vars.get(name)
            if values is None or values.dims != dims or values.dtype.kind != kind:
                raise ResultError(f"it has no {name} of dimensions {', '.join(dims)}")
        sizes = self.dataset.sizes
        if sizes["rgb"] != 3 or sizes["y"] != sizes["x"] or 0 in sizes.values():
            raise ResultError(f"its arrays have sizes {dict(sizes)}")
        layers = min(self.dataset.sizes["part"] - 1, _MOST_LAYERS)
        decoder = (*(f"layer {number}" for number in range(1, layers + 1)), MEAN_OF_LAYERS)
        if "part" not in self.dataset.coords or self.parts not in (PART_NAMES, decoder):
            raise ResultError("its parts are neither the 24 of the body nor the layers of a decoder")
        if self.views not in ((CLEAN,), (CLEAN, OCCLUDED)) or (self.window is None) != (len(self.views) == 1):
            raise ResultError(f"its views are {', '.join(self.views)}")
        if not 0 <= self.segmentation.min() <= self.segmentation.max() <= 24:
            raise ResultError("its segmentation has numbers outside 0..24")
        if self.card.occluder is None and self.window is not None:
            raise ResultError("its card names no occluder")
