"""The tables of docs/influence.md, reversals.md, natural.md, confidence.md, breaking-size.md, worst-pair.md.

They are made from results of `run insight`, those that are there:

occlusion-toolkit run insight
python analyses/insight_tables.py out/paper/open
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import pandas as pd

from occlusion_toolkit.breaking_sizes.breaking_size import BreakingSize
from occlusion_toolkit.breaking_sizes.table import pairs_table as breaking_size_pairs
from occlusion_toolkit.comparison.interval_cells import text
from occlusion_toolkit.confidences.confidence import EVERY, PERSON, UNDER, Confidence
from occlusion_toolkit.errors import OcclusionToolkitError, UsageError
from occlusion_toolkit.flips.reversals import Reversals
from occlusion_toolkit.influences.influence import Influence
from occlusion_toolkit.influences.rule import COVERED
from occlusion_toolkit.natural_occlusion.natural import NaturalOcclusion
from occlusion_toolkit.worst_pairs.table import pairs_table as worst_pair_pairs
from occlusion_toolkit.worst_pairs.worst_pair import WorstPair

Cell = Mapping[str, float | None]


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Print the Markdown tables of FOLDER, in which influence/, reversals/, ... are."""
    found = {name: sorted((folder / name).glob("*.h5")) for name in TABLES}
    if not any(found.values()):
        raise UsageError(
            f"{str(folder)!r} has no results of {', '.join(found)}; run `occlusion-toolkit run insight`"
        )
    for name, (kind, make) in TABLES.items():
        if found[name]:
            make([kind.open(path) for path in found[name]])


def influence(models: list[Influence]) -> None:
    """What windows over each kind of place add, for joints in and out of sight, and the strongest cells."""
    rows(
        "model",
        [*(f"{name}, mm" for name in COVERED), "remote share of all that is added", "cells, q < 0.05"],
    )
    for one in models:
        told = one.summary()
        over = told["windows_over"]
        cells = [interval(over[name], "increase_mm", "low_mm", "high_mm") for name in COVERED]
        share = interval(over["remote"], "share_of_increase", "share_low", "share_high", digits=0)
        row(told["model"], [*cells, f"{share} %", f"{told['cells_significant']} of {told['cells_tested']}"])
    rows("model, joints", [f"{name}, mm" for name in COVERED])
    for one in models:
        data = one.dataset.sel(joint="mean")
        for sight in ("seen", "hidden"):
            means, low, high = (
                data[f"covered_{name}"].sel(sight=sight) for name in ("increase", "low", "high")
            )
            cells = [
                f"{float(means.sel(covered=name)):.1f} ({float(low.sel(covered=name)):.1f} to "
                f"{float(high.sel(covered=name)):.1f})"
                for name in COVERED
            ]
            row(f"{one.card.model_card}, {'in' if sight == 'seen' else 'out of'} sight", cells)
    rows("model", ["the largest cells (hidden part: joint, mm)"])
    for one in models:
        frame = one.cells()
        frame = frame[(frame["joint"] != "mean") & (frame["q"] < 0.05)].nlargest(5, "increase_mm")
        strongest = [
            f"{cell.part}: {cell.joint} {cell.increase_mm:.0f} ({cell.part_is})"
            for cell in frame.itertuples()
        ]
        row(one.card.model_card, ["; ".join(strongest).replace("_", " ")])


def reversals(models: list[Reversals]) -> None:
    """How often, and how much of the error."""
    titles = [
        "windows, %",
        "people with any, %",
        "share of mean error, %",
        "share of worst window's error, %",
    ]
    rows("model, reversed against", [*titles, "mean, without, mm", "worst, without, mm", "clean reversed, %"])
    for one in models:
        told = one.summary()
        for against, kinds in told["against"].items():
            cell = kinds["either"]
            numbers = [
                interval(cell[name], "mean", "low", "high")
                for name in ("windows", "images", "mean_share", "worst_share")
            ]
            errors = [
                f"{cell[name]['all']:.1f}, {cell[name]['without']:.1f}" for name in ("mean_mm", "worst_mm")
            ]
            row(f"{told['model']}, {against}", [*numbers, *errors, f"{told['clean_reversed_percent']:.1f}"])
    rows(
        "model",
        ["turned, % of windows", "swapped", "hidden part: % of its windows", "worst place (row, col): %"],
    )
    for one in models:
        told = one.summary()
        parts = sorted(told["hidden_part_percent"].items(), key=lambda item: -item[1])[:4]
        where = told["where"]
        row(
            told["model"],
            [
                *(
                    interval(told["against"]["clean"][kind]["windows"], "mean", "low", "high")
                    for kind in ("turned", "swapped")
                ),
                ", ".join(f"{name} {rate:.1f}" for name, rate in parts).replace("_", " "),
                "none" if where is None else f"({where['row']:.0f}, {where['col']:.0f}): {where['rate']:.0f}",
            ],
        )


