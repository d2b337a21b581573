"""The command of a script of figures/ that draws the results of an analysis, a file for each model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from occlusion_toolkit.cli.look_options import look_options
from occlusion_toolkit.cli.survey_results import by_model

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from occlusion_toolkit.comparison.stored_result import StoredResult


def result_figure(
    name: str,
    analysis: str,
    result: type[StoredResult],
    draw: Callable[[dict[str, Any]], Figure],
    *,
    named: Callable[[list[Any]], dict[str, Any]] = by_model,
) -> click.Command:
    """A command that draws NAME.png and NAME.pdf.

    Args:
        name: of the figure.
        analysis: the command that wrote the results.
        result: what their files hold.
        draw: the figure, of results by the models' names.
        named: gives them their names.
    """

    @click.command(
        help=f"Draw {name}.png and {name}.pdf from RESULTs, a MODEL.h5 of `{analysis}` for each model."
    )
    @click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RESULT...")
    @click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
    @look_options
    def main(results: tuple[Path, ...], out: Path) -> None:
        from occlusion_toolkit.plotting.figure_files import save_png_and_pdf

        for path in save_png_and_pdf(draw(named([result.open(path) for path in results])), out, name):
            click.echo(path)

    return main
