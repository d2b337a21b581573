"""The colour space that crops live in here: RGB normalised by ImageNet's mean and standard deviation."""

import torch
from jaxtyping import Float
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Mean of RGB in [0, 1] that crops are normalised with."""

IMAGENET_STD = (0.229, 0.224, 0.225)
"""Standard deviation of RGB in [0, 1] that crops are normalised with."""


def normalise_colour(rgb: Float[Tensor, "3 height width"]) -> Float[Tensor, "3 height width"]:
    """RGB in [0, 1] to the normalised space of the networks, per channel."""
    mean = torch.tensor(IMAGENET_MEAN, dtype=rgb.dtype)[:, None, None]
    std = torch.tensor(IMAGENET_STD, dtype=rgb.dtype)[:, None, None]
    return (rgb - mean) / std
