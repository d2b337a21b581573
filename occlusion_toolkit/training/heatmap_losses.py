"""Supervision of PARE's 2D branch by the 24 joints instead of parts (Table 3, rows a and b)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from occlusion_toolkit.training.means import mean_of_some

HEATMAP_SIGMA = 1.0
"""Pixels of the map: PARE's code divides 2/64 of 224 by 4 without remainder, which is 1 and not 1.75."""

_REACH = 3 * HEATMAP_SIGMA
"""Pixels beyond which a Gaussian is cut off, as in PARE's code."""

_LARGEST_JOINTS_LOSS = 10.0

ATTENTION_SIGMA = 2 / 56
"""Standard deviation of the Gaussians that attention is held against, as a share of the map's side."""


def heatmap_loss(
    scores: Float[Tensor, "batch joints height width"],
    places: Float[Tensor, "batch joints 2"],
    has_body: Bool[Tensor, " batch"],
) -> Float[Tensor, ""]:
    """Half the mean squared distance between raw scores and Gaussians (`hm` of PARE's public code).

    A Gaussian has height 1, stands on the nearest whole pixel and is cut off at three standard deviations;
    joints of which nothing is left on the map do not count, but stay in the denominator.

    Args:
        scores: not normalised, (B, J, h, w).
        places: joints in crop coordinates [-1, 1], (B, J, 2); NaN where nobody knows.
        has_body: people whose joints are known, (B,).

    Returns:
        A scalar, zero where nobody is known.
    """
    targets, counts = gaussians(places, scores.shape[-2], scores.shape[-1])
    squares = ((scores - targets) * counts[..., None, None]).square()
    return 0.5 * mean_of_some(squares, has_body & places.isfinite().all(dim=(1, 2)))


def gaussians(
    places: Float[Tensor, "batch joints 2"], height: int, width: int
) -> tuple[Float[Tensor, "batch joints height width"], Float[Tensor, "batch joints"]]:
    """The Gaussians of `heatmap_loss`, and 1 for those that count and 0 for the others."""
    axes, counts = [], torch.ones_like(places[..., 0])
    for axis, size in enumerate((width, height)):
        centre = torch.trunc((places[..., axis].nan_to_num(-9.0) + 1) / 2 * size + 0.5)
        counts = counts * ((centre - _REACH < size) & (centre + _REACH + 1 >= 0))
        offset = torch.arange(size, device=places.device) - centre[..., None]
        axes.append(torch.exp(-0.5 * (offset / HEATMAP_SIGMA).square()) * (offset.abs() <= _REACH))
    return axes[1][..., :, None] * axes[0][..., None, :], counts


def heatmap_joints_loss(
    attention: Float[Tensor, "batch joints height width"],
    places: Float[Tensor, "batch joints 2"],
    has_body: Bool[Tensor, " batch"],
) -> Float[Tensor, ""]:
    """Mean squared distance of expected places from joints (`hm_soft` of PARE's public code adds it).

    A loss of ten or more is dropped, as in that code, "to avoid explosion".

    Args:
        attention: sums to one over the map, whose corner pixels are at -1 and 1, (B, J, h, w).
        places: joints in crop coordinates [-1, 1], (B, J, 2); NaN where nobody knows.
        has_body: people whose joints are known, (B,).

    Returns:
        A scalar in squared crop units, zero where nobody is known.
    """
    height, width = attention.shape[-2:]
    rows, columns = (torch.linspace(-1, 1, size, device=places.device) for size in (height, width))
    expected = torch.stack((attention.sum(dim=2) @ columns, attention.sum(dim=3) @ rows), dim=-1)
    known = has_body & places.isfinite().all(dim=(1, 2))
    loss = mean_of_some((expected - places.nan_to_num()).square(), known)
    return torch.where(loss < _LARGEST_JOINTS_LOSS, loss, torch.zeros_like(loss))


def attention_loss(
    attention: Float[Tensor, "batch joints height width"],
    places: Float[Tensor, "batch joints 2"],
    has_body: Bool[Tensor, " batch"],
) -> Float[Tensor, ""]:
    """Cross-entropy of attention with Gaussians around joints; our own, for the open recipes.

    The network attends with a softmax over the map, so that is what the Gaussians, normalised likewise,
    are held against. Joints outside the crop do not count.

    Args:
        attention: sums to one over the map, (B, J, h, w).
        places: joints in crop coordinates [-1, 1], (B, J, 2); NaN where nobody knows.
        has_body: people whose joints are known, (B,).

    Returns:
        A scalar in nats, zero where nobody is known.
    """
    height, width = attention.shape[-2:]
    shown = ((places.abs().amax(dim=-1) <= 1) & has_body[:, None]).to(attention.dtype)  # of NaN: not
    places = places.nan_to_num()
    offset_y = (torch.arange(height, device=places.device) + 0.5) / height - (places[..., 1:] + 1) / 2
    offset_x = (torch.arange(width, device=places.device) + 0.5) / width - (places[..., :1] + 1) / 2
    squares = offset_y[..., :, None].square() + offset_x[..., None, :].square()
    target = (-0.5 * squares / ATTENTION_SIGMA**2).flatten(2).softmax(dim=-1)
    entropy = -(target * attention.flatten(2).clamp_min(1e-12).log()).sum(dim=-1)
    return (shown * entropy).sum() / shown.sum().clamp_min(1)
