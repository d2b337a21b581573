"""The options of every command that draws: colour map, printed width, pixels per inch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def look_options(command: _Command) -> _Command:
    """Adds `--cmap`, `--width` and `--dpi`, which hold for all that the command draws."""

    @click.option(
        "--cmap",
        metavar="NAME",
        help="Colour map of cmcrameri or matplotlib: a sequential one for errors, displacements and models, "
        "a diverging one for increases and differences.",
    )
    @click.option(
        "--width", type=float, metavar="INCHES", help="Width of the figures; letters scale with it."
    )
    @click.option("--dpi", type=int, help="Pixels per inch of PNG and JPEG.  [default: 200]")
    @functools.wraps(command)
    def drawing(*, cmap: str | None, width: float | None, dpi: int | None, **given: Any) -> Any:
        if cmap is None and width is None and dpi is None:
            return command(**given)
        from occlusion_toolkit.plotting.look import look

        with look(cmap, width=width, dpi=dpi):
            return command(**given)

    return cast(_Command, drawing)
