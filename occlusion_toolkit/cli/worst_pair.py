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
from occlusion_toolkit.cli.survey_results import by_model, result_options
from occlusion_toolkit.cli.sweep_options import SeveralSweeps, sweeps_options
from occlusion_toolkit.cli.swept_results import sweeps_of, tell

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
    from occlusion_toolkit.comparison.insights import worst_pair_insight
    from occlusion_toolkit.worst_pairs.run import worst_pair as run
    from occlusion_toolkit.worst_pairs.table import pairs

    given, of_joint = sweeps_of(who, sweeps, body, joint, metric)
    when_interrupted("finished people are kept")
    results: list[WorstPair] = []
    for sweep, whom in given:
        with console.progress(f"images, {sweep.model}") as progress:
            results.append(
                run(
                    sweep,
                    whom,
                    beam=beam,
                    metric=metric,
                    joint=of_joint,
                    keep=out / "people" / sweep.regressor.card.name,
                    progress=progress,
                )
            )
    found = by_model(results)
    tell(
        "worst-pair",
        found,
        worst_pair_insight(found, body.bodies()),
        pairs,
        title=lambda one: one.measured,
        sentence=_sentence,
        rows="",
        paired="first minus second",
        report=report,
        out=out,
        overwrite=overwrite,
        verbose=verbose,
        as_json=as_json,
    )


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
