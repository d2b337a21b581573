"""The options that share a run among processes and machines: back end, workers, parts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import rich_click as click

if TYPE_CHECKING:
    from occlusion_toolkit.surveys.part import Part
    from occlusion_toolkit.surveys.workers import Workers

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class WorkerOptions:
    """Values of the options, as given.

    Attributes:
        backend: "loky", "dask" or "ray".
        address: of a running cluster, or None.
        worker_count: processes.
        shards: parts that the work is divided into.
        shard: which part; None stands for all of it.
    """

    backend: Literal["loky", "dask", "ray"]
    address: str | None
    worker_count: int
    shards: int
    shard: int | None

    def workers(self) -> Workers:
        """Who does the work.

        Raises:
            UsageError: the options do not go together.
        """
        from occlusion_toolkit.surveys.workers import Workers

        return Workers(self.backend, self.address, self.worker_count)

    def part(self) -> Part:
        """Which part of it.

        Raises:
            UsageError: there is no such part, or it is not said which.
        """
        from occlusion_toolkit.errors import UsageError
        from occlusion_toolkit.surveys.part import Part

        if self.shard is None and self.shards > 1:
            raise UsageError(f"--shards {self.shards} needs --shard, from 0 to {self.shards - 1}")
        return Part(self.shard or 0, self.shards)


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
            default=1,
            show_default=True,
            help="Processes that share the work; on GPUs, one each.",
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
            "--shards",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            metavar="N",
            help="Divide the work into N parts, for an array of jobs that share the output folder.",
        ),
        click.option("--shard", type=click.IntRange(min=0), metavar="I", help="Do part I, from 0 to N - 1."),
    )
    decorated: Callable[..., Any] = gathering
    for option in reversed(options):
        decorated = option(decorated)
    return cast(_Command, decorated)
