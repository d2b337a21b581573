"""What the commands show: tables on standard output, everything else on standard error."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from occlusion_toolkit.heatmaps.table import HeatmapSummary, JointSummary

out = Console(highlight=False, emoji=False, markup=False)
_err = Console(stderr=True, highlight=False, emoji=False, markup=False)


class _Rate(ProgressColumn):
    """Finished steps per second."""

    def render(self, task: Task) -> Text:
        rate = task.finished_speed or task.speed
        digits = 0 if rate is None or rate >= 100 else 1
        return Text("" if rate is None else f"{rate:.{digits}f}/s", style="progress.data.speed")


@contextmanager
def progress(unit: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar with rate and time left, on standard error.

    Args:
        unit: what is counted, in the plural.

    Yields:
        A function that takes how many are done and how many there are.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_err, transient=True) as bars:
        task = bars.add_task(unit, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def warn(*messages: str) -> None:
    """Shows warnings on standard error, a line each."""
    for message in messages:
        click.echo(f"warning: {message}", err=True)


def print_json(content: dict[str, Any]) -> None:
    """Prints JSON on standard output, and nothing else."""
    click.echo(json.dumps(content, indent=2))


def print_heatmap(summary: HeatmapSummary, seconds: float, files: list[Path]) -> None:
    """Prints the table of a heatmap: the worst window of every joint."""
    aligned = ", Procrustes-aligned" if summary.aligned else ""
    table = Table(
        title=f"{summary.model} on {summary.image}: {summary.quantity}{aligned} in mm", title_justify="left"
    )
    table.add_column("joint")
    for name in ("clean", "mean", "worst"):
        if name != "clean" or summary.overall.clean_mm is not None:
            table.add_column(name, justify="right")
    table.add_column("worst window\nrows, columns")
    table.add_column("which hides")
    for joint in summary.joints:
        table.add_row(*_cells(joint))
    table.add_section()
    table.add_row(*_cells(summary.overall), style="bold")
    out.print(table)
    rate = (summary.windows + 1) / seconds
    out.print(
        f"{summary.windows} windows and the clean crop in {seconds:.1f} s ({rate:.0f}/s); "
        f"protocol {summary.protocol}"
    )
    if summary.deviation_mm is not None:
        out.print(f"the faster arithmetic moves joints by up to {summary.deviation_mm:.2f} mm")
    for path in files:
        click.echo(f"  {path}")


def _cells(joint: JointSummary) -> list[str]:
    y0, y1, x0, x1 = joint.worst_window
    clean = [] if joint.clean_mm is None else [f"{joint.clean_mm:.0f}"]
    hides = ", ".join(name.replace("_", " ") for name in joint.hides) or "no joint"
    name = joint.joint.replace("_", " ")
    return [name, *clean, f"{joint.mean_mm:.0f}", f"{joint.worst_mm:.0f}", f"{y0}-{y1}, {x0}-{x1}", hides]
