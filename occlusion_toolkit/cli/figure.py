"""`occlusion-toolkit figure`: draws a figure again from stored results, by the script of that name."""

from __future__ import annotations

import ast
import difflib
import importlib.util
from pathlib import Path
from typing import Any

import rich_click as click

from occlusion_toolkit.cli import console
from occlusion_toolkit.cli.help import examples
from occlusion_toolkit.files.shipped import shipped

_RESULTS = {
    "attention": "out/attention/photo",
    "bars": "out/compare",
    "breaking_size": "out/breaking-size/pare-open.h5",
    "curves": "out/compare",
    "heatmaps": "out/heatmap/photo",
    "heatmaps_compared": "out/compare",
    "influence": "out/influence/pare-open.h5",
    "meshes_compared": "out/compare",
    "natural": "out/natural/pare-open.h5",
    "predictions_compared": "out/compare",
    "reversals": "out/reversals/pare-open.h5",
    "sensitivity_meshes": "out/mesh",
    "synthetic_people": "",
    "training_curves": "out/run",
    "worst_pair": "out/worst-pair/pare-open.h5",
}


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog=examples("figure", "figure bars out/compare --out out/figures", "figure bars --help"),
)
@click.argument("name", required=False)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[RESULT]... [OPTIONS]...")
@click.pass_context
def figure(context: click.Context, name: str | None, words: tuple[str, ...]) -> None:
    """Draw the figure NAME from stored RESULTs, without running any network.

    Without NAME, lists the figures there are. `figure NAME --help` shows what a figure takes.
    """
    if name is None:
        for known, path in figure_scripts().items():
            console.out.print(f"{known:<21}{_first_line(path)}", overflow="ellipsis", no_wrap=True)
        return
    command = figure_command(name)
    title = f"{context.command_path} {name}"
    shared: dict[str, Any] = {"help_option_names": context.help_option_names}
    with command.make_context(title, list(words), **shared) as chosen:  # not `main`: Ctrl-C
        command.invoke(chosen)


def figure_scripts() -> dict[str, Path]:
    """The scripts by the names of their figures, sorted: those of the wheel, or of the source tree."""
    return {path.stem: path for path in sorted(shipped("figures").glob("*.py"))}


def figure_command(name: str) -> click.Command:
    """The command that draws a figure.

    Raises:
        click.UsageError: there is no figure of that name.
    """
    scripts = figure_scripts()
    if name not in scripts:
        close = difflib.get_close_matches(name, scripts, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise click.UsageError(f"There is no figure {name!r}.{hint} The figures are: {', '.join(scripts)}.")
    specification = importlib.util.spec_from_file_location(f"figures_{name}", scripts[name])
    if specification is None or specification.loader is None:
        raise click.UsageError(f"{str(scripts[name])!r} is not a Python file.")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    command: click.Command = module.main
    command.epilog = examples(f"figure {name} {_RESULTS.get(name, 'RESULT')}".rstrip())
    return command


def _first_line(path: Path) -> str:
    """What a script draws, without running it."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]
