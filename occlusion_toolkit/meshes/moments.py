"""Count, mean and variance of a stream, per vertex, in one pass."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from scipy.special import stdtrit

CONFIDENCE = 0.95
"""Level of the intervals that are stored."""


@dataclass
class Moments:
    """Running count, mean and sum of squared deviations of several quantities at every vertex.

    Vertices are the outer axis: an observation touches the rows of the vertices that were seen. Updates
    follow Welford (Technometrics 4(3), 1962), merging follows Chan, Golub and LeVeque (The American
    Statistician 37(3), 1983), both in float64; the order of observations matters only to rounding.

    Attributes:
        count: observations, (V,).
        mean: of them, 0 where there are none, (V, C).
        m2: sum of squared deviations from the mean, (V, C).
    """

    count: Int64[np.ndarray, " vertices"]
    mean: Float64[np.ndarray, "vertices channels"]
    m2: Float64[np.ndarray, "vertices channels"]

    @classmethod
    def empty(cls, vertices: int, channels: int) -> "Moments":
        """No observation of any vertex."""
        shape = (vertices, channels)
        return cls(np.zeros(vertices, np.int64), np.zeros(shape), np.zeros(shape))

    def add(self, seen: Int64[np.ndarray, " seen"], values: Float64[np.ndarray, "seen channels"]) -> None:
        """Takes in one observation of some vertices.

        Args:
            seen: indices of the vertices, each at most once, (N,).
            values: what was observed there, (N, C).
        """
        count = self.count[seen] + 1
        mean = self.mean[seen]
        deviation = values - mean
        mean += deviation / count[:, None]
        self.count[seen] = count
        self.mean[seen] = mean
        self.m2[seen] += deviation * (values - mean)

    def merge(self, other: "Moments") -> None:
        """Takes in everything that another stream has observed."""
        seen = np.flatnonzero(other.count)
        mine, theirs = self.count[seen, None], other.count[seen, None]
        total = mine + theirs
        difference = other.mean[seen] - self.mean[seen]
        self.m2[seen] += other.m2[seen] + difference**2 * (mine * theirs / total)
        self.mean[seen] += difference * (theirs / total)
        self.count[seen] = total[:, 0]

    @property
    def variance(self) -> Float64[np.ndarray, "vertices channels"]:
        """Unbiased variance, NaN where there are fewer than two observations, (V, C)."""
        degrees = np.where(self.count > 1, self.count - 1.0, np.nan)
        return self.m2 / degrees[:, None]

    def interval(
        self, level: float = CONFIDENCE
    ) -> tuple[Float64[np.ndarray, "vertices channels"], Float64[np.ndarray, "vertices channels"]]:
        """Student's t confidence interval of the mean, NaN where the variance is.

        Args:
            level: probability that the interval covers the true mean of independent observations.

        Returns:
            Lower and upper end, (V, C) each.
        """
        count = np.where(self.count > 1, self.count, np.nan)
        quantile = stdtrit(count - 1, (1 + level) / 2)
        half_width = quantile[:, None] * np.sqrt(self.variance / count[:, None])
        return self.mean - half_width, self.mean + half_width
