"""`occlusion-toolkit body`: what the body models on this machine are."""

from pathlib import Path

import rich_click as click

from occlusion_toolkit.cli.trust_option import trust_option, trusted_files


@click.group()
def body() -> None:
    """Look at the files of body models."""


@body.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@trust_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON instead of a table.")
def check(folder: Path, as_json: bool) -> None:
    """Read all SMPL files in DIR and say what they are.

    Reads SMPL_{NEUTRAL,MALE,FEMALE}.pkl or the original basicModel files, J_regressor_h36m.npy and
    J_regressor_extra.npy. Ends with 1 where models of SMPL cannot be analysed with the folder.
    """
    from occlusion_toolkit.body.body_check import check_smpl_folder
    from occlusion_toolkit.body.console import print_smpl_folder
    from occlusion_toolkit.cli import console

    report = check_smpl_folder(folder, trusted_files())
    if as_json:
        console.print_json(report.as_json())
    else:
        print_smpl_folder(report)
    if not report.serves:
        raise SystemExit(1)
