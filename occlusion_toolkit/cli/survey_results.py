"""What the analyses of finished surveys share: their arguments, the models' names, a folder to go on from."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import rich_click as click

from occlusion_toolkit.cli import console
from occlusion_toolkit.cli.interruption import when_interrupted
from occlusion_toolkit.cli.look_options import look_options
from occlusion_toolkit.errors import ResultError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from occlusion_toolkit.body.bodies import Bodies
    from occlusion_toolkit.comparison.results import Result
    from occlusion_toolkit.surveys.survey import Survey


@runtime_checkable
class Saved(Protocol):
    """A result that writes itself."""

    def save(self, path: Path | str) -> None:
        """Writes it in the format of the suffix."""


_Command = Callable[..., Any]


def result_options(out: str) -> Callable[[_Command], _Command]:
    """`--out`, `--overwrite`, the look of figures, `--verbose` and `--json`.

    Args:
        out: the output folder by default.
    """

    def add(command: _Command) -> _Command:
        for option in (
            click.option(
                "--json", "as_json", is_flag=True, help="Print the summary as JSON instead of tables."
            ),
            console.verbose_option,
            look_options,
            click.option("--overwrite", is_flag=True, help="Replace another result that is there."),
            click.option("--out", type=click.Path(path_type=Path), default=Path(out), show_default=True),
        ):
            command = option(command)
        return command

    return add


def survey_arguments(out: str) -> Callable[[_Command], _Command]:
    """SURVEYs, and `result_options`.

    Args:
        out: the output folder by default.
    """
    surveys = click.argument(
        "surveys", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SURVEY..."
    )
    return lambda command: surveys(result_options(out)(command))


def named_surveys(folders: tuple[Path, ...], bodies: Bodies) -> dict[str, Survey]:
    """Surveys by the models' names.

    Raises:
        ResultError: one is missing, or they do not differ in the model alone.
        UsageError: two are of the same model.
    """
    from occlusion_toolkit.surveys.survey import Survey

    return _named([Survey.open(folder, bodies) for folder in folders])


def named_results(paths: tuple[Path, ...], bodies: Bodies) -> dict[str, Result]:
    """Surveys, or heatmaps of one image, by the models' names; raises as `named_surveys`."""
    from occlusion_toolkit.comparison.results import opened, require_one_kind

    results = [opened(path, bodies) for path in paths]
    require_one_kind(results)
    return _named(results)


def _named(results: list[Any]) -> dict[str, Any]:
    """Results by the models' names, if they differ in the model alone."""
    from occlusion_toolkit.comparison.results import comparable

    if len(results) > 1:
        comparable(results, ())
    return by_model(results)


def by_model(results: list[Any]) -> dict[str, Any]:
    """Results by the models' names.

    Raises:
        UsageError: two have nothing that tells them apart.
    """
    from occlusion_toolkit.comparison.results import names_of

    return dict(zip(names_of([result.card for result in results]), results, strict=True))


def save_results(
    out: Path,
    name: str,
    figure: Figure,
    tables: list[pd.DataFrame],
    found: Mapping[str, Saved],
    *,
    overwrite: bool,
) -> list[Path]:
    """Writes NAME.png, NAME.pdf, NAME.csv with the tables of all models, and MODEL.h5 for each.

    Raises:
        ResultError: a file cannot be written; or another result is there and may not be replaced.
    """
    import pandas as pd

    from occlusion_toolkit.comparison.tables import csv
    from occlusion_toolkit.files.atomic import make_folder, write_text
    from occlusion_toolkit.plotting.figure_files import save_png_and_pdf

    numbers, place = csv(pd.concat(tables)), out / f"{name}.csv"
    if not overwrite and place.is_file() and place.read_bytes() != numbers.encode():
        raise ResultError(
            f"{str(out)!r} holds another result, {place.name}; choose another --out, or --overwrite"
        )
    files = [*save_png_and_pdf(figure, make_folder(out), name), place]
    write_text(place, numbers)
    for model, result in found.items():
        files.append(out / f"{model}.h5")
        result.save(files[-1])
    return files


@contextmanager
def working_folder(out: Path) -> Iterator[Path]:
    """A folder for what is done, so that a run that was stopped goes on; removed at the end."""
    work = out / ".unfinished"
    when_interrupted("what was read is kept")
    yield work
    shutil.rmtree(work, ignore_errors=True)
