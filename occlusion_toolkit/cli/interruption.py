"""What happens when a command is interrupted: nothing partial stays, and it says how to go on."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import rich_click as click

from occlusion_toolkit.errors import RunError

_SAID = "occlusion_toolkit.when_interrupted"


class Terminated(KeyboardInterrupt):
    """SIGTERM, as schedulers send it. It unwinds like Ctrl-C, so that what does not end whole is removed."""


class Interruptible(click.RichGroup):
    """A group of commands that end with 130 at Ctrl-C and with 143 at SIGTERM, after saying how to go on.

    The object of its context are the words of the line.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command of the line."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            number = signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT
            kept, again = ctx.meta.get(_SAID, ("nothing was written", ()))
            stopped(number, kept, *again)
        except SystemExit as ended:
            if ended.code:
                raise
            raise RunError(  # no command of the toolkit ends like this
                "code of another package ended the process by sys.exit before the command was done; "
                "--debug shows where"
            ) from ended


def when_interrupted(kept: str, *again: str) -> None:
    """Sets what the running command says if it is interrupted from here on.

    Args:
        kept: what stays.
        again: words that the same line needs to go on.
    """
    context = click.get_current_context(silent=True)
    if context is not None:
        context.meta[_SAID] = (kept, again)


def stopped(number: int, kept: str, *again: str) -> NoReturn:
    """Ends the running command as one that a signal ended.

    Args:
        number: of the signal.
        kept: what stays.
        again: words that the same line needs to go on.
    """
    context = click.get_current_context(silent=True)
    words = list((context and context.find_root().obj) or ())
    words += [word for word in again if word not in words]
    click.echo(f"\ninterrupted; {kept}; go on with:\n  occlusion-toolkit {shlex.join(words)}", err=True)
    sys.exit(128 + number)


@contextmanager
def sigterm_unwinds() -> Iterator[None]:
    """A block in which SIGTERM raises `Terminated`; a second one ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def raise_once(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise Terminated

    before = signal.signal(signal.SIGTERM, raise_once)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
