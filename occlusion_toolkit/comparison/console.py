"""What `compare` prints: models side by side, their differences, and what the marks mean."""

import math

from rich.console import Console
from rich.table import Table
from rich.text import Text

from occlusion_toolkit.comparison.stored import StoredComparison, StoredPair
from occlusion_toolkit.comparison.tables import Cell, cells, explanation

_out = Console(highlight=False, emoji=False, markup=False)

_JOINT_QUANTITY = "occluded"
_TESTS = (
    "p swap: permutation test, models swapped in whole sequences; p t: paired t-test over sequences; "
    "p t frames: over frames, as in the paper, too small; d: effect size; smaller in: share of sequences."
)
_UNBROKEN = "\N{NO-BREAK SPACE}"  # between the ends of an interval, which a narrow column must not part
_BEST = "•"  # bold alone is lost where output goes to a file


def print_comparison(comparison: StoredComparison) -> None:
    """Prints the tables of a comparison: models, the differences of each pair, joints."""
    _out.print(_models(comparison))
    for pair in comparison.pairs:
        _out.print(_differences(comparison, pair))
    _out.print(_joints(comparison))
    _out.print(_TESTS)
    _out.print(explanation(comparison).replace("Bold:", f"{_BEST}:"))
    for line in comparison.exceptions:
        _out.print(f"allowed difference of protocols: {line}")


def _models(comparison: StoredComparison) -> Table:
    table = _by_model(comparison, f"{comparison.read_out}, mean over joints")
    for quantity in comparison.quantities:
        found = cells(comparison, quantity.name, comparison.columns[-1])
        table.add_row(f"{quantity.title}, {quantity.unit}", *map(_cell, found))
    return table


def _joints(comparison: StoredComparison) -> Table:
    quantity = next(q for q in comparison.quantities if q.name == _JOINT_QUANTITY)
    table = _by_model(comparison, f"{quantity.title} per joint, {quantity.unit}")
    for joint in comparison.columns:
        if joint == comparison.columns[-1]:
            table.add_section()
        found = cells(comparison, quantity.name, joint)
        table.add_row(joint.replace("_", " "), *map(_cell, found))
    return table


def _by_model(comparison: StoredComparison, title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for model in comparison.models:
        table.add_column(model.name, justify="right")
    return table


def _differences(comparison: StoredComparison, pair: StoredPair) -> Table:
    titles = {quantity.name: f"{quantity.title}, {quantity.unit}" for quantity in comparison.quantities}
    table = Table(title=f"{pair.first} minus {pair.second}, mean over joints", title_justify="left")
    table.add_column("")
    for name in ("difference", "p swap", "p t", "p t frames", "d", "smaller in"):
        table.add_column(name, justify="right")
    for name, found in pair.differences.items():
        mean, low, high = (row[-1] for row in (found.interval.mean, found.interval.low, found.interval.high))
        interval = "" if math.isnan(low) else f" [{low:+.1f},{_UNBROKEN}{high:+.1f}]"
        table.add_row(
            titles.get(name, "area over sizes, mm"),
            f"{mean:+.1f}{interval}",
            *(_p(row[-1]) for row in (found.p_permutation, found.p_t_sequences, found.p_t_frames)),
            "" if math.isnan(found.effect[-1]) else f"{found.effect[-1]:+.2f}",
            f"{100 * found.share_smaller[-1]:.0f} %",
        )
    return table


def _cell(cell: Cell) -> Text:
    interval = "" if math.isnan(cell.low) else f" [{cell.low:.1f},{_UNBROKEN}{cell.high:.1f}]"
    mark = _BEST if cell.best else "*" if cell.worse else " "
    return Text(f"{cell.mean:.1f}{mark}{interval}", style="bold" if cell.best else "")


def _p(value: float) -> str:
    if math.isnan(value):
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
