"""What `occlusion-toolkit evaluate` shows."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from occlusion_toolkit.evaluation.published import PublishedTable
from occlusion_toolkit.evaluation.summary import EvaluationSummary, MeanErrors
from occlusion_toolkit.sweep.protocol import ProtocolCard

_out = Console(highlight=False, emoji=False, markup=False)

_METRICS = ("MPJPE", "PA-MPJPE", "PVE")

_SHOWN_SEQUENCES = 100


def print_evaluation(
    summaries: Sequence[EvaluationSummary],
    published: PublishedTable | None,
    seconds: float,
    files: Sequence[Path],
) -> None:
    """Prints, per model, the tables by sequence and by joint; then all models in one; then the protocol."""
    for summary in summaries:
        _out.print(_by_sequence(summary))
        _out.print(_by_joint(summary))
    _out.print(_overall(summaries, published))
    for line in _references(summaries):
        _out.print(line)
    _out.print(_protocol([summary.card for summary in summaries]))
    _out.print(f"{seconds:.1f} s")
    for path in files:
        _out.print(f"  {path}", soft_wrap=True)


def as_json(
    summaries: Sequence[EvaluationSummary],
    published: PublishedTable | None,
    seconds: float,
    files: Sequence[Path],
) -> dict[str, Any]:
    """The same content as plain types."""
    return {
        "models": [summary.as_json() for summary in summaries],
        "published": None if published is None else asdict(published),
        "seconds": seconds,
        "files": [str(path) for path in files],
    }


def _by_sequence(summary: EvaluationSummary) -> Table:
    table = _table(f"{summary.card.model_card} by sequence, mm", "sequence", "samples", *_METRICS)
    for name, means in list(summary.sequences.items())[:_SHOWN_SEQUENCES]:
        table.add_row(name, str(means.samples), *(f"{value:.1f}" for value in _values(means)))
    if (hidden := len(summary.sequences) - _SHOWN_SEQUENCES) > 0:
        table.caption = f"and {hidden} more (--json gives all)"
    return table


def _by_joint(summary: EvaluationSummary) -> Table:
    table = _table(f"{summary.card.model_card} by joint, mm", "joint", "MPJPE", "PA-MPJPE")
    for name, means in summary.joints.items():
        table.add_row(name.replace("_", " "), f"{means.mpjpe_mm:.1f}", f"{means.pa_mpjpe_mm:.1f}")
    return table


def _overall(summaries: Sequence[EvaluationSummary], published: PublishedTable | None) -> Table:
    """All models, each figure with its difference from the one its card states; the paper's table below."""
    card = summaries[0].card
    table = _table(f"{card.dataset} {card.split}, mm", "model", "samples", *_METRICS)
    for summary in summaries:
        cells = []
        for metric, value in zip(_METRICS, _values(summary.overall), strict=True):
            stated = summary.comparisons.get(metric)
            cells.append(f"{value:.1f}" + ("" if stated is None else f" ({_signed(stated.difference_mm)})"))
        table.add_row(summary.card.model_card, str(summary.overall.samples), *cells, style="bold")
    if published is not None:
        table.add_section()
        table.add_row(f"published: {published.source}", style="italic")
        for row in published.rows:
            values = (row.mpjpe_mm, row.pa_mpjpe_mm, row.pve_mm)
            table.add_row(row.method, "", *("-" if value is None else f"{value:.1f}" for value in values))
    return table


def _references(summaries: Sequence[EvaluationSummary]) -> list[str]:
    """What the differences in brackets are from."""
    lines = {
        f"in brackets: difference from the {stated.origin} figure ({stated.reference})": None
        for summary in summaries
        for stated in summary.comparisons.values()
    }
    return list(lines)


def _protocol(cards: Sequence[ProtocolCard]) -> Table:
    """Every field of the cards that has a value, once where all models share it."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for card in cards:
        table.add_row("protocol", f"{card.hash} ({card.model_card})", style="bold")
    for name in ProtocolCard.model_fields:
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


def _values(means: MeanErrors) -> tuple[float, float, float]:
    return means.mpjpe_mm, means.pa_mpjpe_mm, means.pve_mm


def _table(title: str, first: str, *numbers: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for name in numbers:
        table.add_column(name, justify="right")
    return table
