"""`occlusion-toolkit run`: makes a figure or table of the paper by its recipe."""

from __future__ import annotations

import io
import shlex
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from occlusion_toolkit.cli import console
from occlusion_toolkit.cli.help import examples
from occlusion_toolkit.cli.interruption import when_interrupted
from occlusion_toolkit.errors import OcclusionToolkitError, RunError

if TYPE_CHECKING:
    from occlusion_toolkit.studies.recipes import World


class _Assignment(click.ParamType[tuple[str, str]]):
    """NAME=VALUE."""

    name = "assignment"

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """The name and the value."""
        if isinstance(value, tuple):
            return value
        name, sign, text = value.partition("=")
        if not (name and sign):
            self.fail(f"{value!r} is not NAME=VALUE", param, ctx)
        return name, text


@click.command(
    epilog=examples(
        "run --list",
        "run figure2",
        "run figure1 --set stride=16 --out out/quick",
    )
)
@click.argument("recipe", required=False, metavar="RECIPE")
@click.option(
    "--world",
    type=click.Choice(["open", "official"]),
    default="open",
    show_default=True,
    help="What comes with the toolkit, or the files of the authors (docs/paper.md).",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Use N people only of data sets.")
@click.option(
    "--set",
    "changed",
    type=_Assignment(),
    multiple=True,
    metavar="NAME=VALUE",
    help="Use another value than the recipe's, such as stride=56; may be given several times.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Output folder. Default: out/paper/open or .../official."
)
@click.option("--list", "listed", is_flag=True, help="List the recipes.")
@click.option("--dry-run", is_flag=True, help="Print the commands and do not run them.")
@console.verbose_option
@click.pass_context
def run(
    context: click.Context,
    recipe: str | None,
    world: World,
    limit: int | None,
    changed: tuple[tuple[str, str], ...],
    out: Path | None,
    listed: bool,
    dry_run: bool,
    verbose: bool,
) -> None:
    """Run the commands that make a figure or table of the paper.

    RECIPE is the name of a recipe, or a .yaml file of your own. Every command is printed as it would be
    typed; what is finished is used again by the recipes that need it too.
    """
    from occlusion_toolkit.studies.recipes import find_recipe, load_recipe, recipes

    if listed:
        found = {name: load_recipe(path) for name, path in recipes().items()}
        console.print_list((name, content.paper, content.title) for name, content in found.items())
        return
    if recipe is None:
        raise click.UsageError("Give a RECIPE; `run --list` shows those there are.")
    group = context.find_root().command
    if not isinstance(group, click.Group):
        raise click.UsageError("This command runs as part of occlusion-toolkit only.")
    folder = out or Path("out", "paper", world)
    content = load_recipe(find_recipe(recipe))
    lines = [limited(group, words, limit) for words in content.command_lines(world, folder, dict(changed))]
    if limit is not None and not any("--limit" in words for words in lines):
        console.warn("--limit is not used: no command of this recipe runs over a data set")
    for words in lines:  # a mistake in the last step is found before the first one runs for hours
        check_words(group, words)
        _check_image(group, words)
    when_interrupted("finished steps are kept")
    for number, words in enumerate(lines, start=1):
        click.echo(f"[{number}/{len(lines)}] occlusion-toolkit {shlex.join(words)}")
        if not dry_run:
            # What a figure is drawn from is in files; the figure is the answer.
            is_quiet = not verbose and lines[-1][0] == "figure" and words[0] != "figure"
            with redirect_stdout(io.StringIO()) if is_quiet else nullcontext():
                _run_step(group, words, f"step {number} of {len(lines)} ({words[0]})")


def limited(group: click.Group, words: list[str], limit: int | None) -> list[str]:
    """The words with `--limit`, where the command takes it."""
    taken = {option for parameter in group.commands[words[0]].params for option in parameter.opts}
    return words if limit is None or "--limit" not in taken else [*words, "--limit", str(limit)]


def check_words(group: click.Group, words: list[str]) -> None:
    """Makes sure that a command accepts its words, without running it.

    Raises:
        RunError: it does not.
    """
    from occlusion_toolkit.cli.figure import figure_command

    try:
        group.commands[words[0]].make_context(words[0], words[1:])
        if words[0] == "figure":
            figure_command(words[1]).make_context(words[1], words[2:])
    except click.ClickException as error:
        raise RunError(
            f"the recipe's line `{shlex.join(words)}` cannot be run: {error.format_message()}"
        ) from error


def _check_image(group: click.Group, words: list[str]) -> None:
    """Makes sure that the image a command looks at is there; no step makes images.

    Raises:
        RunError: it is not.
    """
    context = group.commands[words[0]].make_context(words[0], words[1:])
    for image in (context.params.get("image"), *context.params.get("images", ())):
        if isinstance(image, Path) and not image.exists():
            raise RunError(
                f"the recipe's line `{shlex.join(words)}` cannot be run: there is no file {str(image)!r}"
            )


def _run_step(group: click.Group, words: list[str], name: str) -> None:
    command = group.commands[words[0]]
    try:
        # Not `main`, which would make Ctrl-C an error.
        with command.make_context(f"occlusion-toolkit {words[0]}", words[1:]) as context:
            command.invoke(context)
    except click.ClickException as error:
        raise RunError(f"{name} failed: {error.format_message()}") from error
    except OcclusionToolkitError as error:
        raise RunError(f"{name} failed: {error}") from error
