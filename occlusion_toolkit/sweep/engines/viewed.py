"""Occluders carried from the reference square into a network's own crop."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from occlusion_toolkit.models.preprocessing import REFERENCE
from occlusion_toolkit.models.views import View
from occlusion_toolkit.sweep.occluders import Occluder


def occluded_view(
    occluder: Occluder,
    reference: Float[Tensor, "3 height width"],
    view: View,
    windows: Int64[Tensor, "windows 4"],
) -> Float[Tensor, "windows 3 side side"]:
    """A network's crop of a person under each window, as if the photograph itself had been painted.

    The paint is made on the reference square, whoever looks, and carried into the crop; pixels under the edge
    of a window are mixed by the area it hides of them. Pixels outside keep their exact value.

    Args:
        occluder: what is painted.
        reference: the reference square, normalised, (3, 224, 224).
        view: the network's crop, on any device.
        windows: rectangles (y0, y1, x0, x1) of the reference square, (W, 4), on the device to work on.
    """
    clean = view.crop.to(reference.device).expand(len(windows), -1, -1, -1)
    cover = view.frame.coverage(windows)
    if type(occluder).paste is Occluder.paste:
        paint = occluder.fill(reference[None])
        if paint.shape[-1] > 1:
            paint = view.frame.carry(paint, None)
        return torch.lerp(clean, _numbers(view, paint), cover)
    # Any other way of painting shows in what it makes of black and of white: how much is hidden, and by what.
    fills = occluder.fill(reference[None])
    fills = fills.expand(len(windows), *fills.shape[1:])
    black = reference.new_zeros((len(windows), *reference.shape))
    dark = occluder.paste(black, fills, windows)
    hidden = 1.0 - (occluder.paste(black + 1.0, fills, windows) - dark)
    carried = view.frame.carry(torch.cat((dark, hidden), dim=1), windows)
    paint, hidden = carried[:, :3], carried[:, 3:]
    paint = torch.where(hidden > 0, paint / hidden.clamp_min(1e-6), paint)
    shares = hidden.flip(1) if view.preprocessing.colours == "bgr" else hidden
    return torch.lerp(clean, _numbers(view, paint), cover * shares)


def _numbers(view: View, normalised: Tensor) -> Tensor:
    """Colours of the reference square in the numbers of the network."""
    if view.preprocessing.normalisation == REFERENCE.normalisation and view.preprocessing.colours == "rgb":
        return normalised
    return view.preprocessing.numbers(REFERENCE.rgb(normalised))
