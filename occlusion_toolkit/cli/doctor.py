"""`occlusion-toolkit doctor`: what of the official world is in place, and what it unlocks."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from occlusion_toolkit.cli import console
from occlusion_toolkit.cli.help import examples
from occlusion_toolkit.cli.trust_option import trust_option, trusted_files
from occlusion_toolkit.files.texts import printable

if TYPE_CHECKING:
    from occlusion_toolkit.studies.doctor import Diagnosis


@click.command(epilog=examples("doctor", "doctor --verbose"))
@click.option(
    "--smpl-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of SMPL's files (docs/smpl.md). Default: smpl in the toolkit's folder.",
)
@click.option("--device", default="auto", show_default=True, help="Where networks are timed: auto, cpu, ...")
@trust_option
@console.verbose_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.pass_context
def doctor(context: click.Context, smpl_dir: Path | None, device: str, verbose: bool, as_json: bool) -> None:
    """Look at everything you fetched for the official world, and say what it unlocks.

    SMPL's files, checkpoints, 3DPW, 3DOH, training sets and Pascal VOC: found or missing, their checksums,
    the figures and tables of the paper that need them, and how long a first run of each takes here. Exits
    with 1 where something is there and cannot be used. docs/official-in-an-hour.md goes on from here.
    """
    from occlusion_toolkit.studies.doctor import examine

    found = examine(smpl_dir=smpl_dir, trusted=trusted_files(), device=device)
    if as_json:
        console.print_json(found.as_json())
    else:
        _print(found, verbose)
    if found.broken:
        context.exit(1)


def _print(found: Diagnosis, verbose: bool) -> None:
    """Prints what can be run and what it lacks; on request every file, and where to get it."""
    from occlusion_toolkit.studies import doctor_tables

    show = functools.partial(console.out.print, soft_wrap=True)
    show(doctor_tables.headline(found), style="bold")
    console.out.print(doctor_tables.prospects_table(found, passes=verbose))
    console.out.print(doctor_tables.kinds_table(found))
    for line in doctor_tables.broken_lines(found):
        console.out.print(printable(line), no_wrap=True, overflow="ellipsis")
    if verbose:
        for line in (*doctor_tables.item_lines(found), *doctor_tables.remedies(found)):
            show(printable(line))
        show("")
    show(f"times are extrapolated on {found.device}; --verbose: places, checksums, where to get files")
    show(f"looked in {printable(str(found.home))}")
