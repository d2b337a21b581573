"""`occlusion-toolkit compare`: is one regressor more robust than another?"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from occlusion_toolkit.cli import console
from occlusion_toolkit.cli.body_options import BodyOptions, body_options
from occlusion_toolkit.cli.dataset_options import dataset_options
from occlusion_toolkit.cli.help import examples
from occlusion_toolkit.cli.interruption import when_interrupted
from occlusion_toolkit.cli.look_options import look_options
from occlusion_toolkit.cli.sweep_options import SeveralSweeps, sweeps_options

if TYPE_CHECKING:
    from occlusion_toolkit.comparison.comparison import Comparison
    from occlusion_toolkit.data.people import People
    from occlusion_toolkit.heatmaps.occlusion_sweep import OcclusionSweep
    from occlusion_toolkit.surveys.survey import Survey

_SHOWN_PAIRS = 6

_TESTS = (
    "p swap: permutation test, models swapped in whole sequences; p t: paired t-test over sequences; "
    "p t frames: over frames, as in the paper, too small; d: effect size; smaller in: share of sequences."
)


@click.command(
    epilog=examples(
        "compare --model pare-open --model hmr-open",
        "compare --model pare-open --model hmr-open --size 20,40,60,80 --report out/compare/report.html",
        "compare out/pare out/hmr --out out/both",
    )
)
@click.argument("results", nargs=-1, type=click.Path(path_type=Path), metavar="[RESULT]...")
@sweeps_options(stride=16)
@dataset_options
@body_options
@click.option("--joints", type=click.Choice(["lsp14", "smpl24"]), default="lsp14", show_default=True)
@click.option(
    "--metric",
    help="What to compare: error, displacement, or a metric of your own, such as mine_error. "
    "Default: error with ground truth, displacement without.",
)
@click.option("--pa", is_flag=True, help="Compare errors after Procrustes alignment.")
@click.option(
    "--failure-mm",
    type=click.FloatRange(min=0),
    default=100.0,
    show_default=True,
    help="A window under which the error is larger counts as a failure.",
)
@click.option(
    "--allow",
    multiple=True,
    metavar="DIFFERENCE",
    help="Line of the protocol cards that may differ; the exception is recorded.",
)
@click.option(
    "--seen-only",
    is_flag=True,
    help="Count the windows that every model can see, and no others (models with crops of their own).",
)
@click.option(
    "--example",
    type=click.Choice(["hardest", "typical", "none"]),
    default="hardest",
    show_default=True,
    help="Image whose heatmaps and predictions are drawn.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write an interactive page (.html).",
)
@look_options
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/compare"), show_default=True)
@click.option("--overwrite", is_flag=True, help="Replace another comparison that is there.")
@console.verbose_option
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON instead of tables.")
def compare(
    results: tuple[Path, ...],
    sweeps: SeveralSweeps,
    body: BodyOptions,
    joints: str,
    metric: str | None,
    pa: bool,
    failure_mm: float,
    allow: tuple[str, ...],
    seen_only: bool,
    example: str,
    report: Path | None,
    out: Path,
    overwrite: bool,
    verbose: bool,
    as_json: bool,
    **dataset: Any,
) -> None:
    """Compare models on the same people under the same windows, with sequences as the units of statistics.

    Give models, and what is missing is swept and what is finished is used again; or give RESULTs: the
    folders of finished `mesh` runs, or `heatmap` results (result.h5) of one image.

    Writes comparison.json, CSV and LaTeX tables, and the figures of the comparison into the output folder.
    """
    _check_words(results, sweeps, failure_mm)
    from occlusion_toolkit.cli.dataset_options import chosen_people
    from occlusion_toolkit.comparison.results import check_allowed, require_one_protocol
    from occlusion_toolkit.comparison.run import compare as run
    from occlusion_toolkit.files.atomic import make_folder
    from occlusion_toolkit.surveys.shards import survey_card

    started = time.perf_counter()
    when_interrupted("finished shards are kept" if sweeps.models else "nothing was written")
    check_allowed(allow)
    bodies = body.bodies()
    people: People | None = None
    given: list[OcclusionSweep] = []
    if results:
        compared: list[Path] | list[Survey] = list(results)
    else:
        given = [
            sweeps.sweep(model, size, body, joints, metric)
            for size in sweeps.sizes
            for model in sweeps.models
        ]
        people = chosen_people(**dataset, protocols=[sweep.protocol for sweep in given])
        cards = [survey_card(sweep, people) for sweep in given[: len(sweeps.models)]]
        require_one_protocol(cards, allow)  # now, and not after hours
        compared = [_surveyed(sweep, people, out) for sweep in given]
    with console.progress("images pooled") as pooling:
        comparison = run(
            *compared,
            metric=_aligned(metric, pa),
            failure_mm=failure_mm,
            allow=allow,
            example="typical" if example == "typical" else "hardest",
            meshes=True,
            seen_only=seen_only,
            bodies=bodies,
            progress=pooling,
        )
    make_folder(out)
    if not overwrite:
        _require_free(out, comparison)
    if comparison.surveys and not comparison.meshes():
        console.warn("the models are of different bodies, so their meshes are not compared")
    if example != "none" and comparison.surveys:
        size = comparison.models[0].card.windows.size
        _sweep_example(comparison, people, [s for s in given if s.grid.size == size], sweeps, dataset)
    files = comparison.save(out)
    with console.progress("figures") as drawing:
        files += comparison.draw(out, drawing)
    if report is not None:
        make_folder(report.parent)
        comparison.report(report)
        files.append(report)
    if as_json:
        console.print_json(comparison.model_dump(mode="json") | {"files": [str(path) for path in files]})
        return
    if verbose:
        _print_all(comparison)
        click.echo(f"in {time.perf_counter() - started:.0f} s")
    else:
        _print(comparison)
    console.print_files(files, verbose=verbose)


def _require_free(out: Path, comparison: Comparison) -> None:
    """Makes sure that no other comparison is replaced.

    Raises:
        ResultError: there is another one.
    """
    from occlusion_toolkit.comparison.comparison import NAME, Comparison
    from occlusion_toolkit.errors import ResultError

    if not (out / NAME).is_file():
        return
    try:
        held = Comparison.open(out)
    except ResultError:
        return  # damaged, or of an earlier version
    if not comparison.is_like(held):
        names = ", ".join(model.name for model in held.models)
        raise ResultError(
            f"{str(out)!r} holds another comparison, {held.metric} of {names}; choose another --out, or "
            "--overwrite"
        )


def _check_words(results: tuple[Path, ...], sweeps: SeveralSweeps, failure_mm: float) -> None:
    """Refuses what no sweep should be started for."""
    models = sweeps.models
    if bool(results) == bool(models) or len(results or models) < 2:
        raise click.UsageError("Give either two or more --model, or two or more RESULTs.")
    if results and len(sweeps.sizes) > 1:
        raise click.UsageError("--size goes with --model; RESULTs have their sizes.")
    if len({Path(model).stem for model in models}) < len(models):
        raise click.UsageError("Two --model have the same name; give each once, or rename one of the cards.")
    if not math.isfinite(failure_mm):
        raise click.UsageError("--failure-mm is a length in millimetres.")


def _aligned(metric: str | None, pa: bool) -> str | None:
    """The metric that `--metric` and `--pa` name; None leaves it to the results."""
    from occlusion_toolkit.cli.selection import metric_of

    return metric_of(metric or "error", pa, has_truth=True) if metric or pa else None


def _surveyed(sweep: OcclusionSweep, people: People, out: Path) -> Survey:
    """The survey of a model under squares of a size: made where it is missing."""
    from occlusion_toolkit.errors import RunError
    from occlusion_toolkit.surveys.run import survey

    name = f"{Path(str(sweep.model)).stem}-{sweep.grid.size}px"
    try:
        with console.progress(f"images, {name}", line_every=8) as progress:
            folder = out / "surveys" / name
            return survey(sweep, people, out=folder, resume=True, workers=None, progress=progress)
    except RunError as error:
        raise RunError(f"{error} (for a comparison with other settings choose another --out)") from error


def _sweep_example(
    comparison: Comparison,
    people: People | None,
    given: list[OcclusionSweep],
    sweeps: SeveralSweeps,
    dataset: dict[str, Any],
) -> None:
    """Sweeps the example with every model; only warns where given results cannot be swept again.

    Where no data set is named, that of the surveys is opened by its name.
    """
    from occlusion_toolkit.cli.dataset_options import chosen_people
    from occlusion_toolkit.errors import OcclusionToolkitError

    is_named = any(value not in (None, False, "open") for value in dataset.values())
    try:
        if people is None and is_named:
            people = chosen_people(**dataset)
        with console.progress("windows of the example") as progress:
            comparison.sweep_example(
                people,
                sweeps=given or None,
                device=sweeps.device,
                progress=progress,
            )
    except OcclusionToolkitError as error:
        if given:
            raise
        console.warn(f"no pictures of an example: {error}")


def _print(comparison: Comparison) -> None:
    """Prints the models, and how each pair differs under the occluder, with what it takes to read that."""
    from occlusion_toolkit.comparison.significance import FEWEST_SEQUENCES
    from occlusion_toolkit.comparison.tables import BEST, counted, models_table, pair_line
    from occlusion_toolkit.plotting.metric_text import metric_text

    title = f"{metric_text(comparison.metric)}, mean over joints, {counted(comparison)}"
    console.out.print(console.frame_table(models_table(comparison), title, "model"))
    console.out.print(f"{BEST} smallest, * significantly larger than it (p < 0.05 over sequences)")
    for pair in comparison.pairs[:_SHOWN_PAIRS]:
        console.out.print(pair_line(comparison, pair, "occluded"))
    if (hidden := len(comparison.pairs) - _SHOWN_PAIRS) > 0:
        console.out.print(f"... and {hidden} more pairs, which --verbose shows")
    if comparison.sequences < FEWEST_SEQUENCES:
        console.out.print(f"No intervals and no tests: they need {FEWEST_SEQUENCES} sequences or more.")
    for line in comparison.exceptions:
        console.out.print(f"allowed difference of protocols: {line}")
    console.out.print("--verbose prints intervals, tests, pairs and joints; the tables have them too.")


def _print_all(comparison: Comparison) -> None:
    """Prints the tables of a comparison: models, the differences of each pair, joints."""
    from occlusion_toolkit.comparison.tables import BEST, explanation, joints_table, pair_table
    from occlusion_toolkit.plotting.metric_text import metric_text

    show = console.out.print
    title = f"{metric_text(comparison.metric)}, mean over joints"
    show(console.frame_table(comparison.table(), title))
    for pair in comparison.pairs:
        title = f"{pair.first} minus {pair.second}, mean over joints"
        show(console.frame_table(pair_table(comparison, pair), title))
    title = f"{comparison.quantity('occluded').heading} per joint"
    show(console.frame_table(joints_table(comparison), title, "joint", section=True))
    show(_TESTS)
    show(explanation(comparison).replace("Bold:", f"{BEST}:"))
    for line in comparison.exceptions:
        show(f"allowed difference of protocols: {line}")
