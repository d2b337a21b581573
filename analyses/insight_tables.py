"""The tables of docs/influence.md, docs/reversals.md and docs/natural.md, from results of `run insight`.

occlusion-toolkit run insight
python analyses/insight_tables.py out/paper/open
"""

from collections.abc import Mapping
from pathlib import Path

import click

from occlusion_toolkit.errors import OcclusionToolkitError, UsageError
from occlusion_toolkit.flips.reversals import Reversals
from occlusion_toolkit.influences.influence import Influence
from occlusion_toolkit.influences.rule import COVERED
from occlusion_toolkit.natural_occlusion.natural import NaturalOcclusion

Cell = Mapping[str, float | None]


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Print the Markdown tables of FOLDER, in which influence/, reversals/ and natural/ are."""
    found = {name: sorted((folder / name).glob("*.h5")) for name in ("influence", "reversals", "natural")}
    if empty := [name for name, files in found.items() if not files]:
        raise UsageError(
            f"{str(folder)!r} has no results of {', '.join(empty)}; run `occlusion-toolkit run insight`"
        )
    influence([Influence.open(path) for path in found["influence"]])
    reversals([Reversals.open(path) for path in found["reversals"]])
    natural([NaturalOcclusion.open(path) for path in found["natural"]])


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
