"""What the commands show: tables on standard output, everything else on standard error."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click
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

from occlusion_toolkit.files.texts import printable

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


_LOG_SECONDS = 30.0
_LISTED = 6  # names of files in a line


def _shown(cell: object) -> str:
    if isinstance(cell, float):
        return "" if math.isnan(cell) else f"{cell:.1f}"
    return str(cell)


@contextmanager
def progress(unit: str, *, line_every: int | None = None) -> Iterator[Callable[[int, int], None]]:
    """A progress bar with rate and time left, on standard error; in a log, where none would be seen, lines.

    Args:
        unit: what is counted, in the plural.
        line_every: in a log, write a line after so many; None for a line every half minute.

    Yields:
        A function that takes how many are done and how many there are.
    """
    if not err.is_terminal:
        yield _lines(unit, line_every)
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


def _lines(unit: str, every: int | None) -> Callable[[int, int], None]:
    """Writes "8 of 120 images swept" whenever so many more are done, and at the end; or now and then."""
    written, last = 0, time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal written, last
        if every is None:
            due = time.monotonic() - last >= _LOG_SECONDS
        else:
            due = done - written >= every or done == total
        if done > written and due:
            written, last = done, time.monotonic()
            click.echo(f"{done} of {total} {unit}", err=True)

    return report


def say(message: str) -> None:
    """Says on standard error what was done."""
    click.echo(printable(message), err=True)


def warn(*messages: str) -> None:
    """Shows warnings on standard error, a line each."""
    for message in messages:
        click.echo(f"warning: {printable(message)}", err=True)


verbose_option = click.option("--verbose", "-v", is_flag=True, help="Print everything, not the answer alone.")
"""For the commands whose answer is a part of what they know."""


def print_files(files: Sequence[Path], *, verbose: bool = False) -> None:
    """Says what was written: a line a folder, or a line a file."""
    if verbose:
        for path in files:
            out.print(f"  {printable(str(path))}", soft_wrap=True)
        return
    folders: dict[Path, list[str]] = {}
    for path in files:
        folders.setdefault(path.parent, []).append(path.name)
    for folder, names in folders.items():
        counted = ", ".join(names) if len(names) < _LISTED else f"{', '.join(names[: _LISTED - 1])}, ..."
        out.print(f"{printable(f'{folder}/')}: {printable(counted)}", soft_wrap=True)


def print_json(content: dict[str, Any]) -> None:
    """Prints JSON on standard output, and nothing else."""
    click.echo(json.dumps(content, indent=2))


def plain_table(title: str) -> Table:
    """A table without lines around it, so that an answer fits on a screen."""
    table = Table(title=printable(title), title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.header_style = "dim"
    return table


def print_list(rows: Iterable[Sequence[str]]) -> None:
    """Prints rows in columns; the last one is folded where the screen ends."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    for column in table.columns[:-1]:
        column.no_wrap = True
    out.print(table)


def frame_table(frame: pd.DataFrame, title: str, first: str = "", *, section: bool = False) -> Table:
    """A data frame for the terminal.

    Texts are as they are, whole numbers whole, others with a decimal, NaN is empty.

    Args:
        frame: its index names the rows.
        title: above the table.
        first: title of the names of the rows.
        section: part the last row from the others.
    """
    table = plain_table(title)
    table.add_column(first, no_wrap=first == "joint")
    for column in frame.columns:
        table.add_column(str(column), justify="right")
    for number, (name, row) in enumerate(zip(frame.index, frame.itertuples(index=False), strict=True)):
        if section and number == len(frame) - 1:
            table.add_section()
        cells = (_shown(cell) for cell in row)
        table.add_row(str(name).replace("_", " ") if first == "joint" else str(name), *cells)
    return table
