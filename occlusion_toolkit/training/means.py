"""Means over the people who are annotated."""

from jaxtyping import Bool, Float
from torch import Tensor


def mean_of_some(values: Float[Tensor, "batch ..."], chosen: Bool[Tensor, " batch"]) -> Float[Tensor, ""]:
    """Mean over all entries of the chosen people, zero where nobody is chosen.

    A product with the mask and not an index, which would make a GPU wait for the host.

    Args:
        values: finite also for those who are not chosen.
        chosen: who counts, (B,).
    """
    weight = chosen.to(values.dtype)
    summed = (weight * values.flatten(1).mean(dim=1)).sum()
    return summed / weight.sum().clamp_min(1)
