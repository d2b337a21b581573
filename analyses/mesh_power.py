"""How large a difference of two models' meshes must be to be seen, and how many people that takes.

    occlusion-toolkit compare --model pare-open --model hmr-open --stride 56 --out out/compare
    python analyses/mesh_power.py out/compare/surveys/pare-open-40px out/compare/surveys/hmr-open-40px

At every vertex, of the paired t-test over sequences: the number of sequences that show it and the standard
deviation of their differences give the smallest mean difference that is found with a probability of 80 %.
"""

from pathlib import Path

import click
import numpy as np
from scipy import stats

from occlusion_toolkit.comparison.meshes import mesh_difference
from occlusion_toolkit.comparison.significance import FEWEST_SEQUENCES
from occlusion_toolkit.errors import OcclusionToolkitError
from occlusion_toolkit.meshes.sensitivity_mesh import MEAN_OF_JOINTS, SensitivityMesh

POWER = 0.8
LEVELS = (0.05, 0.005)
"""The second is what Benjamini and Hochberg ask for where a tenth of all vertices are significant at 5 %."""


@click.command()
@click.argument("first", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("second", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--metric", default="error", show_default=True)
@click.option("--effect", "effects_mm", multiple=True, default=(4.0, 10.0), show_default=True, help="mm")
def main(first: Path, second: Path, metric: str, effects_mm: tuple[float, ...]) -> None:
    """Print medians over vertices, and the 5th and the 95th percentile, of two folders of `mesh`."""
    one, other = (SensitivityMesh.open(folder / "mesh.h5") for folder in (first, second))
    found = mesh_difference(one, other, metric)
    by_sequence = one.dataset["sequence_means"] - other.dataset["sequence_means"]
    apart = by_sequence.sel(metric=metric, joint=MEAN_OF_JOINTS).transpose("sequence", "vertex").values
    tested = found.sequences >= FEWEST_SEQUENCES
    spread, count = np.nanstd(apart[:, tested], axis=0, ddof=1), found.sequences[tested]
    show("sequences that show a vertex", count)
    show("standard deviation of their differences, mm", spread)
    show("difference, mm", np.abs(found.mean_mm[tested]))
    click.echo(f"significant vertices: {found.significant.sum()} of {tested.sum()}")
    for level in LEVELS:
        share = stats.t.ppf(1 - level / 2, count - 1) + stats.t.ppf(POWER, count - 1)
        show(f"found with {100 * POWER:.0f} % at p < {level:g}, mm", share * spread / np.sqrt(count))
    share = stats.norm.ppf(1 - LEVELS[-1] / 2) + stats.norm.ppf(POWER)
    for effect in effects_mm:
        show(f"sequences that must show a vertex for {effect:g} mm", (share * spread / effect) ** 2)


def show(what: str, values: np.ndarray) -> None:
    """One line."""
    low, middle, high = np.percentile(values, (5, 50, 95))
    click.echo(f"{what}: {middle:.1f} ({low:.1f} to {high:.1f})")


if __name__ == "__main__":
    try:
        main()
    except OcclusionToolkitError as error:
        raise SystemExit(f"error: {error}") from error
