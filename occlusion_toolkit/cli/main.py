"""The `occlusion-toolkit` command: a group of commands, one error policy for all of them.

Command modules import nothing heavy at the top, so `--help` answers at once; torch and matplotlib are
imported inside the commands that need them.
"""

import logging
import os
import sys
import traceback
import warnings
from typing import NoReturn

import rich_click as click

from occlusion_toolkit import __version__
from occlusion_toolkit.cli.attention import attention
from occlusion_toolkit.cli.body import body
from occlusion_toolkit.cli.breaking_size import breaking_size
from occlusion_toolkit.cli.compare import compare
from occlusion_toolkit.cli.confidence import confidence
from occlusion_toolkit.cli.data import data
from occlusion_toolkit.cli.doctor import doctor
from occlusion_toolkit.cli.evaluate import evaluate
from occlusion_toolkit.cli.figure import figure
from occlusion_toolkit.cli.find import find
from occlusion_toolkit.cli.heatmap import heatmap
from occlusion_toolkit.cli.influence import influence
from occlusion_toolkit.cli.interruption import Interruptible, sigterm_unwinds
from occlusion_toolkit.cli.kept_memory import keep_freed_memory
from occlusion_toolkit.cli.mesh import mesh
from occlusion_toolkit.cli.models import models
from occlusion_toolkit.cli.natural import natural
from occlusion_toolkit.cli.reversals import reversals
from occlusion_toolkit.cli.run import run
from occlusion_toolkit.cli.synthesize import synthesize
from occlusion_toolkit.cli.train import train
from occlusion_toolkit.cli.worst_pair import worst_pair
from occlusion_toolkit.errors import OcclusionToolkitError
from occlusion_toolkit.files.atomic import DISK_ERRORS
from occlusion_toolkit.files.texts import printable

# Their debug messages (fonts, codecs) would drown ours.
_CHATTY_LIBRARIES = ("matplotlib", "fontTools", "PIL", "h5py", "filelock", "joblib")


@click.group(cls=Interruptible, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="occlusion-toolkit")
@click.option("--debug", is_flag=True, help="Show Python tracebacks and debug messages.")
def cli(debug: bool) -> None:
    """Where does a 3D human pose and shape regressor break when part of the body is hidden?"""
    level = logging.DEBUG if debug else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s: %(message)s", force=True)
    if not debug:  # such as Pillow's about a damaged file, beside our own clear line
        warnings.simplefilter("ignore")
    for name in _CHATTY_LIBRARIES:
        logging.getLogger(name).setLevel(max(level, logging.INFO))


cli.add_command(attention)
cli.add_command(body)
cli.add_command(breaking_size)
cli.add_command(compare)
cli.add_command(confidence)
cli.add_command(data)
cli.add_command(doctor)
cli.add_command(evaluate)
cli.add_command(figure)
cli.add_command(find)
cli.add_command(heatmap)
cli.add_command(influence)
cli.add_command(mesh)
cli.add_command(models)
cli.add_command(natural)
cli.add_command(reversals)
cli.add_command(run)
cli.add_command(synthesize)
cli.add_command(train)
cli.add_command(worst_pair)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits: 0 done, 1 failed, 2 used wrongly, 130 Ctrl-C, 143 SIGTERM.

    Args:
        arguments: the words after the program's name; the process's own when None.
    """
    # Threads that wait asleep are a fifth slower alone, twice as fast beside a neighbour (docs/engines.md).
    # PyTorch reads this when it is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    keep_freed_memory()
    arguments = sys.argv[1:] if arguments is None else arguments
    debug, given = "--debug" in arguments, arguments
    if debug:  # accepted anywhere on the line, as people add it to the end of a command that failed
        arguments = ["--debug", *(word for word in arguments if word != "--debug")]
    try:
        with sigterm_unwinds():
            cli.main(args=arguments, prog_name="occlusion-toolkit", obj=given)
    except OcclusionToolkitError as error:
        if debug:
            traceback.print_exc()
        click.echo(f"error: {printable(str(error))}", err=True)
        sys.exit(1)
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            _bug(error, debug)
        reason = (error.strerror or str(error)).lower()
        click.echo(f"error: the output cannot be written: {reason}; send it elsewhere", err=True)
        if sys.stdout is sys.__stdout__:  # or Python would try again when it ends, and complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    except Exception as error:
        _bug(error, debug)


def _bug(error: Exception, debug: bool) -> NoReturn:
    """Ends the process after an error that nobody expected."""
    if debug:
        raise error
    message = printable(str(error))
    click.echo(
        f"error: unexpected {type(error).__name__}: {message} (this is a bug; the same command with "
        "--debug shows where it happened)",
        err=True,
    )
    sys.exit(1)
