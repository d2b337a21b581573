"""`--data NAME=DIR`: which data set is where."""

from pathlib import Path

import rich_click as click

from occlusion_toolkit.errors import UsageError


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
