"""`occlusion-toolkit reversals`: does a square turn the person round?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from occlusion_toolkit.cli import console
from occlusion_toolkit.cli.body_options import BodyOptions, body_options
from occlusion_toolkit.cli.help import examples
from occlusion_toolkit.cli.survey_results import named_results, survey_arguments, working_folder

if TYPE_CHECKING:
    import pandas as pd

    from occlusion_toolkit.flips.reversals import Reversals


@click.command(epilog=examples("reversals out/pare"))
@survey_arguments("out/reversals")
@body_options
@click.option("--metric", help="Of the errors that reversals explain, such as pa_error. Default: error.")
def reversals(
    surveys: tuple[Path, ...],
    body: BodyOptions,
    metric: str | None,
    out: Path,
    overwrite: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Find the squares that turn a person round, or swap left and right.

    SURVEYs are folders of finished `mesh` runs, or of `compare` (surveys/MODEL-SIZEpx), or the results of
    `heatmap` (result.h5). Two or more must be of the same people.

    Writes reversals.png and .pdf, reversals.csv (every image) and MODEL.h5 for each into the output folder.
    What was read of each shard is kept until the end, so that the same line goes on after an interruption.
    """
    import pandas as pd

    from occlusion_toolkit.cli.survey_results import save_results
    from occlusion_toolkit.flips.figure import reversals_figure
    from occlusion_toolkit.flips.run import reversals as run

    found: dict[str, Reversals] = {}
    with working_folder(out) as work:
        for name, result in named_results(surveys, body.bodies()).items():
            with console.progress(f"images, {name}") as progress:
                found[name] = run(result, metric=metric, keep=work / name, progress=progress)
    tables = [one.images().assign(model=name) for name, one in found.items()]
    files = save_results(out, "reversals", reversals_figure(found), tables, found, overwrite=overwrite)
    if as_json:
        models = {name: one.summary() for name, one in found.items()}
        console.print_json({"models": models, "files": [str(path) for path in files]})
        return
    alone = verbose or len(found) == 1
    if not alone:
        # The last row is of either kind, against the truth where there is one.
        last = {name: one.table().iloc[-1, :3] for name, one in found.items()}
        title = next(iter(last.values())).name
        console.out.print(console.frame_table(pd.DataFrame(last).T, f"{title}, 95 % intervals", "model"))
    for name, one in found.items():
        if alone:
            title = f"{name}: people who are turned round, or left and right swapped, 95 % intervals"
            console.out.print(console.frame_table(_shown(one, verbose), title))
        console.out.print(f"{name}: {_sentence(one)}")
        console.warn(*one.notes)
    if not alone:
        console.out.print("--verbose prints rates and errors; reversals.csv has every image.")
    console.print_files(files, verbose=verbose)


def _shown(found: Reversals, verbose: bool) -> pd.DataFrame:
    """A row for each number; columns of either kind of reversal, or of all kinds."""
    table = found.table()
    return table.loc[[name for name in table.index if verbose or name.startswith("either")]].T


def _sentence(found: Reversals) -> str:
    told = found.summary()
    place = told["where"]
    parts = sorted(told["hidden_part_percent"].items(), key=lambda item: -item[1])[:3]
    found_where = (
        "no square reverses anybody"
        if place is None
        else f"most reversals ({place['rate']:.0f} % of the images) under a square at row "
        f"{place['row']:.0f}, column {place['col']:.0f}"
    )
    by_part = ", ".join(f"{name.replace('_', ' ')} {rate:.0f} %" for name, rate in parts)
    return f"{found_where}{'; hidden part: ' + by_part if parts else ''}; protocol {told['protocol']}"
