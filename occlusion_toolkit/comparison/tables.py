"""The tables of a comparison: frames with every number, LaTeX and texts with those that go into a paper."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from occlusion_toolkit.comparison.comparison import Comparison
from occlusion_toolkit.comparison.entries import SIZE_AREA, Pair
from occlusion_toolkit.comparison.significance import FEWEST_SEQUENCES, SIGNIFICANCE
from occlusion_toolkit.files.latex import booktabs, latex_escaped
from occlusion_toolkit.plotting.metric_text import joint_title, metric_text

_UNBROKEN = "\N{NO-BREAK SPACE}"  # between the ends of an interval, which a narrow column must not part
BEST = "•"  # bold alone is lost where output goes to a file


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

    @property
    def mark(self) -> str:
        """What stands behind the number."""
        return BEST if self.best else "*" if self.worse else " "

    def __str__(self) -> str:
        if math.isnan(self.mean):
            return ""
        return f"{self.mean:.1f}{self.mark}{_interval(self.low, self.high, '.1f')}"


def cells(comparison: Comparison, quantity: str, column: str) -> list[Cell]:
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
            worse=index != best and differ(comparison, names[index], names[best], quantity, position),
        )
        for index, interval in enumerate(found)
    ]


def differ(comparison: Comparison, one: str, other: str, quantity: str, position: int) -> bool:
    """Whether two models differ significantly in a quantity at a column."""
    return any(
        {pair.first, pair.second} == {one, other} and pair.differences[quantity].q[position] < SIGNIFICANCE
        for pair in comparison.pairs
    )


def quantities_table(comparison: Comparison, column: str) -> pd.DataFrame:
    """Texts: a row per quantity, a column per model, for a joint or the mean over joints."""
    rows = {q.heading: map(str, cells(comparison, q.name, column)) for q in comparison.quantities}
    return _by_model(comparison, rows)


def models_table(comparison: Comparison) -> pd.DataFrame:
    """Texts without intervals: a row per model, a column per quantity, of the mean over joints.

    What other analyses add is left out: with it a table is wider than a terminal.
    """
    columns = {
        q.title.replace(" ", "\n") + f"\n{q.unit}": [
            f"{cell.mean:.1f}{cell.mark}" for cell in cells(comparison, q.name, comparison.columns[-1])
        ]
        for q in comparison.quantities
        if q.analysis is None
    }
    return pd.DataFrame(columns, index=[model.name for model in comparison.models])


def pair_line(comparison: Comparison, pair: Pair, quantity: str) -> str:
    """The difference of two models in a quantity, mean over joints, in a line."""
    found = pair.differences[quantity]
    mean, low, high = (row[-1] for row in (found.interval.mean, found.interval.low, found.interval.high))
    p = _p(found.p_permutation[-1])
    tested = "" if not p else f", p {p if p.startswith('<') else f'= {p}'}"
    unit = comparison.quantity(quantity).unit
    interval = _interval(low, high, "+.1f").replace(_UNBROKEN, " ")
    return f"{pair.first} minus {pair.second}, {quantity}: {mean:+.1f} {unit}{interval}{tested}"


def joints_table(comparison: Comparison, quantity: str = "occluded") -> pd.DataFrame:
    """Texts: a row per joint and one for their mean, a column per model, of one quantity."""
    rows = {joint_title(joint): map(str, cells(comparison, quantity, joint)) for joint in comparison.columns}
    return _by_model(comparison, rows)


def pair_table(comparison: Comparison, pair: Pair) -> pd.DataFrame:
    """Texts: a row per quantity with its difference and tests, of the mean over joints."""
    headings = {q.name: q.heading for q in comparison.quantities} | {SIZE_AREA: "area over sizes [mm]"}
    rows = {}
    for name, found in pair.differences.items():
        mean, low, high = (row[-1] for row in (found.interval.mean, found.interval.low, found.interval.high))
        rows[headings[name]] = {
            "difference": "" if math.isnan(mean) else f"{mean:+.1f}{_interval(low, high, '+.1f')}",
            "p swap": _p(found.p_permutation[-1]),
            "p t": _p(found.p_t_sequences[-1]),
            "p t frames": _p(found.p_t_frames[-1]),
            "d": "" if math.isnan(found.effect[-1]) else f"{found.effect[-1]:+.2f}",
            "smaller in": "" if math.isnan(mean) else f"{100 * found.share_smaller[-1]:.0f} %",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def models_frame(comparison: Comparison) -> pd.DataFrame:
    """Every number of every model: one row per model, quantity and joint."""
    frames = []
    for model in comparison.models:
        for quantity in comparison.quantities:
            interval = model.quantities[quantity.name]
            facts = {"model": model.name, "quantity": quantity.name, "unit": quantity.unit}
            numbers = {"mean": interval.mean, "low_95": interval.low, "high_95": interval.high}
            frames.append(pd.DataFrame(facts | {"joint": comparison.columns} | numbers))
    return pd.concat(frames, ignore_index=True)


def differences_frame(comparison: Comparison) -> pd.DataFrame:
    """Every difference between two models: one row per pair, quantity and joint."""
    frames = []
    for pair in comparison.pairs:
        for name, found in pair.differences.items():
            facts = {"first": pair.first, "second": pair.second, "quantity": name}
            numbers = {
                "first_minus_second": found.interval.mean,
                "low_95": found.interval.low,
                "high_95": found.interval.high,
                "p_permutation": found.p_permutation,
                "q_over_joints": found.q,
                "p_t_sequences": found.p_t_sequences,
                "p_t_frames": found.p_t_frames,
                "effect_d": found.effect,
                "share_smaller": found.share_smaller,
            }
            frames.append(pd.DataFrame(facts | {"joint": comparison.columns} | numbers))
    return pd.concat(frames, ignore_index=True)


def tables(comparison: Comparison) -> dict[str, str]:
    """All tables as files, by name."""
    return {
        "models.csv": csv(models_frame(comparison)),
        "differences.csv": csv(differences_frame(comparison)),
        "models.tex": models_latex(comparison),
        "joints.tex": joints_latex(comparison, "occluded"),
    }


def csv(frame: pd.DataFrame) -> str:
    """A frame as CSV with six digits."""
    return str(frame.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def models_latex(comparison: Comparison) -> str:
    """A booktabs table: a row per model, a column per quantity of every survey, of the mean over joints."""
    quantities = [quantity for quantity in comparison.quantities if quantity.analysis is None]
    columns = [cells(comparison, q.name, comparison.columns[-1]) for q in quantities]
    rows = [
        " & ".join([latex_escaped(model.name), *map(_latex_cell, row)])
        for model, row in zip(comparison.models, zip(*columns, strict=True), strict=True)
    ]
    header = " & ".join(["model", *(latex_escaped(q.heading) for q in quantities)])
    return _with_note(booktabs("l" + "c" * len(columns), header, [rows]), comparison)


def joints_latex(comparison: Comparison, quantity: str) -> str:
    """A booktabs table of one quantity: a row per joint and one for their mean, a column per model."""
    rows = [
        " & ".join([latex_escaped(joint_title(joint)), *map(_latex_cell, cells(comparison, quantity, joint))])
        for joint in comparison.columns
    ]
    header = " & ".join(["joint", *(latex_escaped(model.name) for model in comparison.models)])
    return _with_note(
        booktabs("l" + "c" * len(comparison.models), header, [rows[:-1], rows[-1:]]), comparison
    )


def explanation(comparison: Comparison) -> str:
    """What the numbers and marks of a table mean, in words."""
    of_what = f"Mean {metric_text(comparison.metric)}, over {counted(comparison)}"
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


def counted(comparison: Comparison) -> str:
    """How many samples of how many sequences, in words."""
    frames = "1 sample" if comparison.frames == 1 else f"{comparison.frames} samples"
    sequences = "1 sequence" if comparison.sequences == 1 else f"{comparison.sequences} sequences"
    windows = ", windows that every model sees" if comparison.seen_only else ""
    return f"{frames} of {sequences}{windows}"


def _by_model(comparison: Comparison, rows: Mapping[str, Iterable[str]]) -> pd.DataFrame:
    return pd.DataFrame.from_dict(
        {name: list(row) for name, row in rows.items()},
        orient="index",
        columns=[model.name for model in comparison.models],
    )


def _interval(low: float, high: float, form: str) -> str:
    return "" if math.isnan(low) else f" [{low:{form}},{_UNBROKEN}{high:{form}}]"


def _p(value: float) -> str:
    return "" if math.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _with_note(tabular: str, comparison: Comparison) -> str:
    note = latex_escaped(explanation(comparison)).replace("*:", "$^{*}$:")
    return f"{tabular}\n\\par\\smallskip\n\\parbox{{\\linewidth}}{{\\footnotesize {note}}}\n"


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
