"""`occlusion-toolkit models`: what can be run, what it is, whether it keeps to the rules, and new ones."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import rich_click as click

from occlusion_toolkit.cli import console
from occlusion_toolkit.cli.help import examples
from occlusion_toolkit.cli.trust_option import trust_option, trusted_files

if TYPE_CHECKING:
    from rich.table import Table

    from occlusion_toolkit.models.cards import ErrorFigure, ModelCard
    from occlusion_toolkit.models.conformance import Finding
    from occlusion_toolkit.models.importing import ImportedModel
    from occlusion_toolkit.models.registry import Model

_MAIN_FACTS = ("network", "body", "licence", "weights", "get them", "package", "limits")

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")


@click.group()
def models() -> None:
    """List, show, check and import regressors.

    Files of your own live in $OCCLUSION_TOOLKIT_HOME (by default in your data directory): published weights
    in weights/, cards in cards/.
    """


@models.command(
    "list",
    epilog=examples(
        "models list",
    ),
)
@_JSON
def list_command(as_json: bool) -> None:
    """List the models that --model takes, and which of them lack their weights."""
    from occlusion_toolkit.files.home import toolkit_home
    from occlusion_toolkit.models.registry import list_models

    found = list_models()
    if as_json:
        console.print_json(
            {"home": str(toolkit_home()), "models": [_model_as_json(model) for model in found]}
        )
    else:
        _print_models(found)


@models.command(
    "show",
    epilog=examples(
        "models show pare-open",
    ),
)
@click.argument("name", metavar="NAME|CARD.yaml")
@console.verbose_option
@_JSON
def show_command(name: str, verbose: bool, as_json: bool) -> None:
    """Show a model: network, weights, licence, body, what is known about its errors."""
    from occlusion_toolkit.models.registry import find_model

    model = find_model(name)
    if as_json:
        console.print_json(_model_as_json(model))
    else:
        _print_model(model, verbose)


@models.command(
    "check",
    epilog=examples(
        "models check my-regressor",
    ),
)
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
    from occlusion_toolkit.models.conformance import check_model
    from occlusion_toolkit.sweep.network import chosen_device

    findings = check_model(name, chosen_device(device), trusted_files())
    if as_json:
        console.print_json(_findings_as_json(name, findings))
    else:
        _print_findings(name, findings)
    if not all(finding.passed for finding in findings):
        context.exit(1)


@models.command(
    "import",
    epilog=examples(
        "models import model_checkpoint.pt --as spin",
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--as",
    "kind",
    type=click.Choice(["spin", "hmr-eft", "pare", "hmr2", "camerahmr"]),
    required=True,
    help="Whose weights they are.",
)
@click.option("--name", help="Name of the new model. Default: the family and the name of the file.")
@trust_option
@_JSON
def import_command(
    file: Path,
    kind: Literal["spin", "hmr-eft", "pare", "hmr2", "camerahmr"],
    name: str | None,
    as_json: bool,
) -> None:
    """Turn a published checkpoint into a model of your own, as safetensors with a card.

    FILE is what the authors publish, in any layout: SPIN and EFT (.pt), PARE, HMR2.0 and CameraHMR
    (Lightning .ckpt), mmhuman3d, safetensors. It is imported only if every tensor of the network is in it
    with the right shape.
    """
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
        _print_import(imported)


def _model_as_json(model: Model) -> dict[str, Any]:
    """A model with its card and the places of its files."""
    return {
        "name": model.name,
        "state": model.state,
        "problem": model.problem,
        "card_file": None if model.card_file is None else str(model.card_file),
        "weights_file": None if model.weights_file is None else str(model.weights_file),
        "card": None if model.card is None else model.card.model_dump(mode="json"),
    }


def _findings_as_json(name: str, findings: Iterable[Finding]) -> dict[str, Any]:
    """What a check found."""
    listed = [{"check": f.check, "passed": f.passed, "message": f.message} for f in findings]
    return {"model": name, "passed": all(entry["passed"] for entry in listed), "findings": listed}


def _print_models(models: list[Model]) -> None:
    """Prints the table of all models."""
    from occlusion_toolkit.files.home import toolkit_home

    table = console.plain_table("Models")
    for heading in ("name", "weights", "body", "licence"):
        table.add_column(heading, no_wrap=heading != "licence")
    for model in models:
        table.add_row(model.name, *_summary(model))
    console.out.print(table)
    for model in models:
        if model.problem is not None:
            console.out.print(f"{model.name}: {model.problem}", soft_wrap=True)
    if any(model.state == "weights missing" for model in models):
        console.out.print("`occlusion-toolkit models show NAME` says where to get missing weights.")
    console.out.print(f"Files of your own: {toolkit_home()}", soft_wrap=True)


def _print_model(model: Model, verbose: bool) -> None:
    """Prints what to know about one model, or everything."""
    from rich.table import Table

    card = model.card
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    if card is not None:
        console.out.print(f"{model.name}: {card.title}", style="bold", soft_wrap=True)
        console.out.print(card.description)
        for name, value in _facts(model):
            if verbose or name in _MAIN_FACTS:
                table.add_row(name, value)
        console.out.print(table)
        if card.errors and verbose:
            console.out.print(_errors(card.errors))
        elif card.errors:
            for dataset in dict.fromkeys(error.dataset for error in card.errors):
                console.out.print(f"errors in mm on {dataset}:")
                console.print_list(
                    (f"{error.value_mm:6.1f}", error.metric, error.condition)
                    for error in card.errors
                    if error.dataset == dataset
                )


def _print_findings(name: str, findings: list[Finding]) -> None:
    """Prints the findings of a check, a row each."""
    table = console.plain_table(f"Conformance of {name}")
    table.add_column("check", no_wrap=True)
    table.add_column("")
    table.add_column("found")
    for finding in findings:
        mark, style = ("ok", "") if finding.passed else ("FAILED", "bold red")
        table.add_row(finding.check, mark, finding.message, style=style)
    console.out.print(table)
    failed = sum(not finding.passed for finding in findings)
    console.out.print(f"{len(findings) - failed} of {len(findings)} checks passed")


def _print_import(imported: ImportedModel) -> None:
    """Prints what an import found and wrote."""
    card, record = imported.card, imported.card.imported
    if record is not None:
        beside = f", {len(record.dropped)} beside it left out" if record.dropped else ""
        console.out.print(
            f"{record.file} ({record.layout}): {record.tensors} tensors of {_network(card)}{beside}",
            soft_wrap=True,
        )
    for path in (imported.weights_file, imported.card_file):
        click.echo(f"  {path}")
    console.out.print(f"Licence: {card.weights.licence}", soft_wrap=True)
    console.out.print(
        f"Use it as --model {card.name}; check it with `occlusion-toolkit models check {card.name}`."
    )


def _summary(model: Model) -> tuple[str, str, str]:
    """What the list says about a model: state, body, licence."""
    from occlusion_toolkit.models.cards import ModelCard, PluginCard

    card = model.card
    if isinstance(card, PluginCard):
        return model.state, card.body, card.licence
    if not isinstance(card, ModelCard):
        return model.state, "", ""
    state = model.state.removeprefix("weights ")
    if model.weights_file is not None and (card.weights.shipped or card.imported):
        state = "shipped" if card.weights.shipped else "imported"
    licence, cut, _ = card.weights.licence.partition(";")
    short = textwrap.shorten(licence, 28, placeholder=" …")  # a line for each model
    return state, card.body, short if short != licence or not cut else f"{licence} …"


def _network(card: ModelCard) -> str:
    from occlusion_toolkit.models.architecture import PublishedArchitecture

    network = card.network
    if isinstance(network, PublishedArchitecture):
        return network.name
    return f"{network.kind} on {network.backbone.kind}"


def _facts(model: Model) -> Iterable[tuple[str, str]]:
    """The lines of a model's description."""
    from occlusion_toolkit.files.home import toolkit_home
    from occlusion_toolkit.models.cards import ModelCard, PluginCard

    card = model.card
    if isinstance(card, PluginCard):
        yield from (("package", card.origin), ("body", card.body), ("licence", card.licence))
    if isinstance(card, ModelCard):
        weights = card.weights
        yield from (("network", _network(card)), ("body", card.body), ("licence", weights.licence))
        yield "camera", "x = s (X + t)" if card.camera == "shift-then-scale" else "x = s X + t in its weights"
        yield "source", weights.source
        if model.weights_file is not None:
            yield "weights", str(model.weights_file)
        elif weights.how_to_get is not None:
            yield "weights", f"missing: {toolkit_home() / 'weights' / weights.file}"
            yield "get them", weights.how_to_get
        yield "sha256", weights.sha256 or "not known to the toolkit; the one found is stored with results"
        if card.imported is not None:
            record = card.imported
            trusted = ", opened by its checksum" if record.trusted else ""
            yield "imported", f"{record.date} from {record.file} ({record.layout}){trusted}"
            yield "its sha256", record.sha256
        if card.training is not None:
            yield "trained on", card.training.data
    if card is not None and card.limitations:
        yield "limits", card.limitations
    if model.card_file is not None:
        yield "card", str(model.card_file)


def _errors(errors: Iterable[ErrorFigure]) -> Table:

    table = console.plain_table("Errors")
    for heading in ("data set", "condition", "metric", "joints"):
        table.add_column(heading)
    table.add_column("mm", justify="right")
    table.add_column("by")
    for error in errors:
        by = f"{error.origin}: {error.reference}"
        table.add_row(
            error.dataset, error.condition, error.metric, error.joints or "", f"{error.value_mm:.1f}", by
        )
    return table
