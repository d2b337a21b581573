"""`occlusion-toolkit mesh`: a data set in, occlusion-sensitivity meshes of the body out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from occlusion_toolkit.cli import console
from occlusion_toolkit.cli.body_options import BodyOptions, body_options
from occlusion_toolkit.cli.dataset_options import chosen_people, dataset_options
from occlusion_toolkit.cli.help import examples
from occlusion_toolkit.cli.interruption import when_interrupted
from occlusion_toolkit.cli.look_options import look_options
from occlusion_toolkit.cli.sweep_options import SweepOptions, sweep_options
from occlusion_toolkit.cli.worker_options import WorkerOptions, worker_options

if TYPE_CHECKING:
    from occlusion_toolkit.body.rasterize import RasterizerChoice
    from occlusion_toolkit.meshes.table import JointSensitivity, MeshTable


@click.command(
    epilog=examples(
        "mesh --model pare-open --out out/pare",
        "mesh --model pare --dataset 3dpw --root /data/3dpw --workers 4 --out out/pare --resume",
    )
)
@dataset_options
@sweep_options(stride=16)
@body_options
@click.option("--joints", type=click.Choice(["lsp14", "smpl24"]), default="lsp14", show_default=True)
@click.option(
    "--metric",
    help="What to pool: error (default), increase, displacement, or one of your own, such as mine_error.",
)
@click.option("--pa", is_flag=True, help="Pool values after Procrustes alignment (PA-MPJPE).")
@click.option(
    "--rasterizer",
    type=click.Choice(["auto", "builtin", "pytorch3d"]),
    default="auto",
    show_default=True,
    help="What decides which vertices are seen; auto takes PyTorch3D on a GPU where it is installed.",
)
@worker_options
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the run in the output folder, making damaged shards again; starts one if none is.",
)
@look_options
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write an interactive page (.html).",
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/mesh"), show_default=True)
@console.verbose_option
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON instead of a table.")
def mesh(
    sweep: SweepOptions,
    body: BodyOptions,
    joints: str,
    metric: str | None,
    pa: bool,
    rasterizer: RasterizerChoice,
    workers: WorkerOptions,
    resume: bool,
    report: Path | None,
    out: Path,
    verbose: bool,
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
    from occlusion_toolkit.body.rasterize import rasterizer as check_rasterizer
    from occlusion_toolkit.cli.selection import metric_of
    from occlusion_toolkit.files.atomic import staging_folder
    from occlusion_toolkit.meshes.pictures import draw_all
    from occlusion_toolkit.surveys.run import SHARD_SIZE, survey

    shown = metric_of(metric, pa, True)
    settings = sweep.settings(body, joints, shown)
    check_rasterizer(rasterizer, settings.device)
    started = time.perf_counter()
    when_interrupted("finished shards are kept", "--resume")
    with console.progress("images swept", line_every=SHARD_SIZE) as tell:
        surveyed = survey(
            settings,
            chosen_people(**dataset, protocols=[settings.protocol]),
            out=out,
            resume=resume,
            announce=lambda plan: click.echo(f"plan: {plan}", err=True),
            progress=tell,
            **workers.settings(),
        )
    swept = time.perf_counter()
    if not surveyed.complete:
        done = surveyed.num_shards - len(surveyed.missing())
        click.echo(
            f"this part is done: {done} of {surveyed.num_shards} shards are in {out}; the last part pools"
        )
        return
    with staging_folder(out) as folder:
        with console.progress("images pooled") as tell:
            pooled = surveyed.mesh(shown, rasterizer=rasterizer, device=settings.device, progress=tell)
        pooled.save(folder / "mesh.h5")
        pooled.save(folder / "vertices.csv")
        with console.progress("pictures") as tell:
            drawn = draw_all(pooled, folder, tell)
    files = [out / path.name for path in drawn] + [out / "vertices.csv", out / "mesh.h5"]
    if report is not None:
        pooled.report(report)
        files.append(report)
    table = pooled.table()
    seconds = {"survey": swept - started, "meshes": time.perf_counter() - swept}
    if as_json:
        console.print_json(table.as_json() | {"seconds": seconds, "files": [str(path) for path in files]})
    else:
        _print(table, seconds, files, verbose)


def _print(summary: MeshTable, seconds: Mapping[str, float], files: list[Path], verbose: bool) -> None:
    """Print which part of the body each joint depends on."""
    from occlusion_toolkit.plotting.metric_text import joint_title, metric_text
    from occlusion_toolkit.surveys.plan import duration

    overall = summary.overall
    worst = max(summary.joints, key=lambda joint: joint.worst_part_mm)
    console.out.print(
        f"{summary.model} on {summary.dataset}, {summary.images} images: {metric_text(summary.metric)} in "
        f"mm, mean over joints {overall.mean_mm:.0f}; most under the {joint_title(overall.worst_part)}, "
        f"{overall.worst_part_mm:.0f}; worst joint {joint_title(worst.joint)}, {worst.worst_part_mm:.0f}.",
        soft_wrap=True,
    )
    table = console.plain_table("by the part of the body that is hidden, mm")
    table.add_column("joint")
    for name in ("whole", "own part", "neighbours", "elsewhere"):
        table.add_column(name, justify="right")
    table.add_column("worst part")
    for joint in summary.joints:
        table.add_row(*_cells(joint))
    table.add_row(*_cells(overall), style="bold")
    console.out.print(table)
    console.print_files(files, verbose=verbose)
    if not verbose:
        return
    unseen = f"; {summary.unseen} of {summary.vertices} vertices are never seen" if summary.unseen else ""
    click.echo(
        f"{summary.images} images of {summary.sequences} sequences{unseen}; protocol {summary.protocol}"
    )
    click.echo(", ".join(f"{stage} {duration(value)}" for stage, value in seconds.items()))


def _cells(joint: JointSensitivity) -> list[str]:
    numbers = (joint.mean_mm, joint.own_mm, joint.neighbours_mm, joint.elsewhere_mm)
    shown = ["" if value is None else f"{value:.0f}" for value in numbers]
    return [
        joint.joint.replace("_", " "),
        *shown,
        f"{joint.worst_part.replace('_', ' ')} {joint.worst_part_mm:.0f}",
    ]
