"""Which hidden part turns the whole body, and how much harder people are who do not face the camera.

    python analyses/what_turns_bodies.py out/pare-open [MORE FOLDERS OF occlusion-toolkit mesh]

A part is hidden as `influence` counts it. How far the body turns is the angle of the rotation that best maps
the joints of the clean estimate to those under the window.
"""

from pathlib import Path

import click
import numpy as np
import roma
import torch
from jaxtyping import Float

from occlusion_toolkit.body.parts import PART_NAMES
from occlusion_toolkit.data.scene import NO_MASK
from occlusion_toolkit.errors import OcclusionToolkitError, UsageError
from occlusion_toolkit.flips.rule import heading_degrees
from occlusion_toolkit.influences.rule import hides
from occlusion_toolkit.surveys.survey import Survey
from occlusion_toolkit.sweep.metrics import procrustes

AWAY_DEGREES = 60.0


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
def main(folders: tuple[Path, ...]) -> None:
    """Print two Markdown tables with a column for each survey."""
    surveys = {folder.name: Survey.open(folder) for folder in folders}
    turns = [turns_by_part(survey) for survey in surveys.values()]
    click.echo("| hidden part | " + " | ".join(f"{name}, degrees" for name in surveys) + " |")
    click.echo("|---|" + "---|" * len(surveys))
    for part in np.argsort(-turns[0])[: np.isfinite(turns[0]).sum()]:
        cells = " | ".join(f"{degrees[part]:.0f}" for degrees in turns)
        click.echo(f"| {PART_NAMES[part]} | {cells} |")
    click.echo(f"\n| clean error, mm | within {AWAY_DEGREES:.0f} degrees of facing the camera | further |")
    click.echo("|---|---|---|")
    for name, survey in surveys.items():
        click.echo(f"| {name} | {' | '.join(errors_by_heading(survey))} |")


def turns_by_part(survey: Survey) -> Float[np.ndarray, " parts"]:
    """Mean angle over the windows that hide a part, then over images, degrees; NaN where none does.

    Raises:
        UsageError: the people of the survey have no segmentation masks.
    """
    windows = survey.grid.windows()
    sums, images = np.zeros(len(PART_NAMES)), np.zeros(len(PART_NAMES), dtype=int)
    for shard in survey.shards():
        if "parts" not in shard or (shard["parts"] == NO_MASK).any():
            raise UsageError(f"{survey.card.dataset} has no part masks, which tell what windows hide")
        for image in range(shard.sizes["image"]):
            maps = shard.isel(image=image)
            hidden, _ = hides(maps["parts"].values, windows)
            clean = maps["clean_joints_m"].values
            angles = angles_degrees(clean, maps["joints_m"].values.reshape(-1, *clean.shape))
            counted = hidden.any(axis=0)
            sums[counted] += (angles @ hidden)[counted] / hidden.sum(axis=0)[counted]
            images += counted
    return np.where(images > 0, sums / np.maximum(images, 1), np.nan)


def angles_degrees(
    clean_m: Float[np.ndarray, "joints 3"], occluded_m: Float[np.ndarray, "windows joints 3"]
) -> Float[np.ndarray, " windows"]:
    """How far the joints of one body have turned under each window."""
    ends = torch.from_numpy(occluded_m).double()
    turns = procrustes(torch.from_numpy(clean_m).double().expand_as(ends), ends).rotation
    return torch.rad2deg(roma.rotmat_to_rotvec(turns).norm(dim=-1)).numpy()


def errors_by_heading(survey: Survey) -> list[str]:
    """Clean errors of those who face the camera and of the others, with their numbers."""
    names = survey.joint_names
    found = [
        (shard["clean_error"].values.mean(axis=1), heading_degrees(shard["true_joints_m"].values, names))
        for shard in survey.shards()
    ]
    errors, headings = (np.concatenate(each) for each in zip(*found, strict=True))
    known = np.isfinite(headings)
    away = np.abs(headings) > AWAY_DEGREES
    groups = (errors[known & ~away], errors[known & away])
    return [f"{rows.mean():.0f} ({len(rows)} images)" if len(rows) else "(0 images)" for rows in groups]


if __name__ == "__main__":
    try:
        main()
    except OcclusionToolkitError as error:
        raise SystemExit(f"error: {error}") from error
