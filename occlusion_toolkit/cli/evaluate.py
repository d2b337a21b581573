"""`occlusion-toolkit evaluate`: MPJPE, PA-MPJPE and PVE of models on a data set (PARE, Tables 1 and 2)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import rich_click as click

from occlusion_toolkit.cli import console
from occlusion_toolkit.cli.body_options import BodyOptions, body_options
from occlusion_toolkit.cli.dataset_options import dataset_options
from occlusion_toolkit.cli.help import examples
from occlusion_toolkit.cli.interruption import when_interrupted
from occlusion_toolkit.cli.sweep_options import gt_gender_option

if TYPE_CHECKING:
    from rich.table import Table

    from occlusion_toolkit.data.people import People
    from occlusion_toolkit.data.protocol import GenderRule, Protocol
    from occlusion_toolkit.evaluation.evaluation import Evaluation

_SHOWN_SEQUENCES = 100
_SHOWN_MODELS = 5


@click.command(
    epilog=examples(
        "evaluate --model pare-open --model hmr-open",
        "evaluate --model pare --dataset 3dpw --root /data/3dpw --latex",
    )
)
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
@gt_gender_option
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
@console.verbose_option
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON instead of tables.")
@click.option("--latex", is_flag=True, help="Print the table as LaTeX (booktabs) instead.")
def evaluate(
    models: tuple[str, ...],
    joints: str,
    true_gender: GenderRule | None,
    pve_align: Literal["none", "pelvis"],
    metrics: tuple[str, ...],
    body: BodyOptions,
    device: str,
    batch_size: int | None,
    out: Path,
    verbose: bool,
    as_json: bool,
    latex: bool,
    **dataset: Any,
) -> None:
    """Measure how far models are from the ground truth of a data set, on clean images.

    Every model is measured by the rules of its own paper unless options say otherwise. Writes the errors of
    every sample into the output folder, a file for each model; a run that was stopped goes on from
    there when the same line is given again.
    """
    if as_json and latex:
        raise click.UsageError("Give --json or --latex, not both.")
    from occlusion_toolkit.cli.dataset_options import chosen_filter, chosen_people
    from occlusion_toolkit.evaluation.evaluation import result_path
    from occlusion_toolkit.evaluation.run import evaluate as run
    from occlusion_toolkit.models.registry import load_card
    from occlusion_toolkit.sweep.measure import metrics_with

    opened: dict[str | None, People] = {}

    def people(protocol: Protocol) -> People:
        key = chosen_filter(**dataset, protocols=[protocol])
        if key not in opened:
            opened[key] = chosen_people(**dataset, protocols=[protocol])
        return opened[key]

    names = list(dict.fromkeys(models))
    bodies = body.bodies(*map(load_card, names))
    started = time.perf_counter()
    when_interrupted("what was measured is kept")
    with console.progress("people") as report:
        result = run(
            names,
            people,
            metrics=metrics_with(*metrics),
            joints=joints,
            true_gender=true_gender,
            pve_alignment=pve_align,
            device=device,
            batch_size=batch_size,
            bodies=bodies,
            out=out,
            progress=report,
        )
    seconds = time.perf_counter() - started
    files = [result_path(out, card) for card in result.cards]
    if as_json:
        shown: dict[str, Any] = {"seconds": seconds, "files": [str(path) for path in files]}
        console.print_json(result.as_json() | shown)
    elif latex:
        click.echo(result.latex())
    else:
        _print(result, seconds, files, verbose)


def _print(result: Evaluation, seconds: float, files: Sequence[Path], verbose: bool) -> None:
    """Prints all models in one table; where all is wanted, each by sequence and joint, and the protocol."""
    show = console.out.print
    show(_overall(result))
    references = {
        f"in brackets: difference from the {figure.origin} figure ({figure.reference}; {figure.protocol})"
        for stated in result.stated
        for figure in stated.values()
    }
    for line in sorted(references):
        show(line)
    for card, lines in zip(result.cards, result.not_compared, strict=True):
        for metric, line in lines.items():
            show(f"{card.model_card}, {metric} of {line}")
    if not verbose:
        for number, card in enumerate(result.cards[:_SHOWN_MODELS]):
            show(_worst(result, number, card.model_card))
        console.print_files(files)
        show("--verbose prints sequences, joints and protocols; the files have every sample.")
        return
    for number, card in enumerate(result.cards):
        sequences = result.by_sequence(number)
        title = f"{card.model_card} by sequence, mm"
        if (hidden := len(sequences) - _SHOWN_SEQUENCES) > 0:
            title += f" (--json gives {hidden} more)"
        show(console.frame_table(sequences.head(_SHOWN_SEQUENCES), title, "sequence"))
        show(console.frame_table(result.by_joint(number), f"{card.model_card} by joint, mm", "joint"))
    for name in type(result.cards[0]).model_fields:
        values = [_shown(getattr(card, name)) for card in result.cards]
        if len(set(values)) > 1:
            values = [
                f"{value} ({card.model_card})" for value, card in zip(values, result.cards, strict=True)
            ]
        for value in filter(None, dict.fromkeys(values)):
            show(f"{name.replace('_', ' ')}: {value}")
    for card in result.cards:
        show(f"protocol {card.hash} ({card.model_card})")
    show(f"{seconds:.1f} s")
    console.print_files(files, verbose=True)


def _worst(result: Evaluation, number: int, model: str) -> str:
    """The joint and the sequence that a model is worst at, by the first metric."""
    said = []
    for frame, kind in ((result.by_joint(number), "joint"), (result.by_sequence(number), "sequence")):
        column = next(name for name in frame.columns if frame[name].dtype.kind == "f")
        worst = frame[column].idxmax()
        said.append(f"worst {kind} {str(worst).replace('_', ' ')}, {frame[column][worst]:.0f} mm")
    return f"{model}: {'; '.join(said)}"


def _overall(result: Evaluation) -> Table:
    """All models, each figure with its difference from the one its card states; the paper's table below."""
    means, card = result.table(), result.cards[0]
    texts = means.astype(object)
    for number in range(len(means)):
        for metric, difference in result.differences(number).items():
            column = means.columns.get_loc(metric)
            # What rounds to nothing is +0.0.
            texts.iloc[number, column] = (
                f"{means.iloc[number, column]:.1f} ({round(difference, 1) + 0.0:+.1f})"
            )
    table = console.frame_table(texts, f"{card.dataset} {card.split}, mm", "model")
    if result.published is not None:
        table.add_section()
        table.add_row(f"published: {result.published.source}, {result.published.protocol}", style="italic")
        for line in result.published.rows:
            known = [line.by_title().get(str(name)) for name in means.columns[1:]]
            table.add_row(line.method, "", *("-" if value is None else f"{value:.1f}" for value in known))
    return table


def _shown(value: object) -> str:
    """A field of a protocol card in words; "" where it has nothing to say."""
    if isinstance(value, dict):
        value = tuple(f"{key} {item}" for key, item in value.items())
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
