"""What the commands show: tables on standard output, everything else on standard error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    import pandas as pd

out = Console(highlight=False, emoji=False, markup=False)
err = Console(stderr=True, highlight=False, emoji=False, markup=False)


class _Rate(ProgressColumn):
    """Finished steps per second."""

    def render(self, task: Task) -> Text:
        rate = task.finished_speed or task.speed
        digits = 0 if rate is None or rate >= 100 else 1
        return Text("" if rate is None else f"{rate:.{digits}f}/s", style="progress.data.speed")


@contextmanager
def progress(unit: str, *, line_every: int | None = None) -> Iterator[Callable[[int, int], None]]:
    """A progress bar with rate and time left, on standard error.

    Args:
        unit: what is counted, in the plural.
        line_every: in a log, where a bar would not be seen, write a line after so many; None writes nothing.

    Yields:
        A function that takes how many are done and how many there are.
    """
    if not err.is_terminal:
        yield _nothing if line_every is None else _lines(unit, line_every)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bars:
        task = bars.add_task(unit, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _nothing(_done: int, _total: int) -> None:
    """Reports nothing."""


def _lines(unit: str, every: int) -> Callable[[int, int], None]:
    """Writes "8 of 120 images swept" whenever so many more are done, and at the end."""
    written = 0

    def report(done: int, total: int) -> None:
        nonlocal written
        if done > written and (done - written >= every or done == total):
            written = done
            click.echo(f"{done} of {total} {unit}", err=True)

    return report


def warn(*messages: str) -> None:
    """Shows warnings on standard error, a line each."""
    for message in messages:
        click.echo(f"warning: {message}", err=True)


def print_json(content: dict[str, Any]) -> None:
    """Prints JSON on standard output, and nothing else."""
    click.echo(json.dumps(content, indent=2))


def frame_table(frame: pd.DataFrame, title: str, first: str = "", *, section: bool = False) -> Table:
    """A data frame for the terminal: texts as they are, whole numbers whole, others with a decimal.

    Args:
        frame: its index names the rows.
        title: above the table.
        first: title of the names of the rows.
        section: part the last row from the others.
    """
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for column in frame.columns:
        table.add_column(str(column), justify="right")
    for number, (name, row) in enumerate(zip(frame.index, frame.itertuples(index=False), strict=True)):
        if section and number == len(frame) - 1:
            table.add_section()
        cells = (f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in row)
        table.add_row(str(name).replace("_", " ") if first == "joint" else str(name), *cells)
    return table
