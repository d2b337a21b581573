"""How often statistics find a difference where there is none, at a nominal 5 %; see benchmarks/README.md.

Every experiment has sequences of 3 to 12 frames. Differences between two models that are equally good vary
from sequence to sequence with a standard deviation of 10 mm, and within one with 5 mm.
"""

import argparse

import numpy as np
from numpy.typing import NDArray

from occlusion_toolkit.comparison.significance import mean_interval, paired_difference

BETWEEN_MM, WITHIN_MM = 10.0, 5.0
FRAMES = (3, 12)
NAMES = ("interval", "permutation", "t sequences", "t frames", "frame bootstrap")


def simulated(
    sequences: int, experiments: int, skewed: bool, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Differences (frames, experiments) with mean 0, and the sequence of every frame."""
    names = np.repeat(np.arange(sequences), rng.integers(FRAMES[0], FRAMES[1] + 1, sequences))
    size = (sequences, experiments)
    shared = rng.exponential(size=size) - 1 if skewed else rng.normal(size=size)
    return BETWEEN_MM * shared[names] + WITHIN_MM * rng.normal(size=(len(names), experiments)), names


def rejected(values: NDArray[np.float64], names: NDArray[np.int64], resamples: int) -> list[float]:
    """Share of experiments in which each of `NAMES` sees a difference, in %."""
    nothing = np.zeros_like(values)
    found = paired_difference(values, nothing, names, resamples=resamples)
    frames = mean_interval(values, np.arange(len(names)), resamples=resamples)  # each frame a unit
    misses = [(one.low > 0) | (one.high < 0) for one in (found.difference, frames)]
    tests = [p < 0.05 for p in (found.p_permutation, found.p_t_sequences, found.p_t_frames)]
    return [100 * float(share.mean()) for share in (misses[0], *tests, misses[1])]


def main() -> None:
    """Prints a line per number of sequences, for symmetric and for skewed differences."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=20_000)
    parser.add_argument("--resamples", type=int, default=999)
    parser.add_argument("--sequences", type=int, nargs="+", default=[24])
    arguments = parser.parse_args()
    print("sequences".ljust(20), *(name.rjust(15) for name in NAMES))
    for number in arguments.sequences:
        for skewed in (False, True):
            rng = np.random.default_rng([number, skewed])
            parts = []
            for start in range(0, arguments.experiments, 1000):
                count = min(1000, arguments.experiments - start)
                parts.append(
                    [
                        count * share
                        for share in rejected(*simulated(number, count, skewed, rng), arguments.resamples)
                    ]
                )
            shares = np.sum(parts, axis=0) / arguments.experiments
            kind = f"{number} {'skewed' if skewed else 'symmetric'}"
            print(kind.ljust(20), *(f"{share:.1f} %".rjust(15) for share in shares), flush=True)


if __name__ == "__main__":
    main()
