"""`occlusion-toolkit confidence`: does the model know when it is wrong?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from occlusion_toolkit.cli import console
from occlusion_toolkit.cli.body_options import BodyOptions, body_options
from occlusion_toolkit.cli.help import examples
from occlusion_toolkit.cli.survey_results import named_surveys, survey_arguments, working_folder

if TYPE_CHECKING:
    import pandas as pd

    from occlusion_toolkit.confidences.confidence import Confidence


@click.command(epilog=examples("confidence out/pare", "confidence out/blazepose --over 50 --coverage 0.9"))
@survey_arguments("out/confidence")
@body_options
@click.option("--of", help="Which confidence, where a model has several, such as peak. Default: every one.")
@click.option("--metric", help="What is risked: error (default with ground truth), pa_error, …")
@click.option("--over", type=float, default=100.0, show_default=True, help="Threshold of failures, mm.")
@click.option(
    "--coverage",
    type=float,
    multiple=True,
    default=(0.25, 0.5, 0.75),
    show_default=True,
    help="Share of the surest joints whose failures are told, over 0 and up to 1; can be repeated.",
)
def confidence(
    surveys: tuple[Path, ...],
    body: BodyOptions,
    of: str | None,
    metric: str | None,
    over: float,
    coverage: tuple[float, ...],
    out: Path,
    overwrite: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Tell whether a model's confidence knows its errors.

    SURVEYs are folders of finished `mesh` runs, or of `compare` (surveys/MODEL-SIZEpx), of models that say
    how sure they are: blazepose, pare-open, or your own. Two or more must be of the same people.

    Writes confidence.png and .pdf, confidence.csv (every number) and MODEL.h5 for each, or MODEL-NAME.h5
    where its confidence has a name, into the output folder. What was read of each shard is kept until
    the end, so that the same line goes on after an interruption.
    """
    from occlusion_toolkit.cli.survey_results import save_results
    from occlusion_toolkit.confidences.confidence import KIND
    from occlusion_toolkit.confidences.figure import confidence_figure
    from occlusion_toolkit.confidences.run import confidence as run
    from occlusion_toolkit.confidences.run import confidences_of
    from occlusion_toolkit.confidences.table import models_table

    found: dict[str, Confidence] = {}
    with working_folder(out) as work:
        for name, survey in named_surveys(surveys, body.bodies()).items():
            names: tuple[str | None, ...] = (of,) if of else confidences_of(survey) or (None,)
            for which in names:
                label = name if which in (None, KIND) else f"{name}-{which}"
                with console.progress(f"images, {label}") as progress:
                    found[label] = run(
                        survey,
                        of=which,
                        metric=metric,
                        over_mm=over,
                        coverages=coverage,
                        keep=work / label,
                        progress=progress,
                    )
    tables = [one.numbers().assign(model=name) for name, one in found.items()]
    files = save_results(out, "confidence", confidence_figure(found), tables, found, overwrite=overwrite)
    if as_json:
        models = {name: one.summary() for name, one in found.items()}
        console.print_json({"models": models, "files": [str(path) for path in files]})
        return
    if len(found) > 1:
        frame = models_table(found)
        frame.columns = ["mean, mm", "area, mm", "gained, %", "persons", "surest half"]
        console.out.print(console.frame_table(frame, "all joints under squares", "confidence"))
    shows_joints = verbose or len(found) == 1
    for name, one in found.items():
        if shows_joints:
            title = f"{name}: {one.metric}; over {over:g} mm, all and the surest"
            console.out.print(console.frame_table(_shown(one.table()), title, "joint"))
        console.out.print(f"{name}: {one.verdict}; protocol {one.card.hash}")
        console.warn(*one.notes)
    if not shows_joints:
        console.out.print("--verbose prints joints; confidence.csv has every number.")
    console.print_files(files, verbose=verbose)


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """Short columns, so that no row breaks on a screen; rank correlations with two decimals."""
    ranks = {name: table[name].map("{:.2f}".format) for name in table if name.startswith("rank")}
    shown = table.assign(**ranks).drop(columns="area [mm]")
    titles = {"rank, error": "rank", "rank, moved": "moved"}
    return shown.rename(
        columns=lambda name: titles.get(name, name.removeprefix("surest ").replace(" [", ", ").rstrip("]"))
    )
