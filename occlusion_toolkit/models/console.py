"""Tables of the `models` commands."""

from collections.abc import Iterable
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from occlusion_toolkit.files.home import toolkit_home
from occlusion_toolkit.models.architecture import PublishedArchitecture
from occlusion_toolkit.models.cards import ErrorFigure, ModelCard, PluginCard
from occlusion_toolkit.models.conformance import Finding
from occlusion_toolkit.models.importing import ImportedModel
from occlusion_toolkit.models.inventory import Model

_out = Console(highlight=False, emoji=False, markup=False)


def model_as_json(model: Model) -> dict[str, Any]:
    """A model with its card and the places of its files."""
    return {
        "name": model.name,
        "state": model.state,
        "problem": model.problem,
        "card_file": None if model.card_file is None else str(model.card_file),
        "weights_file": None if model.weights_file is None else str(model.weights_file),
        "card": None if model.card is None else model.card.model_dump(mode="json"),
    }


def findings_as_json(name: str, findings: Iterable[Finding]) -> dict[str, Any]:
    """What a check found."""
    listed = [{"check": f.check, "passed": f.passed, "message": f.message} for f in findings]
    return {"model": name, "passed": all(entry["passed"] for entry in listed), "findings": listed}


def print_models(models: list[Model]) -> None:
    """Prints the table of all models."""
    table = Table(title="Models", title_justify="left")
    for heading in ("name", "weights", "body", "licence"):
        table.add_column(heading, no_wrap=heading != "licence")
    for model in models:
        table.add_row(model.name, *_summary(model))
    _out.print(table)
    for model in models:
        if model.problem is not None:
            _out.print(f"{model.name}: {model.problem}", soft_wrap=True)
    if any(model.state == "weights missing" for model in models):
        _out.print("`occlusion-toolkit models show NAME` says where to get missing weights.")
    _out.print(f"Files of your own: {toolkit_home()}", soft_wrap=True)


def print_model(model: Model) -> None:
    """Prints everything about one model."""
    card = model.card
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    if card is not None:
        _out.print(f"{model.name}: {card.title}", style="bold", soft_wrap=True)
        _out.print(card.description)
        for name, value in _facts(model):
            table.add_row(name, value)
        _out.print(table)
        if card.errors:
            _out.print(_errors(card.errors))


def print_findings(name: str, findings: list[Finding]) -> None:
    """Prints the findings of a check, a row each."""
    table = Table(title=f"Conformance of {name}", title_justify="left")
    table.add_column("check", no_wrap=True)
    table.add_column("")
    table.add_column("found")
    for finding in findings:
        mark, style = ("ok", "") if finding.passed else ("FAILED", "bold red")
        table.add_row(finding.check, mark, finding.message, style=style)
    _out.print(table)
    failed = sum(not finding.passed for finding in findings)
    _out.print(f"{len(findings) - failed} of {len(findings)} checks passed")


def print_import(imported: ImportedModel) -> None:
    """Prints what an import found and wrote."""
    card, record = imported.card, imported.card.imported
    if record is not None:
        beside = f", {len(record.dropped)} beside it left out" if record.dropped else ""
        _out.print(
            f"{record.file} ({record.layout}): {record.tensors} tensors of {_network(card)}{beside}",
            soft_wrap=True,
        )
    for path in (imported.weights_file, imported.card_file):
        click.echo(f"  {path}")
    _out.print(f"Licence: {card.weights.licence}", soft_wrap=True)
    _out.print(f"Use it as --model {card.name}; check it with `occlusion-toolkit models check {card.name}`.")


def _summary(model: Model) -> tuple[str, str, str]:
    """What the list says about a model: state, body, licence."""
    card = model.card
    if isinstance(card, PluginCard):
        return model.state, card.body, card.licence
    if not isinstance(card, ModelCard):
        return model.state, "", ""
    state = model.state.removeprefix("weights ")
    if model.weights_file is not None and (card.weights.shipped or card.imported):
        state = "shipped" if card.weights.shipped else "imported"
    licence, cut, _ = card.weights.licence.partition(";")
    return state, card.body, licence + (" …" if cut else "")


def _network(card: ModelCard) -> str:
    network = card.network
    if isinstance(network, PublishedArchitecture):
        return network.name
    return f"{network.kind} on {network.backbone.kind}"


def _facts(model: Model) -> Iterable[tuple[str, str]]:
    """The lines of a model's description."""
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
    table = Table(title="Errors", title_justify="left")
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
