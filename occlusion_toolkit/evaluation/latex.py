"""The table of an evaluation for a paper: LaTeX with booktabs."""

from collections.abc import Sequence

from occlusion_toolkit.evaluation.published import PublishedTable
from occlusion_toolkit.evaluation.summary import EvaluationSummary

_ESCAPED = str.maketrans({character: f"\\{character}" for character in "&%$#_{}"})


def latex_table(summaries: Sequence[EvaluationSummary], published: PublishedTable | None) -> str:
    """A `tabular` of means in millimetres; the published lines stand below the measured ones.

    Args:
        summaries: one per model, at least one.
        published: the paper's table of the same data set, where there is one.
    """
    card = summaries[0].card
    lines = [
        f"% {card.dataset} {card.split}; mm; \\usepackage{{booktabs}}",
        *(f"% {summary.card.model_card}: protocol {summary.card.hash}" for summary in summaries),
        r"\begin{tabular}{lrrr}",
        r"\toprule",
        r"Method & MPJPE $\downarrow$ & PA-MPJPE $\downarrow$ & PVE $\downarrow$ \\",
        r"\midrule",
        *(
            _line(summary.card.model_card, means.mpjpe_mm, means.pa_mpjpe_mm, means.pve_mm)
            for summary in summaries
            for means in (summary.overall,)
        ),
    ]
    if published is not None:
        lines += [r"\midrule", rf"\multicolumn{{4}}{{l}}{{\emph{{{published.source}}}}} \\"]
        lines += [_line(row.method, row.mpjpe_mm, row.pa_mpjpe_mm, row.pve_mm) for row in published.rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _line(name: str, *values_mm: float | None) -> str:
    cells = ["--" if value is None else f"{value:.1f}" for value in values_mm]
    return " & ".join([name.translate(_ESCAPED), *cells]) + r" \\"
