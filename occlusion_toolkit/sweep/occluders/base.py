"""How an occluder gets onto a batch of crops; what it looks like is `occluders` and `picture`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


class Occluder(ABC):
    """What is pasted into a window. All work happens on the device and in the type of the crops.

    Pasting is split in two, so that what depends on the crop alone (its mean colour, its blur) is made once
    for all windows of a crop in a batch: `fill` takes the crops themselves, `paste` copies of them.

    To write one, name it in `spec` and give `fill`; override `paste` for what is not plain paint.

    Attributes:
        spec: what it is, as plain values: "name", and whatever it takes to make it again, such as "seed". It
            is stored with every result; results of different specs are not compared.

    Example:
        >>> import torch
        >>> class Black(Occluder):
        ...     spec = {"name": "black"}
        ...     def fill(self, crops):
        ...         return crops.new_full((len(crops), 3, 1, 1), -2.0)
        >>> hidden = Black().apply(torch.zeros(1, 3, 224, 224), torch.tensor([[0, 40, 0, 40]]))
        >>> int((hidden == -2).sum())
        4800
    """

    spec: Mapping[str, Any]

    @abstractmethod
    def fill(self, crops: Float[Tensor, "images 3 height width"]) -> Float[Tensor, "images _ _ _"]:
        """The paint for each crop, in the form that `paste` of the same class takes.

        Args:
            crops: normalised crops, (M, 3, H, W).

        Returns:
            One entry per crop; for plain paint (M, 3, H, W), or (M, 3, 1, 1) where it is one colour.
        """

    def paste(
        self,
        crops: Float[Tensor, "batch 3 height width"],
        fills: Float[Tensor, "batch _ _ _"],
        windows: Int64[Tensor, "batch 4"],
    ) -> Float[Tensor, "batch 3 height width"]:
        """Copies of the crops with the paint in one window each; pixels outside keep their exact value.

        Args:
            crops: normalised crops, (N, 3, H, W).
            fills: paint of the crop of each row, as `fill` returned it, (N, ...).
            windows: rectangles (y0, y1, x0, x1) in pixels, (N, 4); an empty one leaves the crop as it is.

        Returns:
            The occluded crops, (N, 3, H, W).
        """
        height, width = crops.shape[-2:]
        return torch.where(window_mask(windows, height, width), fills, crops)

    def apply(
        self, crops: Float[Tensor, "batch 3 height width"], windows: Int64[Tensor, "batch 4"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """Copies of the crops, each with one window occluded: `fill` and `paste` in one step.

        Args:
            crops: normalised crops, (N, 3, H, W).
            windows: rectangles (y0, y1, x0, x1) in pixels, (N, 4).

        Returns:
            The occluded crops, (N, 3, H, W).
        """
        return self.paste(crops, self.fill(crops), windows)


def window_mask(
    windows: Int64[Tensor, "batch 4"], height: int, width: int
) -> Bool[Tensor, "batch 1 height width"]:
    """Which pixels lie inside each window, (N, 1, H, W)."""
    y0, y1, x0, x1 = windows[:, :, None].unbind(1)
    y = torch.arange(height, device=windows.device)
    x = torch.arange(width, device=windows.device)
    rows = (y >= y0) & (y < y1)
    cols = (x >= x0) & (x < x1)
    return (rows[:, :, None] & cols[:, None, :])[:, None]
