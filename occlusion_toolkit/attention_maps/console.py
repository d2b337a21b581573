"""What `occlusion-toolkit attention` shows."""

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from occlusion_toolkit.attention_maps.table import AttentionFigures, AttentionSummary, PartAttention

_out = Console(highlight=False, emoji=False, markup=False)


def print_attention(summary: AttentionSummary, files: list[Path]) -> None:
    """Prints the table of the parts, and the means over those the occluder hides and those it spares."""
    occluded = any(part.occluded for part in summary.parts)
    table = Table(
        title=f"{summary.model} on {summary.image}: part attention, % of each map", title_justify="left"
    )
    table.add_column("part")
    columns = ["of the crop", "on the part", "spread"]
    if occluded:
        columns[1:1] = ["hidden"]
        columns += ["on the part,\noccluded", "spread,\noccluded"]
    for name in columns:
        table.add_column(name, justify="right")
    for part in summary.parts:
        hidden = [_percent(part.hidden)] if occluded else []
        table.add_row(
            part.part.replace("_", " "),
            _percent(part.area),
            *hidden,
            *_figures(part.clean),
            *(_figures(part.occluded) if part.occluded else []),
        )
    _out.print(table)
    for name, parts in (("hidden", summary.hidden), ("untouched", summary.untouched)):
        if parts:
            _out.print(f"mean of {len(parts)} {name} parts: {_means(parts)}")
    _out.print(f"protocol {summary.protocol}")
    for path in files:
        click.echo(f"  {path}")


def _means(parts: tuple[PartAttention, ...]) -> str:
    clean = [part.clean for part in parts]
    under = [part.occluded for part in parts if part.occluded is not None]
    on_part = [_mean([figures.on_part for figures in both]) for both in (clean, under)]
    spread = [_mean([figures.spread for figures in both]) for both in (clean, under)]
    return f"on the part {' -> '.join(on_part)} %, spread {' -> '.join(spread)} %"


def _mean(shares: list[float] | list[float | None]) -> str:
    known = [share for share in shares if share is not None]
    return _percent(sum(known) / len(known) if known else None)


def _figures(figures: AttentionFigures) -> list[str]:
    return [_percent(figures.on_part), _percent(figures.spread)]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
