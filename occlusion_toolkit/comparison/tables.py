"""The tables of a comparison: CSV with every number, LaTeX with those that go into a paper."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from occlusion_toolkit.comparison.significance import FEWEST_SEQUENCES, SIGNIFICANCE
from occlusion_toolkit.comparison.stored import StoredComparison
from occlusion_toolkit.files.atomic import write_text

_LATEX_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
}


@dataclass(frozen=True)
class Cell:
    """A mean in a table.

    Attributes:
        mean: the number.
        low: lower end of its 95 % interval; NaN where there is none.
        high: upper end.
        best: the smallest of all models, where they are not all equal.
        worse: significantly larger than the smallest (permutation test over sequences, adjusted over joints).
    """

    mean: float
    low: float
    high: float
    best: bool
    worse: bool


def cells(comparison: StoredComparison, quantity: str, column: str) -> list[Cell]:
    """One cell per model, in their order.

    Args:
        comparison: the numbers.
        quantity: name of a quantity.
        column: name of a joint, or "mean".
    """
    position = comparison.columns.index(column)
    found = [model.quantities[quantity] for model in comparison.models]
    means = [interval.mean[position] for interval in found]
    best = min(range(len(means)), key=means.__getitem__)
    names = [model.name for model in comparison.models]
    return [
        Cell(
            mean=interval.mean[position],
            low=interval.low[position],
            high=interval.high[position],
            best=index == best and max(means) > means[best],
            worse=index != best and _differ(comparison, names[index], names[best], quantity, position),
        )
        for index, interval in enumerate(found)
    ]


def write_tables(comparison: StoredComparison, folder: Path) -> list[Path]:
    """Writes all tables into an existing folder: models.csv, differences.csv, models.tex and joints.tex.

    Raises:
        ResultError: a file cannot be written.
    """
    tables = {
        "models.csv": models_csv(comparison),
        "differences.csv": differences_csv(comparison),
        "models.tex": models_latex(comparison),
        "joints.tex": joints_latex(comparison, "occluded"),
    }
    for name, text in tables.items():
        write_text(folder / name, text)
    return [folder / name for name in tables]


def models_csv(comparison: StoredComparison) -> str:
    """Every number of every model: one line per model, quantity and joint."""
    lines: list[Sequence[object]] = [("model", "quantity", "unit", "joint", "mean", "low_95", "high_95")]
    for model in comparison.models:
        for quantity in comparison.quantities:
            interval = model.quantities[quantity.name]
            for joint, *numbers in zip(
                comparison.columns, interval.mean, interval.low, interval.high, strict=True
            ):
                lines.append((model.name, quantity.name, quantity.unit, joint, *map(_plain, numbers)))
    return _csv(lines)


def differences_csv(comparison: StoredComparison) -> str:
    """Every difference between two models: one line per pair, quantity and joint."""
    lines: list[Sequence[object]] = [
        (
            *("first", "second", "quantity", "joint", "first_minus_second", "low_95", "high_95"),
            *("p_permutation", "q_over_joints", "p_t_sequences", "p_t_frames", "effect_d", "share_smaller"),
        )
    ]
    for pair in comparison.pairs:
        for name, found in pair.differences.items():
            rows = (
                *(found.interval.mean, found.interval.low, found.interval.high, found.p_permutation, found.q),
                *(found.p_t_sequences, found.p_t_frames, found.effect, found.share_smaller),
            )
            for joint, *numbers in zip(comparison.columns, *rows, strict=True):
                lines.append((pair.first, pair.second, name, joint, *map(_plain, numbers)))
    return _csv(lines)


def models_latex(comparison: StoredComparison) -> str:
    """A booktabs table: a row per model, a column per quantity, all of the mean over joints."""
    quantities = comparison.quantities
    titles = " & ".join(f"{_escaped(q.title)} ({_escaped(q.unit)})" for q in quantities)
    columns = {q.name: cells(comparison, q.name, comparison.columns[-1]) for q in quantities}
    rows = [
        " & ".join([_escaped(model.name), *(_latex_cell(columns[q.name][index]) for q in quantities)])
        for index, model in enumerate(comparison.models)
    ]
    return _tabular("l" + "c" * len(quantities), f"model & {titles}", rows, comparison)


def joints_latex(comparison: StoredComparison, quantity: str) -> str:
    """A booktabs table of one quantity: a row per joint and one for their mean, a column per model."""
    rows = [
        " & ".join(
            [
                _escaped(joint.replace("_", " ")),
                *(_latex_cell(cell) for cell in cells(comparison, quantity, joint)),
            ]
        )
        for joint in comparison.columns
    ]
    rows[-1] = r"\midrule" + "\n" + rows[-1]
    header = " & ".join(["joint", *(_escaped(model.name) for model in comparison.models)])
    return _tabular("l" + "c" * len(comparison.models), header, rows, comparison)


def explanation(comparison: StoredComparison) -> str:
    """What the numbers and marks of a table mean, in words."""
    aligned = " after Procrustes alignment" if comparison.aligned else ""
    of_what = f"Mean {comparison.read_out}{aligned} over {counted(comparison)}"
    if comparison.sequences < FEWEST_SEQUENCES:
        return (
            f"{of_what}. Bold: the smallest. No intervals and no marks: {FEWEST_SEQUENCES} sequences or more "
            f"are needed to say anything at p < {SIGNIFICANCE}."
        )
    return (
        f"{of_what}, with 95 % intervals from resampling sequences. "
        "Bold: the smallest. *: significantly larger than the smallest (permutation test over sequences, "
        f"p < {SIGNIFICANCE}; per joint adjusted for their number, Benjamini-Hochberg)."
    )


def counted(comparison: StoredComparison) -> str:
    """How many samples of how many sequences, in words."""
    frames = "1 sample" if comparison.frames == 1 else f"{comparison.frames} samples"
    sequences = "1 sequence" if comparison.sequences == 1 else f"{comparison.sequences} sequences"
    return f"{frames} of {sequences}"


def _differ(comparison: StoredComparison, one: str, other: str, quantity: str, position: int) -> bool:
    for pair in comparison.pairs:
        if {pair.first, pair.second} == {one, other}:
            return pair.differences[quantity].q[position] < SIGNIFICANCE
    return False


def _tabular(layout: str, header: str, rows: list[str], comparison: StoredComparison) -> str:
    body = " \\\\\n".join(rows)
    note = _escaped(explanation(comparison)).replace("*:", "$^{*}$:")
    return (
        f"\\begin{{tabular}}{{{layout}}}\n\\toprule\n{header} \\\\\n\\midrule\n"
        f"{body} \\\\\n\\bottomrule\n\\end{{tabular}}\n"
        f"\\par\\smallskip\n\\parbox{{\\linewidth}}{{\\footnotesize {note}}}\n"
    )


def _latex_cell(cell: Cell) -> str:
    number = _signed(cell.mean)
    if cell.best:
        number = rf"\textbf{{{number}}}"
    mark = "$^{*}$" if cell.worse else ""
    interval = (
        "" if math.isnan(cell.low) else rf" {{\scriptsize [{_signed(cell.low)}, {_signed(cell.high)}]}}"
    )
    return number + mark + interval


def _signed(number: float) -> str:
    return f"{number:.1f}".replace("-", "$-$")


def _escaped(text: str) -> str:
    return "".join(_LATEX_SPECIAL.get(character, character) for character in text)


def _plain(number: float) -> str:
    return "" if math.isnan(number) else f"{number:.6g}"


def _csv(lines: list[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()
