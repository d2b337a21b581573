"""The options that share a run among processes and machines: back end, workers, parts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import rich_click as click

if TYPE_CHECKING:
    from occlusion_toolkit.surveys.folder import Part

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class WorkerOptions:
    """Values of the options, as given.

    Attributes:
        backend: "loky", "dask" or "ray".
        address: of a running cluster, or None.
        worker_count: processes; None for as many as are usually fastest.
        parts: how many the work is divided into.
        part: which one; None stands for all of it.
    """

    backend: Literal["loky", "dask", "ray"]
    address: str | None
    worker_count: int | None
    parts: int
    part: int | None

    def settings(self) -> dict[str, Any]:
        """The arguments of `survey` that they stand for.

        Raises:
            UsageError: there is no such part, or it is not said which.
        """
        return {
            "workers": self.worker_count,
            "backend": self.backend,
            "address": self.address,
            "part": self._part(),
        }

    def _part(self) -> Part:
        from occlusion_toolkit.errors import UsageError
        from occlusion_toolkit.surveys.folder import Part

        if self.part is None and self.parts > 1:
            raise UsageError(f"--parts {self.parts} needs --part, from 0 to {self.parts - 1}")
        return Part(self.part or 0, self.parts)


def worker_options(command: _Command) -> _Command:
    """Adds the options; they arrive together as the argument `workers`."""

    @functools.wraps(command)
    def gathering(**given: Any) -> Any:
        values = {field.name: given.pop(field.name) for field in fields(WorkerOptions)}
        return command(workers=WorkerOptions(**values), **given)

    options = (
        click.option(
            "--workers",
            "worker_count",
            type=click.IntRange(min=1),
            help="Processes that share the work; on GPUs, one each. Default: one for each core where there "
            "is enough to do, otherwise 1.",
        ),
        click.option(
            "--backend",
            type=click.Choice(["loky", "dask", "ray"]),
            default="loky",
            show_default=True,
            help="Who runs them: this machine (loky), or a cluster of Dask or Ray.",
        ),
        click.option("--address", help="Scheduler of a running cluster. Default: one is started here."),
        click.option(
            "--parts",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            metavar="N",
            help="Divide the work into N parts, for an array of jobs that share the output folder.",
        ),
        click.option("--part", type=click.IntRange(min=0), metavar="I", help="Do part I, from 0 to N - 1."),
    )
    decorated: Callable[..., Any] = gathering
    for option in reversed(options):
        decorated = option(decorated)
    return cast(_Command, decorated)
