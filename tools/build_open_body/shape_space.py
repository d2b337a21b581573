"""Ten shape directions by principal component analysis of a population in T-pose."""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from geometry import Array, Ids, volume

NUM_BETAS = 10


@dataclass(frozen=True)
class ShapeSpace:
    """Mean body and directions, one standard deviation per unit of beta.

    Attributes:
        mean: (V, 3) metres.
        directions: (V, 3, 10) metres per unit beta.
        betas: (N, 10) coefficients of the population, zero mean and unit variance.
        variance_share: (10,) share of the population's variance that each direction explains.
    """

    mean: Array
    directions: Array
    betas: Array
    variance_share: Array

    def directions_of(self, points: Array) -> tuple[Array, Array]:
        """Mean and directions of other points (N, n, 3) of the same people, by linear regression.

        The betas of the population are uncorrelated with unit variance, so least squares is one
        product. For the body's own vertices it returns the principal directions themselves.
        """
        mean = points.mean(axis=0)
        return mean, np.einsum("nk,nvd->vdk", self.betas, points - mean) / (len(points) - 1)


def fit_shape_space(people: Array, faces: Ids) -> ShapeSpace:
    """Principal components of (N, V, 3) people with signs fixed by what they do to the body.

    A positive beta 0 makes the body taller, any other positive beta gives it more volume.
    """
    count = len(people)
    mean = people.mean(axis=0)
    centred = (people - mean).reshape(count, -1)
    gram = centred @ centred.T
    eigenvalues, vectors = scipy.linalg.eigh(gram, subset_by_index=(count - NUM_BETAS, count - 1))
    eigenvalues, vectors = eigenvalues[::-1], vectors[:, ::-1]
    betas = vectors * np.sqrt(count - 1)
    directions = (centred.T @ betas / (count - 1)).reshape(*mean.shape, NUM_BETAS)
    for k in range(NUM_BETAS):
        taller = np.ptp((mean + directions[..., k])[:, 1]) - np.ptp((mean - directions[..., k])[:, 1])
        larger = volume(mean + directions[..., k], faces) - volume(mean - directions[..., k], faces)
        if (taller if k == 0 else larger) < 0:
            directions[..., k] *= -1
            betas[:, k] *= -1
    return ShapeSpace(mean, directions, betas, eigenvalues / np.trace(gram))
