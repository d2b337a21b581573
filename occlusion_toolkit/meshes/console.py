"""What `occlusion-toolkit mesh` shows: the plan before the run, the table after it."""

from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from occlusion_toolkit.meshes.table import JointSensitivity, MeshSummary
from occlusion_toolkit.surveys.plan import SurveyPlan

_out = Console(highlight=False, emoji=False, markup=False)


def print_plan(plan: SurveyPlan) -> None:
    """Prints, on standard error, what a run is about to do."""
    done = plan.images - plan.images_left
    kept = f" ({done} of {plan.images} are done)" if done else ""
    shared = "" if plan.workers == 1 else f" with {plan.workers} workers"
    click.echo(
        f"plan: {plan.images_left} images{kept} x ({plan.windows} windows + 1) = {plan.passes} passes, "
        f"up to {_bytes(plan.disk_bytes)} of maps, about {_duration(plan.seconds)}{shared}",
        err=True,
    )


def print_mesh(summary: MeshSummary, seconds: Mapping[str, float], files: list[Path]) -> None:
    """Prints the table of a result: which part of the body each joint depends on."""
    aligned = ", Procrustes-aligned" if summary.aligned else ""
    table = Table(
        title=f"{summary.model} on {summary.dataset}: {summary.quantity}{aligned} in mm by occluded part",
        title_justify="left",
    )
    table.add_column("joint")
    for name in ("whole\nbody", "own\npart", "its\nneighbours", "else-\nwhere"):
        table.add_column(name, justify="right")
    table.add_column("worst part")
    for joint in summary.joints:
        table.add_row(*_cells(joint))
    table.add_section()
    table.add_row(*_cells(summary.overall), style="bold")
    _out.print(table)
    unseen = f"; {summary.unseen} of {summary.vertices} vertices are never seen" if summary.unseen else ""
    click.echo(
        f"{summary.images} images of {summary.sequences} sequences{unseen}; protocol {summary.protocol}"
    )
    click.echo(", ".join(f"{stage} {_duration(value)}" for stage, value in seconds.items()))
    for path in files:
        click.echo(f"  {path}")


def _cells(joint: JointSensitivity) -> list[str]:
    numbers = (joint.mean_mm, joint.own_mm, joint.neighbours_mm, joint.elsewhere_mm)
    shown = ["" if value is None else f"{value:.0f}" for value in numbers]
    return [
        joint.joint.replace("_", " "),
        *shown,
        f"{joint.worst_part.replace('_', ' ')} {joint.worst_part_mm:.0f}",
    ]


def _bytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
