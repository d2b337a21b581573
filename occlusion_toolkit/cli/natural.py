"""`occlusion-toolkit natural`: do squares predict what the world does?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from occlusion_toolkit.cli import console
from occlusion_toolkit.cli.body_options import BodyOptions, body_options
from occlusion_toolkit.cli.help import examples
from occlusion_toolkit.cli.survey_results import named_surveys, survey_arguments, working_folder

if TYPE_CHECKING:
    from occlusion_toolkit.natural_occlusion.natural import NaturalOcclusion


@click.command(epilog=examples("natural out/pare"))
@survey_arguments("out/natural")
@body_options
@click.option("--metric", help="error (default), pa_error, or one of your own, such as mine_error.")
def natural(
    surveys: tuple[Path, ...],
    body: BodyOptions,
    metric: str | None,
    out: Path,
    overwrite: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Compare joints that the world hides with joints under squares.

    SURVEYs are folders of finished `mesh` runs, or of `compare` (surveys/MODEL-SIZEpx), of people some of
    whom are occluded: the open test set, 3DPW, 3DPW-OCC. Two or more must be of the same people.

    Writes natural.png and .pdf, natural.csv (every state and joint) and MODEL.h5 for each into the output
    folder. What was read of each shard is kept until the end, so that the same line goes on after an
    interruption.
    """
    from occlusion_toolkit.cli.survey_results import save_results
    from occlusion_toolkit.natural_occlusion.figure import natural_figure
    from occlusion_toolkit.natural_occlusion.run import natural as run
    from occlusion_toolkit.natural_occlusion.table import models_table, rank_of_models

    found: dict[str, NaturalOcclusion] = {}
    with working_folder(out) as work:
        for name, survey in named_surveys(surveys, body.bodies()).items():
            with console.progress(f"images, {name}") as progress:
                found[name] = run(survey, metric=metric, keep=work / name, progress=progress)
    tables = [one.states().assign(model=name) for name, one in found.items()]
    files = save_results(out, "natural", natural_figure(found), tables, found, overwrite=overwrite)
    rank = rank_of_models(found)
    if as_json:
        models = {name: one.summary() for name, one in found.items()}
        console.print_json({"models": models, "rank_of_models": rank, "files": [str(path) for path in files]})
        return
    if len(found) > 1:
        models_mm = models_table(found).rename(columns=lambda column: column.removesuffix(" [mm]"))
        console.out.print(console.frame_table(models_mm, "mean over all joints, mm", "model"))
    if rank is not None:
        console.out.print(f"rank correlation over {len(found)} models: {rank:.2f}")
    shows_joints = verbose or len(found) == 1
    for name, one in found.items():
        if shows_joints:
            title = f"{name}: {one.metric} of joints that the world or a square hides, mm"
            table = one.table().rename(columns=lambda column: column.removesuffix(" [mm]"))
            console.out.print(console.frame_table(table, title, "joint", section=True))
        console.out.print(f"{name}: {one.verdict}; protocol {one.card.hash}")
        console.warn(*one.notes)
    if not shows_joints:
        console.out.print("--verbose prints joints; natural.csv has every state and joint.")
    console.print_files(files, verbose=verbose)
