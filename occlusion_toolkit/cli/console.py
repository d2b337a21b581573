"""What the commands show: tables on standard output, everything else on standard error."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from rich.text import Text

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
    if line_every is not None and not err.is_terminal:
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
