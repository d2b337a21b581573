"""`occlusion-toolkit mesh`: a data set in, occlusion-sensitivity meshes of the body out."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from occlusion_toolkit.cli.body_options import BodyOptions, body_options
from occlusion_toolkit.cli.dataset_options import dataset_options
from occlusion_toolkit.cli.sweep_options import SweepOptions, sweep_options
from occlusion_toolkit.cli.worker_options import WorkerOptions, worker_options

if TYPE_CHECKING:
    from occlusion_toolkit.body.bodies import Bodies
    from occlusion_toolkit.surveys.stored import Survey


@click.command()
@dataset_options
@sweep_options(stride=16)
@body_options
@click.option("--joints", type=click.Choice(["lsp14", "smpl24"]), default="lsp14", show_default=True)
@click.option("--pa", is_flag=True, help="Pool values after Procrustes alignment (PA-MPJPE).")
@worker_options
@click.option(
    "--resume", is_flag=True, help="Go on with the run in the output folder; starts one if none is."
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/mesh"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON instead of a table.")
def mesh(
    sweep: SweepOptions,
    body: BodyOptions,
    joints: str,
    pa: bool,
    workers: WorkerOptions,
    resume: bool,
    out: Path,
    as_json: bool,
    **dataset: Any,
) -> None:
    """Sweep a whole data set and show, on the body, where occlusion hurts which joint.

    Every image is swept as by `heatmap`; the maps are carried to the vertices that the image shows, and
    pooled (PARE, Section 3, Figures 3 and 5). A run that was stopped goes on with --resume.

    Writes mesh.png (the error, joint by joint), mesh_mean.png (the mean over the joints, large) and
    mesh_increase.png (what occlusion adds to the error), each as .pdf too, mesh.glb, mesh/<joint>.ply,
    vertices.csv and mesh.h5 into the output folder, beside the maps of all images (survey.json, shards/).
    """
    from occlusion_toolkit.cli import console
    from occlusion_toolkit.files.atomic import staging_folder
    from occlusion_toolkit.meshes.console import print_mesh
    from occlusion_toolkit.meshes.figures import draw_mesh
    from occlusion_toolkit.meshes.run import make_mesh
    from occlusion_toolkit.meshes.table import summarise_mesh
    from occlusion_toolkit.models.registry import load_card

    bodies = body.bodies(load_card(sweep.model))
    started = time.perf_counter()
    with _interruptible():
        survey = _surveyed(sweep, bodies, joints, workers, resume, out, dataset)
    surveyed = time.perf_counter()
    if not survey.complete:
        done = survey.num_shards - len(survey.missing())
        click.echo(
            f"this part is done: {done} of {survey.num_shards} shards are in {out}; the last part pools"
        )
        return
    with _interruptible(), staging_folder(out) as folder:
        with console.progress("images pooled") as report:
            result, surface = make_mesh(survey, bodies, folder, aligned=pa, progress=report)
        drawn = draw_mesh(result, surface, folder)
    files = [out / path.name for path in drawn] + [out / "vertices.csv", out / "mesh.h5"]
    summary = summarise_mesh(result, surface)
    seconds = {"survey": surveyed - started, "meshes": time.perf_counter() - surveyed}
    if as_json:
        console.print_json(summary.as_json() | {"seconds": seconds, "files": [str(path) for path in files]})
    else:
        print_mesh(summary, seconds, files)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Says, when Ctrl-C ends the block, how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        again = [*sys.argv[1:], *([] if "--resume" in sys.argv else ["--resume"])]
        click.echo("interrupted; finished shards are kept, go on with:", err=True)
        click.echo(f"  occlusion-toolkit {shlex.join(again)}", err=True)
        sys.exit(1)


def _surveyed(
    sweep: SweepOptions,
    bodies: Bodies,
    joints: str,
    workers: WorkerOptions,
    resume: bool,
    out: Path,
    dataset: dict[str, Any],
) -> Survey:
    """The run of the sweeps, with its plan and its progress on the screen."""
    from occlusion_toolkit.body.joints import joint_set
    from occlusion_toolkit.cli import console
    from occlusion_toolkit.cli.dataset_options import chosen_people
    from occlusion_toolkit.meshes.console import print_plan
    from occlusion_toolkit.surveys.run import run_survey

    source = sweep.source(bodies)
    part, place, chosen = workers.part(), sweep.place(), workers.workers()
    people = chosen_people(**dataset)
    with console.progress("images swept") as report:
        return run_survey(
            source,
            people,
            bodies,
            out,
            device=place,
            joint_set=joint_set(joints),
            part=part,
            resume=resume,
            workers=chosen,
            announce=print_plan,
            progress=report,
        )
