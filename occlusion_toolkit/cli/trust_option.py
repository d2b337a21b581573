"""The option `--trust-file`, for every command that opens files of others."""

from collections.abc import Callable
from typing import Any, TypeVar

import rich_click as click

from occlusion_toolkit.files.trust import TrustedFiles

_Command = TypeVar("_Command", bound=Callable[..., Any])

_KEY = "occlusion_toolkit.trusted_files"


def trust_option(command: _Command) -> _Command:
    """Adds the option; `trusted_files` gives its value to whoever reads a file, not only to the command."""
    return click.option(
        "--trust-file",
        metavar="SHA256",
        multiple=True,
        expose_value=False,
        callback=_keep,
        help="Open the file with this checksum although it asks for foreign code, which may then run.",
    )(command)


def trusted_files() -> TrustedFiles:
    """The files that the running command was told to trust; the same object for all that read files."""
    context = click.get_current_context(silent=True)
    trusted = None if context is None else context.meta.get(_KEY)
    return trusted if isinstance(trusted, TrustedFiles) else TrustedFiles()


def _keep(context: click.Context, _option: click.Parameter, checksums: tuple[str, ...]) -> None:
    context.meta[_KEY] = TrustedFiles(checksums)
