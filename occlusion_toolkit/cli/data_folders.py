"""`--data NAME=DIR`: which data set is where."""

from pathlib import Path

import rich_click as click


def data_folders(words: tuple[str, ...], names: tuple[str, ...]) -> dict[str, Path]:
    """Folders by name of the data set.

    Args:
        words: `NAME=DIR`, or `DIR` for the first of the names.
        names: data sets of the recipe; "voc" may be given besides.

    Raises:
        click.BadParameter: a name is not in the recipe or given twice, or there is no such folder.
    """
    folders: dict[str, Path] = {}
    for word in words:
        name, equals, folder = word.partition("=")
        if not equals:
            name, folder = names[0], word
        if name not in (*names, "voc"):
            raise click.BadParameter(f"the recipe has no data set {name!r}; it has {', '.join(names)}")
        if name in folders:
            raise click.BadParameter(f"two folders are given for {name!r}")
        if not Path(folder).is_dir():
            raise click.BadParameter(f"there is no folder {folder!r}")
        folders[name] = Path(folder)
    return folders
