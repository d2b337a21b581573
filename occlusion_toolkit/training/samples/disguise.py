"""Everything that happens to a crop's pixels once it is cut: objects, blur, colours, in PARE's order."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from occlusion_toolkit.training.appearance import recolour
from occlusion_toolkit.training.occluders import Cutout, paste_objects
from occlusion_toolkit.training.samples.compression import coarsened, compressed
from occlusion_toolkit.training.samples.motion_blur import motion_blur
from occlusion_toolkit.training.samples.settings import SampleSettings


def disguise(
    crops: Float[Tensor, "batch 3 height width"],
    settings: SampleSettings,
    cutouts: Sequence[Cutout],
    rngs: Sequence[np.random.Generator],
) -> Float[Tensor, "batch 3 height width"]:
    """Crops with objects pasted over them, blurred, recoloured, coarsened and compressed; RGB in 0..255.

    Args:
        crops: RGB in 0..255; may be changed in place.
        settings: how much of everything.
        cutouts: objects to paste.
        rngs: source of randomness of each crop.
    """
    for pixels, rng in zip(crops.numpy(), rngs, strict=True):
        if settings.occlusion is not None and cutouts:
            paste_objects(pixels, cutouts, settings.occlusion.ranges, rng)
        if rng.random() < settings.motion_blur:
            pixels[:] = motion_blur(pixels, rng)
    generators = [torch.Generator().manual_seed(int(rng.integers(2**63))) for rng in rngs]
    crops = recolour(crops, settings.appearance, generators)
    for pixels, rng in zip(crops.numpy(), rngs, strict=True):
        if settings.coarse and rng.random() < settings.coarse:
            pixels[:] = coarsened(pixels, rng)
        if settings.jpeg and rng.random() < settings.jpeg:
            pixels[:] = compressed(pixels, rng)
    return crops
