"""`occlusion-toolkit influence`: which hidden part corrupts which joint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import rich_click as click

from occlusion_toolkit.cli import console
from occlusion_toolkit.cli.body_options import BodyOptions, body_options
from occlusion_toolkit.cli.help import examples
from occlusion_toolkit.cli.survey_results import named_surveys, survey_arguments, working_folder

if TYPE_CHECKING:
    import pandas as pd

    from occlusion_toolkit.influences.influence import Influence


@click.command(epilog=examples("influence out/pare"))
@survey_arguments("out/influence")
@body_options
@click.option(
    "--metric",
    help="What to average: increase (default with ground truth), displacement, pa_increase, …",
)
@click.option(
    "--masks",
    type=click.Choice(["true", "estimate"]),
    default="true",
    show_default=True,
    help="Where the parts are: in the data set's masks, or where the clean estimate shows them.",
)
def influence(
    surveys: tuple[Path, ...],
    body: BodyOptions,
    metric: str | None,
    masks: Literal["true", "estimate"],
    out: Path,
    overwrite: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Show by how much each joint's error grows when a part of the body is hidden.

    SURVEYs are folders of finished `mesh` runs, or of `compare` (surveys/MODEL-SIZEpx). Two or more must be
    of the same people; their differences are drawn, too.

    Writes influence.png and .pdf, influence.csv (every cell), differences.csv where there are two, and
    MODEL.h5 for each into the output folder. What was read of each shard is kept until the end, so that the
    same line goes on after an interruption.
    """
    from occlusion_toolkit.cli.survey_results import save_results
    from occlusion_toolkit.files.atomic import write_text
    from occlusion_toolkit.influences.figure import influence_figure
    from occlusion_toolkit.influences.run import influence as run

    opened = named_surveys(surveys, body.bodies())
    found: dict[str, Influence] = {}
    with working_folder(out) as work:
        for name, survey in opened.items():
            with console.progress(f"images, {name}") as progress:
                found[name] = run(survey, metric=metric, masks=masks, keep=work / name, progress=progress)
    cells = [one.cells().assign(model=name) for name, one in found.items()]
    files = save_results(out, "influence", influence_figure(found), cells, found, overwrite=overwrite)
    if len(found) > 1:
        files.append(out / "differences.csv")
        write_text(files[-1], _differences(found))
    if as_json:
        console.print_json(
            {
                "models": {name: one.summary() for name, one in found.items()},
                "files": [str(path) for path in files],
            }
        )
        return
    tables = verbose or len(found) == 1
    for name, one in found.items():
        if tables:
            title = f"{name}: {one.metric} by what windows cover, mm"
            console.out.print(console.frame_table(_in_mm(one.table()), title, "joint", section=True))
        console.out.print(f"{name}: {_sentence(one)}")
        console.warn(*one.notes)
    if not tables:
        console.out.print("--verbose prints joints; influence.csv has every cell.")
    console.print_files(files, verbose=verbose)


def _in_mm(table: pd.DataFrame) -> pd.DataFrame:
    """Short columns, so that no row breaks on a screen."""
    worst = [
        f"{part} {worst_mm:.1f}" if part else ""
        for part, worst_mm in zip(table["worst part"], table["worst [mm]"], strict=True)
    ]
    table = table.assign(**{"worst part": worst}).drop(columns="worst [mm]")
    titles = {"remote share [%]": "remote, %"}
    return table.rename(columns=lambda name: titles.get(name, name.removesuffix(" [mm]")))


def _differences(found: dict[str, Influence]) -> str:
    """The differences of every two models as CSV."""
    from itertools import combinations

    import pandas as pd

    from occlusion_toolkit.comparison.tables import csv
    from occlusion_toolkit.influences.table import difference

    pairs = [
        difference(found[one], found[other]).reset_index().assign(first=one, second=other)
        for one, other in combinations(found, 2)
    ]
    return csv(pd.concat(pairs))


def _sentence(found: Influence) -> str:
    told = found.summary()
    remote = told["windows_over"]["remote"]
    share, low, high = (remote[name] for name in ("share_of_increase", "share_low", "share_high"))
    if share is None:
        return (
            f"{told['images']} images of {told['sequences']} sequences; no window covers only what is remote"
        )
    interval = "" if low is None else f" ({low:.0f} to {high:.0f})"
    return (
        f"{share:.0f} %{interval} of all that the square adds comes from windows that touch neither a "
        "joint's own limb nor a neighbour of it; "
        f"{told['cells_significant']} of {told['cells_tested']} cells are significant; "
        f"{told['images']} images of {told['sequences']} sequences; protocol {told['protocol']}"
    )
