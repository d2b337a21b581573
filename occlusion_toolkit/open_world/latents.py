"""Random draws that can be moved a little: near latent vectors give near poses."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

LATENT_SIZE = 128


class LatentDraws:
    """Reads normal and uniform draws, in order, off one latent vector of standard normals.

    Discrete choices are read off a second vector, so that moving the continuous latents never makes a
    motion jump from one gesture to another.
    """

    def __init__(self, continuous: NDArray[np.float64], discrete: NDArray[np.float64]) -> None:
        self._continuous = continuous
        self._discrete = discrete
        self._next_continuous = 0
        self._next_discrete = 0

    def normal(self, mean: float = 0.0, deviation: float = 1.0) -> float:
        """Return a normal draw."""
        value = float(self._continuous[self._next_continuous])
        self._next_continuous += 1
        return mean + deviation * value

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Return a uniform draw in [low, high)."""
        return low + (high - low) * float(ndtr(self.normal()))

    def chance(self, probability: float) -> bool:
        """Return true with the given probability."""
        value = float(ndtr(self._discrete[self._next_discrete]))
        self._next_discrete += 1
        return value < probability

    def choice(self, weights: tuple[float, ...]) -> int:
        """Return an index drawn with the given weights."""
        value = float(ndtr(self._discrete[self._next_discrete]))
        self._next_discrete += 1
        cumulative = np.cumsum(weights) / np.sum(weights)
        below = int(np.count_nonzero(cumulative <= value))
        return min(below, len(weights) - 1)


def fresh_latents(generator: np.random.Generator) -> NDArray[np.float64]:
    """Return a latent vector of standard normals."""
    return generator.standard_normal(LATENT_SIZE)


def moved_latents(
    latents: NDArray[np.float64], generator: np.random.Generator, step: float
) -> NDArray[np.float64]:
    """Return latents moved by a random step that keeps them standard normal (step in 0..1)."""
    kept = float(np.sqrt(1.0 - step**2))
    return kept * latents + step * generator.standard_normal(len(latents))