def natural(models: list[NaturalOcclusion]) -> None:
    """Errors of joints by what hides them, and how well squares predict them."""
    states = ("seen", "body", "hidden", "square", "uncovered")
    rows("model", [f"{name}, mm" for name in states])
    for one in models:
        told = one.summary()["states"]
        row(
            one.card.model_card,
            [
                f"{interval(told[s], 'mean_mm', 'low_mm', 'high_mm')}, {told[s]['joints']} joints"
                for s in states
            ],
        )
    rows(
        "model",
        ["rank correlation, error", "rank correlation, increase", "hidden minus square, mm", "verdict"],
    )
    for one in models:
        told = one.agreement
        cells = [
            interval(told[name], "mean", "low", "high", digits=2) for name in ("rank_error", "rank_increase")
        ]
        missed = interval(told["hidden_minus_square_mm"], "mean", "low", "high")
        row(one.card.model_card, [*cells, missed, one.verdict.split(":")[0]])


def confidence(models: list[Confidence]) -> None:
    """What confidence gains, its ranks, failures at chosen coverages, joint by joint, and the verdict."""
    shares = [f"{share:g}" for share in models[0].dataset["chosen"].values]
    over = f"over {models[0].over_mm:g} mm, %: all"
    titles = ["mean, area, best, mm", "gained, %", "rank, error", "rank, displacement", over]
    rows("confidence, entries", [*titles, *(f"surest {100 * float(share):g} %" for share in shares)])
    for one in models:
        told = one.summary()
        for under in UNDER:
            for joint in (EVERY, PERSON):
                cell = told[under][joint]
                ranks = [
                    interval(cell[f"rank_{name}"], "mean", "low", "high", digits=2)
                    for name in ("error", "displacement")
                ]
                over_cells = [
                    interval(cell["over_percent"][share], "mean", "low", "high", digits=0)
                    for share in ("1", *shares)
                ]
                areas = ", ".join(f"{cell[name]['mean']:.0f}" for name in ("mean", "area", "best"))
                gained = interval(cell["gained"], "mean", "low", "high", digits=0)
                row(f"{one.name}, {joint}, {under}", [areas, gained, *ranks, *over_cells])
    rows("joint, gained under squares, %", [one.name for one in models])
    for joint in models[0].joints[:-2]:
        gained = [one.number("gained", joint=joint) for one in models]
        row(joint.replace("_", " "), [interval(cell, "mean", "low", "high", digits=0) for cell in gained])
    rows("confidence", ["surest half minus all, over the threshold, points", "verdict"])
    for one in models:
        row(one.name, [interval(one.number("half"), "mean", "low", "high"), one.verdict])


def breaking_size(models: list[BreakingSize]) -> None:
    """What squares of every size do, and every two models."""
    sizes = models[0].sizes
    rows("model, mean of places, mm", [f"{size} px" for size in sizes])
    for one in models:
        told = one.summary()["sizes"]
        row(one.card.model_card, [text(told[str(size)]["dose_mm"]) for size in sizes])
    rows("model, places broken so far, %", [f"{size} px" for size in sizes])
    for one in models:
        told = one.summary()["sizes"]
        row(one.card.model_card, [text(told[str(size)]["broken"]) for size in sizes])
    rows("model, people broken so far, %", [f"{size} px" for size in sizes])
    for one in models:
        told = one.summary()["sizes"]
        row(one.card.model_card, [text(told[str(size)]["people_broken"], 0) for size in sizes])
    rows("model", ["area, mm", "a larger square hurts less, % of places", "no longer breaks, % of broken"])
    for one in models:
        told = one.summary()
        row(one.card.model_card, [text(told[name]) for name in ("area_mm", "less_share", "recovers")])
    paired(breaking_size_pairs({one.card.model_card: one for one in models}))


def worst_pair(models: list[WorstPair]) -> None:
    """The worst square, the worst pair, and every two models."""
    rows("model", list(models[0].table().index))
    for one in models:
        row(one.card.model_card, list(one.table()["mean"]))
    paired(worst_pair_pairs({one.card.model_card: one for one in models}))


def paired(table: pd.DataFrame) -> None:
    """A table of pairs of models, if there are any."""
    if len(table):
        rows("first - second", list(table.columns))
        for name, cells in table.iterrows():
            row(str(name), list(cells))


TABLES: dict[str, tuple[Any, Callable[[list[Any]], None]]] = {
    "influence": (Influence, influence),
    "reversals": (Reversals, reversals),
    "natural": (NaturalOcclusion, natural),
    "confidence": (Confidence, confidence),
    "breaking-size": (BreakingSize, breaking_size),
    "worst-pair": (WorstPair, worst_pair),
}
"""Folder of an analysis, what its files hold, and what prints them."""


def interval(cell: Cell, mean: str, low: str, high: str, digits: int = 1) -> str:
    """A mean with its interval."""
    middle, bottom, top = cell[mean], cell[low], cell[high]
    if middle is None:
        return ""
    ends = "" if bottom is None or top is None else f" ({bottom:.{digits}f} to {top:.{digits}f})"
    return f"{middle:.{digits}f}{ends}"


def rows(first: str, columns: list[str]) -> None:
    """The head of a table."""
    click.echo(f"\n| {' | '.join([first, *columns])} |\n|{'---|' * (len(columns) + 1)}")


def row(name: str, cells: list[str]) -> None:
    """A line of a table."""
    click.echo(f"| {' | '.join([name, *cells])} |")


if __name__ == "__main__":
    try:
        main()
    except OcclusionToolkitError as error:
        raise SystemExit(f"error: {error}") from error
