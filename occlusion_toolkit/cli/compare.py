"""`occlusion-toolkit compare`: is one regressor more robust than another?"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from occlusion_toolkit.cli.body_options import BodyOptions, body_options
from occlusion_toolkit.cli.dataset_options import dataset_options
from occlusion_toolkit.cli.sweep_options import SeveralSweeps, sweeps_options

if TYPE_CHECKING:
    from occlusion_toolkit.body.bodies import Bodies
    from occlusion_toolkit.comparison.example import ExampleRule
    from occlusion_toolkit.comparison.stored import StoredComparison
    from occlusion_toolkit.meshes.mesh_result import MeshResult
    from occlusion_toolkit.surveys.stored import Survey
    from occlusion_toolkit.sweep.results import HeatmapResult


@click.command()
@click.argument("results", nargs=-1, type=click.Path(path_type=Path), metavar="[RESULT]...")
@sweeps_options(stride=16)
@dataset_options
@body_options
@click.option("--joints", type=click.Choice(["lsp14", "smpl24"]), default="lsp14", show_default=True)
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
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/compare"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON instead of tables.")
def compare(
    results: tuple[Path, ...],
    sweeps: SeveralSweeps,
    body: BodyOptions,
    joints: str,
    pa: bool,
    failure_mm: float,
    allow: tuple[str, ...],
    example: str,
    report: Path | None,
    out: Path,
    as_json: bool,
    **dataset: Any,
) -> None:
    """Compare models on the same people under the same windows, with sequences as the units of statistics.

    Give models, and what is missing is swept and what is finished is used again; or give RESULTs: the
    folders of finished `mesh` runs, or `heatmap` results (result.h5) of one image.

    Writes comparison.json, CSV and LaTeX tables, and the figures of the comparison into the output folder.
    """
    _check_words(results, sweeps, failure_mm)
    from occlusion_toolkit.cli import console
    from occlusion_toolkit.comparison.all_figures import draw_comparison, draw_example, draw_meshes
    from occlusion_toolkit.comparison.comparison import check_allowed, compare_surveys
    from occlusion_toolkit.comparison.console import print_comparison
    from occlusion_toolkit.comparison.example import example_file
    from occlusion_toolkit.comparison.given import OneImage, open_results
    from occlusion_toolkit.comparison.record import record
    from occlusion_toolkit.comparison.run import pooled_meshes
    from occlusion_toolkit.comparison.stored import write_comparison
    from occlusion_toolkit.comparison.tables import write_tables
    from occlusion_toolkit.files.atomic import make_folder
    from occlusion_toolkit.surveys.stored import Survey

    started = time.perf_counter()
    check_allowed(allow)
    surveys: list[Survey] | list[OneImage]
    bodies, by_size = body.bodies(), {}
    if results:
        surveys = open_results(results)
    make_folder(out)
    if report is not None:
        make_folder(report.parent)
    if not results:
        by_size = _surveyed(sweeps, body, dataset, joints, out)
        surveys = by_size[_main_size(sweeps.sizes)]
    compared = compare_surveys(surveys, aligned=pa, failure_mm=failure_mm, allow=allow)
    stored = record(compared, surveys, out, by_size if len(by_size) > 1 else None, allow)
    write_comparison(out / "comparison.json", stored)
    files = [out / "comparison.json", *write_tables(stored, out), *draw_comparison(stored, out)]
    named = list(zip((model.name for model in stored.models), surveys, strict=True))
    examples = {name: one.result for name, one in named if isinstance(one, OneImage) and example != "none"}
    by_name = {name: survey for name, survey in named if isinstance(survey, Survey)}
    meshes: dict[str, MeshResult] = {}
    surface = None
    if by_name:
        with console.progress("images pooled") as pooling:
            meshes, surface = pooled_meshes(by_name, bodies, aligned=pa, progress=pooling)
        if surface is None:
            console.warn("the models are of different bodies, so their meshes are not compared")
        else:
            files += draw_meshes(stored, meshes, surface, out)
        examples = _examples(example, stored, by_name, sweeps, dataset, bodies, pa, out)
        files += [example_file(out / "example", name) for name in examples]
    if examples:
        files += draw_example(examples, bodies, out)
    if report is not None:
        from occlusion_toolkit.comparison.report.page import write_report

        write_report(report, stored, meshes, surface, examples, bodies)
        files.append(report)
    if as_json:
        console.print_json(stored.model_dump(mode="json") | {"files": [str(path) for path in files]})
        return
    print_comparison(stored)
    click.echo(f"in {time.perf_counter() - started:.0f} s")
    for path in files:
        click.echo(f"  {path}")


def _check_words(results: tuple[Path, ...], sweeps: SeveralSweeps, failure_mm: float) -> None:
    """Refuses what no sweep should be started for."""
    models = sweeps.models
    if bool(results) == bool(models) or len(results or models) < 2:
        raise click.UsageError("Give either two or more --model, or two or more RESULTs.")
    if results and len(sweeps.sizes) > 1:
        raise click.UsageError("A curve over sizes is made from --model; RESULTs have one size each.")
    if len({Path(model).stem for model in models}) < len(models):
        raise click.UsageError("Two --model have the same name; give each once, or rename one of the cards.")
    if not math.isfinite(failure_mm):
        raise click.UsageError("--failure-mm is a length in millimetres.")


def _main_size(sizes: tuple[int, ...]) -> int:
    """The occluder of the tables: 40 px as in the paper where it is among the sizes, else the middle one."""
    return 40 if 40 in sizes else sizes[len(sizes) // 2]


def _surveyed(
    sweeps: SeveralSweeps, body: BodyOptions, dataset: dict[str, Any], joints: str, out: Path
) -> dict[int, list[Survey]]:
    """The surveys of all models by size, made where they are missing."""
    from occlusion_toolkit.body.joints import joint_set
    from occlusion_toolkit.cli import console
    from occlusion_toolkit.cli.dataset_options import chosen_people
    from occlusion_toolkit.comparison.run import SurveySettings, survey_folder, survey_of
    from occlusion_toolkit.models.registry import load_card

    bodies = body.bodies(*(load_card(model) for model in sweeps.models))
    settings = SurveySettings(chosen_people(**dataset), bodies, joint_set(joints), sweeps.place())
    found: dict[int, list[Survey]] = {}
    for size in sweeps.sizes:
        for model in sweeps.models:
            source = sweeps.of(model, size).source(bodies)
            try:
                with console.progress(f"images, {model}, {size} px") as progress:
                    survey = survey_of(source, settings, survey_folder(out, source), progress=progress)
            except KeyboardInterrupt:
                console.warn("stopped; finished images are kept, and the same line goes on from there")
                raise
            found.setdefault(size, []).append(survey)
    return found


def _examples(
    rule: str,
    stored: StoredComparison,
    surveys: dict[str, Survey],
    sweeps: SeveralSweeps,
    dataset: dict[str, Any],
    bodies: Bodies,
    aligned: bool,
    out: Path,
) -> dict[str, HeatmapResult]:
    """What every model makes of the example under every window, by name; nothing where it cannot be swept."""
    from typing import cast

    from occlusion_toolkit.cli import console
    from occlusion_toolkit.cli.dataset_options import chosen_people
    from occlusion_toolkit.comparison.example import choose_example, example_heatmaps, source_of
    from occlusion_toolkit.errors import OcclusionToolkitError

    if rule == "none" or stored.read_out != "error":
        return {}
    given = dict(zip(surveys, sweeps.models, strict=True)) if sweeps.models else {}
    try:
        people = chosen_people(**dataset)
        position = choose_example(list(surveys.values()), cast("ExampleRule", rule), stored.read_out)
        sources = {
            name: sweeps.of(model, survey.grid.size).source(bodies)
            if (model := given.get(name))
            else source_of(survey, bodies)
            for name, survey in surveys.items()
        }
        with console.progress("windows of the example") as progress:
            return example_heatmaps(
                surveys,
                sources,
                people,
                position,
                bodies,
                sweeps.place(),
                out / "example",
                aligned=aligned,
                progress=progress,
            )
    except OcclusionToolkitError as error:
        if sweeps.models:
            raise
        console.warn(f"no pictures of an example: {error}")
        return {}
