"""`occlusion-toolkit body`: what the body models on this machine are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from occlusion_toolkit.cli.help import examples
from occlusion_toolkit.cli.trust_option import trust_option, trusted_files

if TYPE_CHECKING:
    from occlusion_toolkit.body.body_check import CheckedBody, CheckedFolder, CheckedRegressor


@click.group()
def body() -> None:
    """Look at the files of body models."""


@body.command(
    epilog=examples(
        "body check ~/smpl",
    )
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@trust_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON instead of a table.")
def check(folder: Path, as_json: bool) -> None:
    """Read all SMPL files in DIR and say what they are.

    Reads SMPL_{NEUTRAL,MALE,FEMALE}.pkl or the original basicModel files, J_regressor_h36m.npy and
    J_regressor_extra.npy. Ends with 1 where models of SMPL cannot be analysed with the folder.
    """
    from occlusion_toolkit.body.body_check import check_smpl_folder
    from occlusion_toolkit.cli import console

    report = check_smpl_folder(folder, trusted_files())
    if as_json:
        console.print_json(report.as_json())
    else:
        _print_smpl_folder(report)
    if not report.serves:
        raise SystemExit(1)


def _print_smpl_folder(report: CheckedFolder) -> None:
    """Prints every file of a folder with what it is, and on standard error what is wrong or missing."""
    for body in report.bodies:
        _print_file(body, body.gender, _description(body))
    for regressor in report.regressors:
        _print_file(regressor, "regressor", [f"{regressor.joints} joints from SMPL's 6890 vertices"])
    for missing in report.missing:
        click.echo(f"missing: {missing}", err=True)
    verdict = "can" if report.serves else "cannot"
    click.echo(f"models of SMPL {verdict} be analysed with {report.folder}")


def _description(body: CheckedBody) -> list[str]:
    version = f"SMPL {body.version}" if body.version else "no published version of SMPL"
    lines = [
        f"topology {body.topology}: {body.vertices} vertices, {body.joints} joints, "
        f"{body.betas} betas ({version})"
    ]
    return lines if body.read else [*lines, "not read: another file of this gender comes first"]


def _print_file(file: CheckedBody | CheckedRegressor, kind: str, description: Sequence[str]) -> None:
    click.echo(f"{kind:<9}  {file.file}")
    if file.problem is not None:
        click.echo(f"{'':<9}  not usable: {file.problem}", err=True)
        return
    for line in (*description, f"sha256 {file.sha256}"):
        click.echo(f"{'':<9}  {line}")
