"""PARE's observations about occlusion (Section 3), counted on surveys of a set with segmentation masks.

python analyses/what_the_paper_saw.py out/mesh [MORE FOLDERS OF occlusion-toolkit mesh]
"""

from pathlib import Path

import click

from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.errors import OcclusionToolkitError
from occlusion_toolkit.meshes.observations import Observation, observe
from occlusion_toolkit.meshes.sensitivity_mesh import SensitivityMesh
from occlusion_toolkit.surveys.survey import Survey

METRICS = ("displacement", "increase")


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--dataset", default="open", show_default=True)
@click.option("--root", type=click.Path(path_type=Path))
def main(folders: tuple[Path, ...], dataset: str, root: Path | None) -> None:
    """Print two Markdown tables: what each kind of window does, and the worst part for each joint."""
    people = open_dataset(dataset, root)
    surveys = [Survey.open(folder) for folder in folders]
    click.echo("| model | joints | background | own place | neighbours | far |\n|---|---|---|---|---|---|")
    for metric in METRICS:
        for survey in surveys:
            found = observe(survey, people, metric)
            for visible in (True, False):
                lines = [line for line in found if line.visible == visible]
                seen = f"{lines[0].joints} {'in sight' if visible else 'out of sight'}"
                cells = " | ".join(shown(line) for line in lines)
                click.echo(f"| {survey.card.model_card}, {metric} | {seen} | {cells} |")
    click.echo("\n| model | joint | own | neighbours | elsewhere | worst part |\n|---|---|---|---|---|---|")
    for folder in folders:
        table = SensitivityMesh.open(folder / "mesh.h5").table("displacement")
        for joint in table.joints:
            parts = (joint.own_mm, joint.neighbours_mm, joint.elsewhere_mm)
            cells = " | ".join("" if part is None else f"{part:.0f}" for part in parts)
            worst = f"{joint.worst_part} {joint.worst_part_mm:.0f}"
            click.echo(f"| {table.model} | {joint.joint} | {cells} | {worst} |")


def shown(line: Observation) -> str:
    """A mean with its interval."""
    return f"{line.mean_mm:.1f} ({line.low_mm:.1f} to {line.high_mm:.1f})"


if __name__ == "__main__":
    try:
        main()
    except OcclusionToolkitError as error:
        raise SystemExit(f"error: {error}") from error
