"""PARE, HMR with and HMR without synthetic occlusion, several seeds of each, clean and under grey squares.

    python analyses/open_seeds.py out/runs-1 out/runs-2 out/runs-3 --size 40 --size 60 --size 80

Every folder holds the three runs of one seed (docs/training-open-weights.md); without folders the shipped
networks are taken, one seed of each. Errors of a network are averaged over its seeds, image by image, before
two networks are compared; sequences are the units. All networks read the same frozen trunk, which therefore
looks at every occluded crop only once.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import click
import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.comparison.significance import paired_difference
from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.errors import OcclusionToolkitError, UsageError
from occlusion_toolkit.models.backbones.blazepose_trunk import BlazePoseTrunk
from occlusion_toolkit.models.registry import load_regressor
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.sweep.occluders import parse_occluder
from occlusion_toolkit.training.evaluation import errors_mm, ground_truth, load_crops

NETWORKS = ("pare-open", "hmr-synthocc-open", "hmr-open")
METRICS = ("MPJPE", "PA-MPJPE")
AT_ONCE = 16

Errors = dict[str, dict[str, NDArray[np.float64]]]
"""By condition and network: (seeds, 2, people), mm."""


@click.command()
@click.argument("runs", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--network", "names", multiple=True, default=NETWORKS, show_default=True)
@click.option("--size", "sizes", multiple=True, type=click.IntRange(min=1), default=(40, 60, 80))
@click.option("--stride", type=click.IntRange(min=1), default=28, show_default=True)
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Default: the shipped test set.")
def main(
    runs: tuple[Path, ...], names: tuple[str, ...], sizes: tuple[int, ...], stride: int, data: Path | None
) -> None:
    """Print errors of every seed, and the differences of pairs of networks, as Markdown tables."""
    cards = {name: [folder / name / f"{name}-last.yaml" for folder in runs] or [name] for name in names}
    networks = {name: [load_regressor(card).network for card in seeds] for name, seeds in cards.items()}
    people = list(open_dataset("open") if data is None else ThreeDPW(data, "test"))
    crops, truth = load_crops(people), ground_truth(people)
    found = measure(networks, crops, truth, sizes, stride)
    sequences = np.array([person.sequence for person in people])
    show_errors(found, max(1, len(runs)))
    show_differences(found, names, sequences)


@torch.no_grad()
def measure(
    networks: Mapping[str, Sequence[nn.Module]],
    crops: Float[Tensor, "people 3 height width"],
    truth: BodyParameters,
    sizes: Sequence[int],
    stride: int,
) -> Errors:
    """Errors of every network without occluder, and with squares averaged over and worst of all windows.

    Raises:
        UsageError: a network has a trunk of its own.
    """
    body = load_open_body()
    every = [network for seeds in networks.values() for network in seeds]
    trunks = [getattr(network, "backbone", None) for network in every]
    trunk = trunks[0]
    sights = {each.checksum() if isinstance(each, BlazePoseTrunk) else None for each in trunks}
    if not isinstance(trunk, BlazePoseTrunk) or len(sights) > 1:
        raise UsageError("These networks do not share a trunk; give runs of the open networks.")

    def errors(occluded: Tensor) -> Float[np.ndarray, "networks 2 people"]:
        sight = torch.cat([trunk.see(part) for part in occluded.split(AT_ONCE)])
        return np.stack([_errors(network, sight, truth, body) for network in every])

    conditions = {"clean": errors(crops)}
    for size in sizes:
        grid, occluder = Grid("centred", size=size, stride=stride), parse_occluder("grey", size)
        windows = torch.from_numpy(grid.windows())
        found = np.stack([errors(occluder.apply(crops, window.expand(len(crops), 4))) for window in windows])
        conditions[f"{size} px, mean of {len(grid)}"] = found.mean(axis=0)
        conditions[f"{size} px, worst of {len(grid)}"] = found.max(axis=0)
    seeds = len(every) // len(networks)
    return {
        condition: dict(zip(networks, values.reshape(len(networks), seeds, *values.shape[1:]), strict=True))
        for condition, values in conditions.items()
    }


def _errors(
    network: nn.Module, sight: Tensor, truth: BodyParameters, body: BodyModel
) -> Float[np.ndarray, "2 people"]:
    output = network.head(network.backbone.neck(sight))  # type: ignore[operator, union-attr]
    return errors_mm(output, truth, body).double().numpy()


def show_errors(found: Errors, seeds: int) -> None:
    """A line for every network and condition: the mean over seeds, and every seed."""
    click.echo(f"| condition | network | MPJPE ({seeds} seeds) | PA-MPJPE |\n|---|---|---|---|")
    for condition, by_network in found.items():
        for name, values in by_network.items():
            means = values.mean(axis=-1)
            cells = [
                f"{means[:, metric].mean():.1f} ({', '.join(f'{seed:.1f}' for seed in means[:, metric])})"
                for metric in range(len(METRICS))
            ]
            click.echo(f"| {condition} | `{name}` | {' | '.join(cells)} |")


def show_differences(found: Errors, names: Sequence[str], sequences: NDArray[np.str_]) -> None:
    """A line for every pair and condition, of errors and of what the occluder adds to the clean error."""
    click.echo("\n| condition | difference | MPJPE, 95 % interval | p | PA-MPJPE, 95 % interval | p |")
    click.echo("|---|---|---|---|---|---|")
    averaged = {
        condition: [values.mean(axis=0).T for values in by_network.values()]
        for condition, by_network in found.items()
    }
    for condition, columns in averaged.items():
        _differences(condition, names, columns, sequences)
        if condition != "clean":
            added = [column - clean for column, clean in zip(columns, averaged["clean"], strict=True)]
            _differences(f"{condition}, added to clean", names, added, sequences)


def _differences(
    condition: str,
    names: Sequence[str],
    columns: Sequence[Float[np.ndarray, "people 2"]],
    sequences: NDArray[np.str_],
) -> None:
    for first, second in combinations(range(len(names)), 2):
        pair = paired_difference(columns[first], columns[second], sequences)
        cells = []
        for metric in range(len(METRICS)):
            mean, low, high = (
                side[metric] for side in (pair.difference.mean, pair.difference.low, pair.difference.high)
            )
            cells += [f"{mean:+.1f} ({low:.1f} to {high:.1f})", f"{pair.p_permutation[metric]:.4f}"]
        click.echo(f"| {condition} | `{names[first]}` - `{names[second]}` | {' | '.join(cells)} |")


if __name__ == "__main__":
    try:
        main()
    except OcclusionToolkitError as error:
        raise SystemExit(f"error: {error}") from error
