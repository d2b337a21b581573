"""Everything that happens to a crop's pixels once it is cut: objects, blur, colours, in PARE's order."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from occlusion_toolkit.training.appearance import recolour
from occlusion_toolkit.training.occluders import Cutout, paste_objects
from occlusion_toolkit.training.samples.motion_blur import motion_blur
from occlusion_toolkit.training.samples.settings import SampleSettings


def disguise(
    crop: Float[Tensor, "3 height width"],
    settings: SampleSettings,
    cutouts: Sequence[Cutout],
    rng: np.random.Generator,
) -> Float[Tensor, "3 height width"]:
    """The crop with objects pasted over it, blurred and recoloured; RGB in 0..255.

    Args:
        crop: RGB in 0..255; may be changed in place.
        settings: how much of everything.
        cutouts: objects to paste.
        rng: source of randomness.
    """
    pixels = crop.numpy()
    if settings.occlusion is not None and cutouts:
        paste_objects(pixels, list(cutouts), settings.occlusion.ranges, rng)
    if rng.random() < settings.motion_blur:
        pixels = motion_blur(pixels, rng)
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    return recolour(torch.from_numpy(pixels)[None], settings.appearance, generator)[0]
