"""Errors on test people, on held-out and on trained people, and how many of them a network sees reversed.

    python analyses/reversed_people.py --people out/people --model pare-open --model hmr-open

Whether a longer training or more people would help, and whether a difference between networks rests on a few
images with people seen from the wrong side (docs/training-open-weights.md).
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import click
import numpy as np
import torch

from occlusion_toolkit.body.open_body import load_open_body
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.comparison.significance import paired_difference
from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.data.threedpw import ThreeDPW
from occlusion_toolkit.errors import OcclusionToolkitError, UsageError
from occlusion_toolkit.models.registry import load_regressor
from occlusion_toolkit.training.evaluation import errors_mm, ground_truth, load_crops

HELD_OUT, TRAINED_ON = 256, 512
REVERSED_DEGREES = 60.0
BATCH = 64


@click.command()
@click.option("--model", "models", multiple=True, default=("pare-open", "hmr-synthocc-open", "hmr-open"))
@click.option(
    "--people",
    type=click.Path(exists=True, path_type=Path),
    help="Training people; their first 256 were held out.",
)
def main(models: tuple[str, ...], people: Path | None) -> None:
    """Print a Markdown table of every set, and pairs of models with and without reversed people."""
    sets: dict[str, Sequence[Sample]] = {"test": open_dataset("open")}
    if people is not None:
        trained = ThreeDPW(people, "train")
        if len(trained) < HELD_OUT + TRAINED_ON:
            raise UsageError(f"{people} has {len(trained)} people; {HELD_OUT + TRAINED_ON} are needed")
        sets["held out"] = trained[:HELD_OUT]
        every = (len(trained) - HELD_OUT) // TRAINED_ON
        sets["trained on"] = trained[HELD_OUT : HELD_OUT + every * TRAINED_ON : every]
    for name, frames in sets.items():
        compare(name, frames, models)


@torch.no_grad()
def compare(name: str, frames: Sequence[Sample], models: Sequence[str]) -> None:
    """The tables of one set."""
    body, crops, truth = load_open_body(), load_crops(frames), ground_truth(frames)
    errors, turned = {}, {}
    for model in models:
        regressor = load_regressor(model, torch.device("cpu"))
        numbers, headings = [], []
        for start in range(0, len(crops), BATCH):
            found, true = regressor(crops[start : start + BATCH]), truth[start : start + BATCH]
            numbers.append(errors_mm(found, true, body))
            headings.append(heading_error_degrees(found, true))
        errors[model] = torch.cat(numbers, dim=1).numpy()
        turned[model] = np.concatenate(headings) > REVERSED_DEGREES
    upright = ~np.any(list(turned.values()), axis=0)
    click.echo(
        f"\n| {name}, {len(frames)} people | MPJPE | median | PA-MPJPE | reversed | MPJPE without those |"
    )
    click.echo("|---|---|---|---|---|---|")
    for model in models:
        position, aligned = errors[model]
        cells = (position.mean(), np.median(position), aligned.mean())
        shown = " | ".join(f"{value:.1f}" for value in cells)
        click.echo(f"| {model} | {shown} | {turned[model].sum()} | {position[upright].mean():.1f} |")
    sequences = np.array([frame.sequence for frame in frames])
    for first, second in pairwise(models):
        for kind, chosen in (("all", np.ones_like(upright)), ("without reversed people", upright)):
            one, other = errors[first].T[chosen], errors[second].T[chosen]
            pair = paired_difference(one, other, sequences[chosen])
            low, high, p = pair.difference.low[0], pair.difference.high[0], pair.p_permutation[0]
            click.echo(
                f"{first} - {second}, {kind}: MPJPE {pair.difference.mean[0]:+.1f} ({low:.1f} to {high:.1f}; "
                f"p {p:.4f})"
            )


def heading_error_degrees(found: BodyParameters, truth: BodyParameters) -> np.ndarray:
    """Angle between the fronts of two bodies' roots, seen from above (in the camera's x-z plane)."""
    ahead, truly = (body.rotmats[:, 0, :, 2][:, [0, 2]] for body in (found, truth))
    cosine = torch.nn.functional.cosine_similarity(ahead, truly)
    return torch.rad2deg(torch.acos(cosine.clamp(-1, 1))).numpy()


if __name__ == "__main__":
    try:
        main()
    except OcclusionToolkitError as error:
        raise SystemExit(f"error: {error}") from error
