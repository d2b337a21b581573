"""Tables 3 and 4 of the paper on the open test set, from runs of several recipes with several seeds.

python analyses/ablations.py out/ablations/seed-2 out/ablations/seed-3 out/ablations/seed-4

Each folder holds the runs of one seed, a folder per recipe (`tools/train_open_weights.py --recipe ...`).
"""

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import click
import numpy as np
import torch

from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.comparison.significance import mean_interval, paired_difference
from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.people import EvenlySpaced
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.data.scene import read_scene
from occlusion_toolkit.errors import OcclusionToolkitError, UsageError
from occlusion_toolkit.models.registry import LoadedRegressor, load_regressor
from occlusion_toolkit.sweep.grid import Grid
from occlusion_toolkit.training.evaluation import (
    ground_truth,
    load_crops,
    mean_iou,
    part_overlaps,
    swept_errors,
)

GRID = Grid("centred", size=40, stride=28)
COLUMNS = ("MPJPE", "PA-MPJPE", "occluded MPJPE", "occluded PA-MPJPE", "worst window MPJPE")


@dataclass(frozen=True)
class Measured:
    """One network: steps trained, errors in mm, (people, columns), and mean IoU of its parts or None."""

    steps: int
    errors_mm: np.ndarray
    part_iou: float | None


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--limit", type=int, help="People, evenly spaced; all by default.")
def main(folders: tuple[Path, ...], limit: int | None) -> None:
    """Print two Markdown tables: errors by recipe, and all pairs of recipes compared."""
    everybody = open_dataset("open")
    people = list(everybody if limit is None else EvenlySpaced(everybody, limit))
    sequences = [frame.sequence for frame in people]
    names = sorted(set.intersection(*({card.parent.name for card in runs(folder)} for folder in folders)))
    if not names:
        raise UsageError("the folders have no recipe in common that has finished cards (NAME-last.yaml)")
    found = {
        name: [measure(folder / name / f"{name}-last.yaml", people) for folder in folders] for name in names
    }
    if len(lengths := {seed.steps for seeds in found.values() for seed in seeds}) > 1:
        raise UsageError(f"these runs have different lengths: {sorted(lengths)} steps; finish them first")
    click.echo(f"| recipe, {len(folders)} seeds | {' | '.join(COLUMNS)} | IoU with segmentation masks |")
    click.echo("|---" * (len(COLUMNS) + 2) + "|")
    mean = {name: np.mean([seed.errors_mm for seed in seeds], axis=0) for name, seeds in found.items()}
    for name, seeds in found.items():
        click.echo(f"| {name} | {' | '.join(cells(mean[name], seeds, sequences))} | {parts(seeds)} |")
    click.echo(f"\n| pair | {' | '.join(COLUMNS)} |")
    click.echo("|---" * (len(COLUMNS) + 1) + "|")
    for first, second in combinations(names, 2):
        pair = paired_difference(mean[first], mean[second], sequences)
        columns = zip(pair.difference.mean, pair.p_permutation, pair.p_t_frames, strict=True)
        shown = (f"{difference:+.1f} (p {p:.3f}; frames {frames:.2g})" for difference, p, frames in columns)
        click.echo(f"| {first} - {second} | {' | '.join(shown)} |")


def runs(folder: Path) -> list[Path]:
    """The cards of what each run of a folder ended with."""
    return [path for path in folder.glob("*/*-last.yaml") if path.stem == f"{path.parent.name}-last"]


def measure(card: Path, people: list[Sample]) -> Measured:
    """What is measured of a network; kept beside its card, and taken from there for the same weights."""
    regressor, kept = load_regressor(card), card.with_name(f"{card.stem}-measured.npz")
    key = f"{regressor.weights_sha256} {GRID} {len(people)}"
    if kept.is_file():
        with np.load(kept, allow_pickle=False) as stored:
            if str(stored["key"]) == key:
                iou = float(stored["part_iou"])
                return Measured(int(stored["steps"]), stored["errors_mm"], None if np.isnan(iou) else iou)
    found = measured_now(regressor, people)
    iou = np.nan if found.part_iou is None else found.part_iou
    np.savez(kept, key=key, steps=found.steps, errors_mm=found.errors_mm, part_iou=iou)
    return found


@torch.no_grad()
def measured_now(regressor: LoadedRegressor, people: list[Sample]) -> Measured:
    """Errors of a network, clean and under the occluder, and how well it segments parts."""
    body = load_open_body()
    crops, truth = load_crops(people), ground_truth(people)
    found = swept_errors(regressor, body, crops, truth, GRID)
    occluded = [found[name].mean(["row", "col"]) for name in ("error", "pa_error")]
    columns = (found["clean_error"], found["clean_pa_error"], *occluded, found["error"].max(["row", "col"]))
    steps = 0 if regressor.card.training is None else regressor.card.training.steps
    return Measured(steps, np.stack(columns, axis=1), part_iou(regressor, crops, people))


def part_iou(regressor: LoadedRegressor, crops: torch.Tensor, people: list[Sample]) -> float | None:
    """Mean IoU of a network's parts with the segmentation masks, which show clothes; None without parts."""
    logits = regressor(crops).part_logits
    if logits is None:
        return None
    labels = np.stack([read_scene(frame, ("neck",)).parts for frame in people])
    return mean_iou(part_overlaps(logits, torch.from_numpy(labels.astype(np.uint8))))


def cells(mean: np.ndarray, seeds: list[Measured], sequences: list[str]) -> list[str]:
    """Mean over people and seeds, its interval over sequences, and the spread of the seeds' means."""
    found = mean_interval(mean, sequences)
    spread = np.std([seed.errors_mm.mean(axis=0) for seed in seeds], axis=0, ddof=min(1, len(seeds) - 1))
    columns = zip(found.mean, found.low, found.high, spread, strict=True)
    return [f"{value:.1f} ({low:.1f} to {high:.1f}; seeds ±{sd:.1f})" for value, low, high, sd in columns]


def parts(seeds: list[Measured]) -> str:
    """Mean IoU over seeds, in per cent."""
    shares = [seed.part_iou for seed in seeds if seed.part_iou is not None]
    return f"{100 * np.mean(shares):.0f} %" if shares else "-"


if __name__ == "__main__":
    try:
        main()
    except OcclusionToolkitError as error:
        raise SystemExit(f"error: {error}") from error
