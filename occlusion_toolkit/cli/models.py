"""`occlusion-toolkit models`: what can be run, what it is, whether it keeps to the rules, and new ones."""

from pathlib import Path
from typing import Literal

import rich_click as click

from occlusion_toolkit.cli.trust_option import trust_option, trusted_files

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")


@click.group()
def models() -> None:
    """List, show, check and import regressors.

    Files of your own live in $OCCLUSION_TOOLKIT_HOME (by default in your data directory): published weights
    in weights/, cards in cards/.
    """


@models.command("list")
@_JSON
def list_command(as_json: bool) -> None:
    """List the models that --model takes, and which of them lack their weights."""
    from occlusion_toolkit.cli import console
    from occlusion_toolkit.files.home import toolkit_home
    from occlusion_toolkit.models import console as console_models
    from occlusion_toolkit.models.inventory import list_models

    found = list_models()
    if as_json:
        console.print_json(
            {"home": str(toolkit_home()), "models": [console_models.model_as_json(model) for model in found]}
        )
    else:
        console_models.print_models(found)


@models.command("show")
@click.argument("name", metavar="NAME|CARD.yaml")
@_JSON
def show_command(name: str, as_json: bool) -> None:
    """Show a model: network, weights, licence, body, what is known about its errors."""
    from occlusion_toolkit.cli import console
    from occlusion_toolkit.models import console as console_models
    from occlusion_toolkit.models.inventory import find_model

    model = find_model(name)
    if as_json:
        console.print_json(console_models.model_as_json(model))
    else:
        console_models.print_model(model)


@models.command("check")
@click.argument("name", metavar="NAME|CARD.yaml")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@trust_option
@_JSON
@click.pass_context
def check_command(context: click.Context, name: str, device: str, as_json: bool) -> None:
    """Check that a model keeps to what a sweep relies on; exit code 1 where it does not.

    Shapes, rotations, units, normalisation, determinism, batch invariance and more, on twelve people of the
    open test set. Works on every model of `models list`, also on those of other packages.
    """
    from occlusion_toolkit.cli import console
    from occlusion_toolkit.cli.selection import select_device
    from occlusion_toolkit.models import console as console_models
    from occlusion_toolkit.models.model_check import check_model

    findings = check_model(name, select_device(device), trusted_files())
    if as_json:
        console.print_json(console_models.findings_as_json(name, findings))
    else:
        console_models.print_findings(name, findings)
    if not all(finding.passed for finding in findings):
        context.exit(1)


@models.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--as",
    "kind",
    type=click.Choice(["spin", "hmr-eft", "pare"]),
    required=True,
    help="Whose weights they are.",
)
@click.option("--name", help="Name of the new model. Default: the family and the name of the file.")
@trust_option
@_JSON
def import_command(
    file: Path,
    kind: Literal["spin", "hmr-eft", "pare"],
    name: str | None,
    as_json: bool,
) -> None:
    """Turn a published checkpoint into a model of your own, as safetensors with a card.

    FILE is what the authors publish, in any layout: SPIN and EFT (.pt), PARE (Lightning .ckpt), mmhuman3d,
    safetensors. It is imported only if every tensor of the network is in it with the right shape.
    """
    from occlusion_toolkit.cli import console
    from occlusion_toolkit.models import console as console_models
    from occlusion_toolkit.models.importing import import_checkpoint

    imported = import_checkpoint(file, kind, name=name, trusted=trusted_files())
    if as_json:
        console.print_json(
            {
                "name": imported.card.name,
                "card_file": str(imported.card_file),
                "weights_file": str(imported.weights_file),
                "card": imported.card.model_dump(mode="json"),
            }
        )
    else:
        console_models.print_import(imported)
