"""`occlusion-toolkit worst-pair`: are two small things in front worse than one large one?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from occlusion_toolkit.cli import console
from occlusion_toolkit.cli.body_options import BodyOptions, body_options
from occlusion_toolkit.cli.help import examples
from occlusion_toolkit.cli.image_or_people import ImageOrPeople, image_or_people, report_option
from occlusion_toolkit.cli.interruption import when_interrupted
from occlusion_toolkit.cli.survey_results import result_options
from occlusion_toolkit.cli.sweep_options import SeveralSweeps, sweeps_options

if TYPE_CHECKING:
    from occlusion_toolkit.worst_pairs.worst_pair import WorstPair


@click.command(
    epilog=examples(
        "worst-pair photo.jpg",
        "worst-pair --model pare-open --model hmr-open --limit 24",
        "worst-pair photo.jpg --size 57 --stride 16 --out out/two-of-40",
    )
)
@image_or_people
@sweeps_options(stride=28)
@body_options
@click.option("--joint", help="Joint that is thrown off. Default: the mean over joints.")
@click.option(
    "--metric",
    help="What is made large: increase (default with ground truth), error, displacement (default without), "
    "pa_increase, …",
)
@click.option(
    "--beam",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="With how many first squares every second one is tried; as many as there are places try all pairs.",
)
@report_option
@result_options("out/worst-pair")
def worst_pair(
    who: ImageOrPeople,
    sweeps: SeveralSweeps,
    body: BodyOptions,
    joint: str | None,
    metric: str | None,
    beam: int,
    report: Path | None,
    out: Path,
    overwrite: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Find the two squares that together do most harm, against one of the same area.

    --size is the side of the single square; those of a pair are the largest that together cover no more: 28
    px for 40, 40 px for 57. Several models are paired on the same people.

    Writes worst-pair.png and .pdf, worst-pair.csv (every image), pairs.csv where there are two models, and
    MODEL.h5 for each into the output folder. What was found of each person stays there (people/MODEL), so
    that the same line goes on after an interruption.
    """
    if len(sweeps.sizes) > 1:
        raise click.UsageError("--size is one size here: the side of the single square.")
    from occlusion_toolkit.cli.selection import select_joints
    from occlusion_toolkit.cli.survey_results import save_results
    from occlusion_toolkit.comparison.insights import worst_pair_insight
    from occlusion_toolkit.comparison.results import names_of
    from occlusion_toolkit.comparison.tables import csv
    from occlusion_toolkit.files.atomic import write_text
    from occlusion_toolkit.report.results import write_insight_page
    from occlusion_toolkit.worst_pairs.figure import worst_pair_figure
    from occlusion_toolkit.worst_pairs.run import worst_pair as run
    from occlusion_toolkit.worst_pairs.table import pairs, pairs_table

    joint_set, names = select_joints(joint or "lsp14")
    models = sweeps.models or ("pare-open",)
    given = [sweeps.sweep(model, sweeps.sizes[0], body, joint_set, metric) for model in models]
    people = who.of(given)
    when_interrupted("finished people are kept")
    results: list[WorstPair] = []
    for sweep, whom in zip(given, people, strict=True):
        with console.progress(f"images, {sweep.model}") as progress:
            results.append(
                run(
                    sweep,
                    whom,
                    beam=beam,
                    metric=metric,
                    joint="mean" if joint is None else names[0],
                    keep=out / "people" / sweep.regressor.card.name,
                    progress=progress,
                )
            )
    found = dict(zip(names_of([one.card for one in results]), results, strict=True))
    tables = [one.images().assign(model=name) for name, one in found.items()]
    paired = pairs_table(found)
    files = save_results(
        out, "worst-pair", worst_pair_figure(found, body.bodies()), tables, found, overwrite=overwrite
    )
    if len(found) > 1:
        files.append(out / "pairs.csv")
        write_text(files[-1], csv(paired.rename_axis("pair").reset_index()))
    if report is not None:
        cards = {name: one.card for name, one in found.items()}
        write_insight_page(report, worst_pair_insight(found, body.bodies()), results[0].metric, cards)
        files.append(report)
    if as_json:
        differences = [{"first": one, "second": other} | told for (one, other), told in pairs(found).items()]
        summaries = {name: one.summary() for name, one in found.items()}
        console.print_json(
            {"models": summaries, "pairs": differences, "files": [str(path) for path in files]}
        )
        return
    for name, one in found.items():
        if verbose or len(found) == 1:
            console.out.print(console.frame_table(one.table(), f"{name}: {_measured(one)}"))
        console.out.print(f"{name}: {_sentence(one)}")
        console.warn(*one.notes)
    if len(found) > 1:
        console.out.print(console.frame_table(paired.T, "first minus second"))
        if not verbose:
            console.out.print("--verbose prints the tables of all models; the CSV files have every number.")
    console.print_files(files, verbose=verbose)


def _measured(found: WorstPair) -> str:
    from occlusion_toolkit.plotting.metric_text import joint_title, metric_text

    joint = "mean over joints" if found.joint == "mean" else joint_title(found.joint)
    return f"{metric_text(found.metric)}, {joint}"


def _sentence(found: WorstPair) -> str:
    from occlusion_toolkit.plotting.metric_text import window_text

    def place(window: Sequence[int]) -> str:
        y0, y1, x0, x1 = window
        return window_text((y0, y1, x0, x1))

    told = found.summary()
    shown = told["shown"]
    places = " and ".join(map(place, shown["pair_windows"]))
    of_whom = "" if told["images"] == 1 else f"{shown['sequence']}: "
    return (
        f"{of_whom}{shown['pair_mm']:.0f} mm under {places}, against {shown['single_mm']:.0f} mm under "
        f"{place(shown['single_window'])}; {told['passes']} passes; protocol {told['protocol']}"
    )
