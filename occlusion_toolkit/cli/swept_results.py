"""What commands share that sweep by themselves: the models' sweeps, and how their results are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from occlusion_toolkit.cli import console
from occlusion_toolkit.cli.body_options import BodyOptions
from occlusion_toolkit.cli.image_or_people import ImageOrPeople
from occlusion_toolkit.cli.sweep_options import SeveralSweeps

if TYPE_CHECKING:
    from occlusion_toolkit.comparison.insights import DrawnInsight
    from occlusion_toolkit.comparison.swept_result import SweptResult
    from occlusion_toolkit.data.people import People
    from occlusion_toolkit.find.crop import Crop
    from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep


def sweeps_of(
    who: ImageOrPeople, sweeps: SeveralSweeps, body: BodyOptions, joint: str | None, metric: str | None
) -> tuple[list[tuple[OcclusionSweep, Crop | People]], str]:
    """The sweep of every model with whom it sweeps, and the joint that is asked for or "mean".

    Raises:
        OcclusionToolkitError: a model, the image or the data set cannot be used.
    """
    from occlusion_toolkit.cli.selection import select_joints

    joint_set, names = select_joints(joint or "lsp14")
    models = sweeps.models or ("pare-open",)
    given = [sweeps.sweep(model, sweeps.sizes[0], body, joint_set, metric) for model in models]
    return list(zip(given, who.of(given), strict=True)), "mean" if joint is None else names[0]


def tell(
    name: str,
    found: Mapping[str, SweptResult],
    insight: DrawnInsight,
    pairs: Callable[[Any], Mapping[tuple[str, str], dict[str, Any]]],
    *,
    title: Callable[[Any], str],
    sentence: Callable[[Any], str],
    rows: str,
    paired: str,
    report: Path | None,
    out: Path,
    overwrite: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Write files and print tables, or JSON.

    Args:
        name: of the command and of its files.
        found: results by the models' names.
        insight: their section of a report page; its picture is written, its table is that of the pairs.
        pairs: plain numbers of every two models.
        title: of the table of a model, behind its name.
        sentence: what is told of a model.
        rows: title of the rows of a model's table.
        paired: title of the table of pairs.
        report: a page to write.
        out: folder for files.
        overwrite: replace another result there.
        verbose: print the tables of several models, too.
        as_json: print the summary as JSON instead.

    Raises:
        ResultError: a file cannot be written, or another result is there.
    """
    from occlusion_toolkit.cli.survey_results import save_results
    from occlusion_toolkit.comparison.tables import csv
    from occlusion_toolkit.files.atomic import write_text
    from occlusion_toolkit.report.results import write_insight_page

    tables = [one.images().assign(model=model) for model, one in found.items()]
    files = save_results(out, name, insight.figure, tables, found, overwrite=overwrite)
    several = len(found) > 1
    if several:
        files.append(out / "pairs.csv")
        write_text(files[-1], csv(insight.table.rename_axis("pair").reset_index()))
    if report is not None:
        cards = {model: one.card for model, one in found.items()}
        write_insight_page(report, insight, next(iter(found.values())).metric, cards)
        files.append(report)
    if as_json:
        numbers = [{"first": one, "second": other} | told for (one, other), told in pairs(found).items()]
        summaries = {model: one.summary() for model, one in found.items()}
        console.print_json({"models": summaries, "pairs": numbers, "files": [str(path) for path in files]})
        return
    for model, one in found.items():
        if verbose or not several:
            console.out.print(console.frame_table(one.table(), f"{model}: {title(one)}", rows))
        console.out.print(f"{model}: {sentence(one)}")
        console.warn(*one.notes)
    if several:
        console.out.print(console.frame_table(insight.table.T, paired))
        if not verbose:
            console.out.print("--verbose prints the tables of all models; the CSV files have every number.")
    console.print_files(files, verbose=verbose)
