"""Light of a sequence: a sun or window, a sky, a weak second light and the exposure that fits them."""

from dataclasses import dataclass

import numpy as np

from occlusion_toolkit.open_world.rig import Floats


@dataclass(frozen=True)
class Lighting:
    """Directions are unit vectors towards the light in the world frame; colours are linear RGB."""

    sun_direction: Floats
    sun_colour: Floats
    sky_colour: Floats
    bounce_colour: Floats
    fill_direction: Floats
    fill_colour: Floats
    exposure: float


def _direction(azimuth: float, elevation: float) -> Floats:
    return np.array(
        [np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)]
    )


def draw_lighting(draw: np.random.Generator, *, indoor: bool) -> Lighting:
    """Return light for a room or for open air.

    Exposure brings a grey surface half turned to the sun to a display value near the middle, so that
    neither noon on pale skin nor an evening room clips.
    """
    warmth = float(draw.normal(0.06, 0.07))
    azimuth = float(draw.uniform(-2.6, 2.6))
    if indoor:
        sun = float(draw.uniform(0.1, 0.8))
        sky = float(draw.uniform(0.4, 0.8))
        elevation = float(draw.uniform(0.7, 1.35))
        cool = float(draw.normal(-0.02, 0.05))
    else:
        overcast = draw.random() < 0.35
        sun = float(draw.uniform(0.1, 0.35) if overcast else draw.uniform(0.8, 2.8))
        sky = float(draw.uniform(0.45, 0.8) if overcast else draw.uniform(0.3, 0.6))
        elevation = float(draw.uniform(0.35, 1.25))
        cool = float(draw.normal(0.06, 0.05))
    sun_colour = sun * np.array([1.0 + warmth, 1.0, 1.0 - 1.3 * warmth])
    sky_colour = sky * np.array([1.0 - cool, 1.0, 1.0 + 1.4 * cool])
    bounce = float(draw.uniform(0.25, 0.6))
    fill = float(draw.uniform(0.0, 0.35)) * sky
    level = 0.75 * sky + 0.35 * sun + 0.4 * fill
    return Lighting(
        sun_direction=_direction(azimuth, elevation),
        sun_colour=sun_colour,
        sky_colour=sky_colour,
        bounce_colour=bounce * sky_colour * np.array([1.05, 1.0, 0.9]),
        fill_direction=_direction(azimuth + float(draw.uniform(1.5, 4.5)), float(draw.uniform(0.0, 0.6))),
        fill_colour=fill * np.array([1.0 + warmth, 1.0, 1.0 - warmth]),
        exposure=float(0.62 / level * np.exp(draw.normal(0.0, 0.28))),
    )
