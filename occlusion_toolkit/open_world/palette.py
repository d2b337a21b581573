"""Colours: linear RGB from hue, saturation and value, with hues that training and test do not share."""

import colorsys

import numpy as np

from occlusion_toolkit.open_world.scene_mesh import Colour
from occlusion_toolkit.open_world.splits import HUE_BINS, Split, hue_bin_belongs


def linear_rgb(hue: float, saturation: float, value: float) -> Colour:
    """Return linear RGB of an HSV colour given in display (gamma 2.2) space."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return red**2.2, green**2.2, blue**2.2


def dimmed(colour: Colour, factor: float) -> Colour:
    """Return a colour with all channels multiplied by `factor`."""
    return factor * colour[0], factor * colour[1], factor * colour[2]


class Palette:
    """Draws colours whose hue lies in the bins of one split."""

    def __init__(self, generator: np.random.Generator, split: Split) -> None:
        self._generator = generator
        self._bins = [index for index in range(HUE_BINS) if hue_bin_belongs(index, split)]

    def hue(self) -> float:
        """Return a hue in 0..1 from this split's bins."""
        chosen = self._bins[int(self._generator.integers(len(self._bins)))]
        return (chosen + float(self._generator.random())) / HUE_BINS

    def any(self, low: float = 0.1, high: float = 0.9, saturation: float = 0.8) -> Colour:
        """Return a colour, often muted, of value `low`..`high`."""
        draw = self._generator
        chroma = float(draw.random()) ** 1.4 * saturation
        if draw.random() < 0.35:
            chroma *= 0.2
        return linear_rgb(self.hue(), chroma, float(draw.uniform(low, high)))

    def muted(self, low: float = 0.3, high: float = 0.9) -> Colour:
        """Return a colour fit for walls and floors."""
        return self.any(low, high, saturation=0.35)

    def near(self, hue: float, saturation: float, low: float, high: float) -> Colour:
        """Return a colour close to a natural hue: wood, grass, sky; the same in every split."""
        draw = self._generator
        chroma = float(np.clip(saturation + draw.normal(0.0, 0.1), 0.0, 1.0))
        return linear_rgb(hue + float(draw.normal(0.0, 0.015)), chroma, float(draw.uniform(low, high)))

    def wood(self) -> Colour:
        """Return a wood tone."""
        return self.near(0.075, 0.5, 0.22, 0.75)

    def leaf(self) -> Colour:
        """Return a foliage or grass tone."""
        return self.near(0.25, 0.55, 0.28, 0.6)

    def grey(self, low: float = 0.15, high: float = 0.85) -> Colour:
        """Return a nearly neutral colour."""
        return self.near(0.1, 0.04, low, high)
