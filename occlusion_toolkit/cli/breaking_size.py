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
from occlusion_toolkit.cli.survey_results import by_model, result_options
from occlusion_toolkit.cli.sweep_options import SeveralSweeps, sweeps_options
from occlusion_toolkit.cli.swept_results import sweeps_of, tell

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
    from occlusion_toolkit.breaking_sizes.run import breaking_size as run
    from occlusion_toolkit.breaking_sizes.table import pairs
    from occlusion_toolkit.comparison.insights import breaking_size_insight

    given, of_joint = sweeps_of(who, sweeps, body, joint, metric)
    when_interrupted("finished sweeps are kept")
    results: list[BreakingSize] = []
    for sweep, whom in given:
        with console.progress(f"{'passes' if who.image else 'images x sizes'}, {sweep.model}") as progress:
            results.append(
                run(
                    sweep,
                    whom,
                    sizes=sweeps.sizes,
                    over_mm=over_mm,
                    metric=metric,
                    joint=of_joint,
                    keep=out / "surveys",
                    progress=progress,
                )
            )
    found = by_model(results)
    tell(
        "breaking-size",
        found,
        breaking_size_insight(found),
        pairs,
        title=lambda one: f"{one.measured}; broken above {one.over_mm:g} mm",
        sentence=_sentence,
        rows="square",
        paired=f"first minus second, squares of up to {sweeps.sizes[-1]} px",
        report=report,
        out=out,
        overwrite=overwrite,
        verbose=verbose,
        as_json=as_json,
    )


def _sentence(found: BreakingSize) -> str:
    from occlusion_toolkit.comparison.interval_cells import text

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
