"""How well networks segment parts (PARE, Section 5): mean IoU with parts rendered from the true bodies.

python analyses/part_iou.py --dataset 3dpw --root 3DPW --model pare
"""

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import torch

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.crops import normalise, sample_crop
from occlusion_toolkit.data.people import EvenlySpaced, People
from occlusion_toolkit.errors import OcclusionToolkitError, UsageError
from occlusion_toolkit.models.registry import load_regressor
from occlusion_toolkit.training.bodies import TrainingBodies, bodies_of, table_of_people
from occlusion_toolkit.training.evaluation import mean_iou, part_overlaps
from occlusion_toolkit.training.label_cameras import cameras_of
from occlusion_toolkit.training.part_labels import render_part_labels

CROP_PX, BATCH = 224, 32


@click.command()
@click.option("--dataset", default="open", show_default=True)
@click.option("--root", type=click.Path(path_type=Path))
@click.option("--model", "models", multiple=True, default=("pare-open",), show_default=True)
@click.option("--smpl-dir", type=click.Path(path_type=Path))
@click.option("--limit", type=int, help="People, evenly spaced; all by default.")
def main(
    dataset: str, root: Path | None, models: tuple[str, ...], smpl_dir: Path | None, limit: int | None
) -> None:
    """Print a Markdown table: mean IoU of 24 parts, counted over all pixels of all people."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    regressors = [load_regressor(model, device) for model in models]
    everybody = open_dataset(dataset, root)
    people = everybody if limit is None else EvenlySpaced(everybody, limit)
    overlaps = torch.zeros(len(models), 2, 24, dtype=torch.long)
    for crops, labels in batches(people, TrainingBodies(Bodies(smpl_dir), people.topology)):
        for number, regressor in enumerate(regressors):
            logits = regressor(crops.to(device)).part_logits
            if logits is None:
                raise UsageError(f"{regressor.card.name} does not look for parts")
            overlaps[number] += part_overlaps(logits.cpu(), labels)
    click.echo("| model | people | mean part IoU |\n|---|---|---|")
    for model, counts in zip(models, overlaps, strict=True):
        click.echo(f"| {model} | {len(people)} | {100 * mean_iou(counts):.1f} % |")


def batches(people: People, bodies: TrainingBodies) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Normalised crops (B, 3, 224, 224) and part labels (B, 224, 224), seen by the true cameras."""
    table = table_of_people(people, bodies)
    for rows in np.array_split(np.arange(len(table)), -(-len(table) // BATCH)):
        labels = torch.zeros(len(rows), CROP_PX, CROP_PX, dtype=torch.uint8)
        for gender, places, parameters in bodies_of(table, rows):
            cameras, _ = cameras_of(table, rows[places], bodies.joints(gender)(parameters))
            body, parts = bodies.model(gender), bodies.face_parts(gender)
            labels[places] = render_part_labels(body, parts, parameters, cameras, CROP_PX)
        yield torch.stack([normalise(sample_crop(people.sample_at(int(row)))) for row in rows]), labels


if __name__ == "__main__":
    try:
        main()
    except OcclusionToolkitError as error:
        raise SystemExit(f"error: {error}") from error
