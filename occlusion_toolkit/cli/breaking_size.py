"""`occlusion-toolkit breaking-size`: how large must the thing in front be?"""

from __future__ import annotations

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
    from occlusion_toolkit.breaking_sizes.breaking_size import BreakingSize


@click.command(
    epilog=examples(
        "breaking-size photo.jpg",
        "breaking-size --model pare-open --model hmr-open --limit 24",
        "breaking-size --size 20:100:20 --joint left_wrist --over-mm 100 --out out/wrist",
    )
)
@image_or_people
@sweeps_options(stride=28, sizes="8:120:16")
@body_options
@click.option("--joint", help="Joint that must break. Default: the mean over joints.")
@click.option(
    "--metric",
    help="What must be over the threshold: increase (default with ground truth), error, displacement "
    "(default without), pa_increase, …",
)
@click.option(
    "--over-mm", type=float, default=30.0, show_default=True, help="The threshold: more than this is broken."
)
@report_option
@result_options("out/breaking-size")
def breaking_size(
    who: ImageOrPeople,
    sweeps: SeveralSweeps,
    body: BodyOptions,
    joint: str | None,
    metric: str | None,
    over_mm: float,
    report: Path | None,
    out: Path,
    overwrite: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Find, place by place, the smallest square that breaks the estimate.

    Sweeps the person in IMAGE, or a data set, with squares of every size at the same places. Several models
    are paired on the same people.

    Writes breaking-size.png and .pdf, breaking-size.csv (every image and size), pairs.csv where there are
    two models, and MODEL.h5 for each into the output folder. The sweeps stay there (surveys/MODEL-SIZEpx), so
    that the same line goes on after an interruption, and another threshold (with --overwrite) costs nothing.
    """
    from occlusion_toolkit.breaking_sizes.figure import breaking_size_figure
    from occlusion_toolkit.breaking_sizes.run import breaking_size as run
    from occlusion_toolkit.breaking_sizes.table import pairs, pairs_table
    from occlusion_toolkit.cli.selection import select_joints
    from occlusion_toolkit.cli.survey_results import save_results
    from occlusion_toolkit.comparison.insights import breaking_size_insight
    from occlusion_toolkit.comparison.results import names_of
    from occlusion_toolkit.comparison.tables import csv
    from occlusion_toolkit.files.atomic import write_text
    from occlusion_toolkit.report.results import write_insight_page

    joint_set, names = select_joints(joint or "lsp14")
    models = sweeps.models or ("pare-open",)
    given = [sweeps.sweep(model, sweeps.sizes[0], body, joint_set, metric) for model in models]
    people = who.of(given)
    when_interrupted("finished sweeps are kept")
    results: list[BreakingSize] = []
    for sweep, whom in zip(given, people, strict=True):
        with console.progress(f"{'passes' if who.image else 'images x sizes'}, {sweep.model}") as progress:
            results.append(
                run(
                    sweep,
                    whom,
                    sizes=sweeps.sizes,
                    over_mm=over_mm,
                    metric=metric,
                    joint="mean" if joint is None else names[0],
                    keep=out / "surveys",
                    progress=progress,
                )
            )
    found = dict(zip(names_of([one.card for one in results]), results, strict=True))
    tables = [one.images().assign(model=name) for name, one in found.items()]
    paired = pairs_table(found)
    files = save_results(
        out, "breaking-size", breaking_size_figure(found), tables, found, overwrite=overwrite
    )
    if len(found) > 1:
        files.append(out / "pairs.csv")
        write_text(files[-1], csv(paired.rename_axis("pair").reset_index()))
    if report is not None:
        cards = {name: one.card for name, one in found.items()}
        write_insight_page(report, breaking_size_insight(found), results[0].metric, cards)
        files.append(report)
    if as_json:
        numbers = [{"first": one, "second": other} | told for (one, other), told in pairs(found).items()]
        summaries = {name: one.summary() for name, one in found.items()}
        console.print_json({"models": summaries, "pairs": numbers, "files": [str(path) for path in files]})
        return
    for name, one in found.items():
        if verbose or len(found) == 1:
            console.out.print(console.frame_table(one.table(), f"{name}: {_rule(one)}", "square"))
        console.out.print(f"{name}: {_sentence(one)}")
        console.warn(*one.notes)
    if len(found) > 1:
        title = f"first minus second, squares of up to {sweeps.sizes[-1]} px"
        console.out.print(console.frame_table(paired.T, title))
        if not verbose:
            console.out.print("--verbose prints the tables of all models; the CSV files have every number.")
    console.print_files(files, verbose=verbose)


def _rule(found: BreakingSize) -> str:
    from occlusion_toolkit.plotting.metric_text import joint_title, metric_text

    joint = "mean over joints" if found.joint == "mean" else joint_title(found.joint)
    return f"{metric_text(found.metric)}, {joint}; broken above {found.over_mm:g} mm"


def _sentence(found: BreakingSize) -> str:
    from occlusion_toolkit.breaking_sizes.table import text

    told = found.summary()
    middle, smallest = told["median_person_px"], told["smallest_px"]
    people = f"squares of {middle:.0f} px break half of the people somewhere" if middle else ""
    if told["images"] == 1:
        people = f"the smallest square that breaks it has {smallest:.0f} px" if smallest else ""
    back = told["recovers"]
    parts = [
        people or "half of the people do not break",
        f"area under the curve {text(told['area_mm'])} mm",
        f"a larger square hurts less at {text(told['less_share'])} % of the places",
        f"and no longer breaks {text(back)} % of the broken ones" if back["mean"] is not None else "",
    ]
    return f"{'; '.join(filter(None, parts))}; protocol {told['protocol']}"
