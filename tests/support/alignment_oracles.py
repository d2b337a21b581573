"""The best similarity of one point set onto another, by two other libraries: what `metrics.align` must be."""

from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation


def by_svd(predicted: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Umeyama's closed form (1991) on NumPy's SVD, written out for one point set (P, 3)."""
    source, goal = predicted - predicted.mean(0), target - target.mean(0)
    u, singular, vt = np.linalg.svd(source.T @ goal)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = vt.T @ np.diag(signs) @ u.T
    scale = (singular * signs).sum() / (source**2).sum()
    return scale * source @ rotation.T + target.mean(0)


def by_scipy(predicted: np.ndarray, target: np.ndarray) -> np.ndarray:
    """SciPy's best proper rotation (Kabsch), then the least-squares scale, for one point set (P, 3)."""
    source, goal = predicted - predicted.mean(0), target - target.mean(0)
    rotation, _ = Rotation.align_vectors(goal, source)
    turned = rotation.apply(source)
    return (turned * goal).sum() / (source**2).sum() * turned + target.mean(0)


ORACLES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {"svd": by_svd, "scipy": by_scipy}
