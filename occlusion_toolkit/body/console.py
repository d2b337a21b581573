"""What `occlusion-toolkit body` prints."""

from collections.abc import Sequence

import click

from occlusion_toolkit.body.body_check import CheckedBody, CheckedFolder, CheckedRegressor


def print_smpl_folder(report: CheckedFolder) -> None:
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
