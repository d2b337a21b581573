"""`occlusion-toolkit data`: whether the data that a recipe trains on are there."""

from pathlib import Path

import rich_click as click

from occlusion_toolkit.cli import console
from occlusion_toolkit.cli.help import examples
from occlusion_toolkit.errors import UsageError
from occlusion_toolkit.files.texts import printable


@click.group()
def data() -> None:
    """Check training data.

    Data sets are looked for in data/NAME of $OCCLUSION_TOOLKIT_HOME (docs/training-data.md).
    """


@data.command(
    "check",
    epilog=examples(
        "data check table3-e --data coco-eft=/data/coco",
    ),
)
@click.argument("recipe")
@click.option(
    "--data",
    "places",
    multiple=True,
    metavar="NAME=DIR",
    help="Folder of a data set (or of voc, the objects of Pascal VOC). May be repeated.",
)
@click.option("--smpl-dir", type=click.Path(path_type=Path), metavar="DIR", help="Folder of SMPL's files.")
@console.verbose_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.pass_context
def check_command(
    context: click.Context,
    recipe: str,
    places: tuple[str, ...],
    smpl_dir: Path | None,
    verbose: bool,
    as_json: bool,
) -> None:
    """Say what RECIPE trains on, what of it is there, and where to get the rest.

    RECIPE is a file, or the name of a recipe or card that the toolkit carries, as for `train`.

    All annotations are read; images are looked for, not opened. Exits with 1 where something is missing.
    """
    from occlusion_toolkit.body.bodies import Bodies
    from occlusion_toolkit.training.data_check import check_data, explanation, need_as_json, needs_table
    from occlusion_toolkit.training.recipe_files import load_recipe

    try:
        loaded = load_recipe(recipe)
    except UsageError as error:
        raise click.BadParameter(str(error), param_hint="RECIPE") from error
    needs = check_data(loaded, parse_folders(places, loaded.train.data_sets), Bodies(smpl_dir))
    missing = [need for need in needs if need.problem is not None]
    if as_json:
        entries = [need_as_json(need) for need in needs]
        console.print_json({"recipe": recipe, "ready": not missing, "needs": entries})
    else:
        console.out.print(needs_table(f"What {recipe} trains on", needs))
        for need in missing:
            if verbose:
                console.out.print(f"\n{printable(explanation(need))}", soft_wrap=True)
            else:
                line = explanation(need).partition("\n")[0]
                console.out.print(printable(line), no_wrap=True, overflow="ellipsis")
        if missing and not verbose:
            console.out.print("--verbose says where each belongs, and where to get it")
    if missing:
        context.exit(1)


def parse_folders(words: tuple[str, ...], names: tuple[str, ...]) -> dict[str, Path]:
    """Folders by name of the data set.

    Args:
        words: `NAME=DIR`, or `DIR` for the first of the names.
        names: data sets of the recipe; "voc" may be named besides.

    Raises:
        click.BadParameter: a name is not in the recipe or used twice, or there is no such folder.
    """
    from occlusion_toolkit.training.catalogue import data_folders

    pairs = [word.partition("=") for word in words]
    folders = [(name, folder) if equals else (names[0], name) for name, equals, folder in pairs]
    if len({name for name, _ in folders}) < len(folders):
        raise click.BadParameter("a data set has two folders")
    try:
        return data_folders({name: Path(folder) for name, folder in folders}, names)
    except UsageError as error:
        raise click.BadParameter(str(error)) from error
