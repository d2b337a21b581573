"""Phenotypes of an adult population: the people whose variation the betas describe."""

import numpy as np
import torch
from anny.shape_distribution import SimpleShapeDistribution
from geometry import Array
from numpy.typing import NDArray
from source import MakeHuman

# anny's height tables cover all its ages; shrinking the spread gives the 7-8 cm of adults.
_ADULT_HEIGHT_SPREAD = 0.78


def sample_adults(source: MakeHuman, count: int, seed: int) -> dict[str, Array]:
    """Phenotype knobs of `count` adults, half of them men.

    Gender is drawn near its ends, height from anny's (WHO-calibrated) distribution of each gender,
    the other knobs from broad beta and normal distributions.
    """
    rng = np.random.default_rng(seed)
    male_end = rng.beta(1.2, 12, count)
    gender = np.where(rng.random(count) < 0.5, male_end, 1 - rng.beta(1.2, 12, count))
    ancestry = rng.dirichlet([0.8, 0.8, 0.8], count)
    return {
        "gender": gender,
        "age": rng.uniform(0.667, 0.95, count),
        "muscle": rng.beta(2.2, 2.8, count),
        "weight": rng.beta(1.3, 1.2, count),
        "height": _heights(source, gender <= 0.5, rng, seed),
        "proportions": np.clip(rng.normal(0.6, 0.2, count), 0, 1),
        "cupsize": np.clip(rng.normal(0.5, 0.2, count), 0, 1),
        "firmness": np.clip(rng.normal(0.55, 0.15, count), 0, 1),
        "african": ancestry[:, 0],
        "asian": ancestry[:, 1],
        "caucasian": ancestry[:, 2],
    }


def _heights(source: MakeHuman, is_male: NDArray[np.bool_], rng: np.random.Generator, seed: int) -> Array:
    """Height knob per person, drawn from the table of the person's gender."""
    torch.manual_seed(seed)
    dtype = source.model.dtype
    ages = torch.distributions.Uniform(torch.tensor(18.0, dtype=dtype), torch.tensor(80.0, dtype=dtype))
    _, drawn = SimpleShapeDistribution(source.model, ages).sample(4096)
    table_male = drawn["gender"].numpy() <= 0.5
    heights = np.empty(len(is_male))
    for person, table in ((is_male, table_male), (~is_male, ~table_male)):
        values = rng.choice(drawn["height"].numpy()[table], int(person.sum()))
        heights[person] = values.mean() + _ADULT_HEIGHT_SPREAD * (values - values.mean())
    return heights


def representative_adults() -> dict[str, Array]:
    """Four unlike adults; the decimation weighs its error over all of them."""
    common = {
        "gender": 0.5, "age": 0.8, "muscle": 0.45, "weight": 0.5, "height": 0.37, "proportions": 0.6,
        "cupsize": 0.5, "firmness": 0.5, "african": 1 / 3, "asian": 1 / 3, "caucasian": 1 / 3,
    }  # fmt: skip
    people = (
        {"gender": 0.0},
        {"gender": 1.0},
        {"weight": 0.95},
        {"gender": 0.3, "weight": 0.15, "muscle": 0.7},
    )
    return {knob: np.array([{**common, **person}[knob] for person in people]) for knob in common}
