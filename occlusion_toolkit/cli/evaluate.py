"""`occlusion-toolkit evaluate`: MPJPE, PA-MPJPE and PVE of models on a data set (PARE, Tables 1 and 2)."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import rich_click as click
from rich.table import Table

from occlusion_toolkit.cli import console
from occlusion_toolkit.cli.body_options import BodyOptions, body_options
from occlusion_toolkit.cli.dataset_options import dataset_options

if TYPE_CHECKING:
    from occlusion_toolkit.data.people import People
    from occlusion_toolkit.data.protocol import Protocol
    from occlusion_toolkit.evaluation.evaluation import Evaluation
    from occlusion_toolkit.sweep.protocol import ProtocolCard

_SHOWN_SEQUENCES = 100


@click.command()
@dataset_options
@click.option(
    "--model",
    "models",
    multiple=True,
    default=("pare-open",),
    show_default=True,
    help="Name of a card, or path of one (.yaml); may be given several times.",
)
@click.option(
    "--joints", type=click.Choice(["lsp14", "h36m17", "smpl24"]), default="lsp14", show_default=True
)
@click.option(
    "--gt-gender",
    type=click.Choice(["gendered", "neutral"]),
    help="Body of the ground truth. Default: that of the model's paper (PARE neutral, others gendered).",
)
@click.option(
    "--pve-align",
    type=click.Choice(["none", "pelvis"]),
    default="none",
    show_default=True,
    help="What vertices are centred on before PVE; the papers centre on nothing.",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    help="Measure also this metric of your own; may be given several times.",
)
@body_options
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--batch-size", type=click.IntRange(min=1), help="People per forward pass. Default: automatic.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/evaluate"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON instead of tables.")
@click.option("--latex", is_flag=True, help="Print the table as LaTeX (booktabs) instead.")
def evaluate(
    dataset: str,
    root: Path | None,
    people_list: Path | None,
    split: str | None,
    frame_filter: Literal["spin", "vibe"] | None,
    limit: int | None,
    models: tuple[str, ...],
    joints: str,
    gt_gender: Literal["gendered", "neutral"] | None,
    pve_align: Literal["none", "pelvis"],
    metrics: tuple[str, ...],
    body: BodyOptions,
    device: str,
    batch_size: int | None,
    out: Path,
    as_json: bool,
    latex: bool,
) -> None:
    """Measure how far models are from the ground truth of a data set, on clean images.

    Every model is measured by the rules of its own paper unless options say otherwise. Writes the errors of
    every sample into the output folder, a file for each model; a run that was stopped goes on from
    there when the same line is given again.
    """
    if as_json and latex:
        raise click.UsageError("Give --json or --latex, not both.")
    from occlusion_toolkit.cli.dataset_options import chosen_people
    from occlusion_toolkit.evaluation.evaluation import result_path
    from occlusion_toolkit.evaluation.run import evaluate as run
    from occlusion_toolkit.models.registry import load_card
    from occlusion_toolkit.sweep.measure import metrics_with

    people_of = functools.cache(functools.partial(chosen_people, dataset, root, people_list, split))

    def people(protocol: Protocol) -> People:
        # A paper's filter is a rule about the frames of 3DPW; 3DPW-OCC and published lists have their own.
        papers = protocol.frame_filter if dataset == "3dpw" and people_list is None else None
        return people_of(frame_filter or papers, limit)

    names = list(dict.fromkeys(models))
    bodies = body.bodies(*map(load_card, names))
    started = time.perf_counter()
    try:
        with console.progress("people") as report:
            result = run(
                names,
                people,
                metrics=metrics_with(*metrics),
                joints=joints,
                true_gender=gt_gender,
                pve_alignment=pve_align,
                device=device,
                batch_size=batch_size,
                bodies=bodies,
                out=out,
                progress=report,
            )
    except KeyboardInterrupt:
        console.warn("stopped; what was measured is kept, and the same line goes on from there")
        raise
    seconds = time.perf_counter() - started
    files = [result_path(out, card) for card in result.cards]
    if as_json:
        shown: dict[str, Any] = {"seconds": seconds, "files": [str(path) for path in files]}
        console.print_json(result.as_json() | shown)
    elif latex:
        click.echo(result.latex())
    else:
        _print(result, seconds, files)


def _print(result: Evaluation, seconds: float, files: Sequence[Path]) -> None:
    """Prints all models in one table, then each by sequence and by joint, then the protocol."""
    console.out.print(_overall(result))
    for line in {
        f"in brackets: difference from the {figure.origin} figure ({figure.reference})": None
        for stated in result.stated
        for figure in stated.values()
    }:
        console.out.print(line)
    for number, card in enumerate(result.cards):
        sequences = result.by_sequence(number)
        table = _table(f"{card.model_card} by sequence, mm", "sequence", sequences.columns)
        for name, row in sequences.head(_SHOWN_SEQUENCES).iterrows():
            table.add_row(str(name), f"{row['samples']:.0f}", *(f"{value:.1f}" for value in row.iloc[1:]))
        if (hidden := len(sequences) - _SHOWN_SEQUENCES) > 0:
            table.caption = f"and {hidden} more (--json gives all)"
        console.out.print(table)
        joints = result.by_joint(number)
        table = _table(f"{card.model_card} by joint, mm", "joint", joints.columns)
        for name, row in joints.iterrows():
            table.add_row(str(name).replace("_", " "), *(f"{value:.1f}" for value in row))
        console.out.print(table)
    console.out.print(_protocol(result.cards))
    console.out.print(f"{seconds:.1f} s")
    for path in files:
        console.out.print(f"  {path}", soft_wrap=True)


def _overall(result: Evaluation) -> Table:
    """All models, each figure with its difference from the one its card states; the paper's table below."""
    means, card = result.table(), result.cards[0]
    table = _table(f"{card.dataset} {card.split}, mm", "model", means.columns)
    for number, (model, row) in enumerate(means.iterrows()):
        differences = result.differences(number)
        cells = [
            f"{row[name]:.1f}" + (f" ({_signed(differences[str(name)])})" if name in differences else "")
            for name in means.columns[1:]
        ]
        table.add_row(str(model), f"{row['samples']:.0f}", *cells, style="bold")
    if result.published is not None:
        table.add_section()
        table.add_row(f"published: {result.published.source}", style="italic")
        for line in result.published.rows:
            known = [line.by_title().get(str(name)) for name in means.columns[1:]]
            table.add_row(line.method, "", *("-" if value is None else f"{value:.1f}" for value in known))
    return table


def _protocol(cards: Sequence[ProtocolCard]) -> Table:
    """Every field of the cards that has a value, once where all models share it."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for card in cards:
        table.add_row("protocol", f"{card.hash} ({card.model_card})", style="bold")
    for name in type(cards[0]).model_fields:
        values = [_shown(getattr(card, name)) for card in cards]
        if len(set(values)) > 1:
            values = [f"{value} ({card.model_card})" for value, card in zip(values, cards, strict=True)]
        for value in dict.fromkeys(values):
            if value:
                table.add_row(name.replace("_", " "), value)
    return table


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return "" if value is None else str(value)


def _signed(value_mm: float) -> str:
    """A difference with its sign; what rounds to nothing is +0.0."""
    return f"{round(value_mm, 1) + 0.0:+.1f}"


def _table(title: str, first: str, numbers: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for name in numbers:
        table.add_column(name, justify="right")
    return table
