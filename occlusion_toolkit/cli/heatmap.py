"""`occlusion-toolkit heatmap`: one image in, per-joint occlusion-sensitivity heatmaps out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click
from rich.table import Table

from occlusion_toolkit.cli import console
from occlusion_toolkit.cli.body_options import BodyOptions, body_options
from occlusion_toolkit.cli.person_options import PersonOptions, person_options
from occlusion_toolkit.cli.sweep_options import SweepOptions, sweep_options

if TYPE_CHECKING:
    from occlusion_toolkit.heatmaps.table import HeatmapTable, JointRow


@click.command()
@click.argument("image", type=click.Path(path_type=Path))
@person_options
@click.option(
    "--ground-truth",
    metavar="FILE|ROOT:SPLIT/SEQUENCE:FRAME",
    help="True pose, shape and camera: an .npz file, or a frame of a data set in 3DPW's layout.",
)
@sweep_options(stride=8)
@body_options
@click.option(
    "--joints", default="lsp14", show_default=True, help="lsp14, smpl24, or names: left_wrist,right_wrist."
)
@click.option(
    "--metric",
    help="What the maps show: error, increase, displacement, or a metric of your own, such as mine_error. "
    "Default: error with ground truth, displacement without.",
)
@click.option("--pa", is_flag=True, help="Align every prediction by Procrustes first (PA-MPJPE).")
@click.option("--limits", type=click.Choice(["shared", "per-joint"]), default="shared", show_default=True)
@click.option("--smooth", is_flag=True, help="Interpolate the pictures; stored numbers never change.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/heatmap"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON instead of a table.")
def heatmap(
    image: Path,
    person: PersonOptions,
    ground_truth: str | None,
    sweep: SweepOptions,
    body: BodyOptions,
    joints: str,
    metric: str | None,
    pa: bool,
    limits: str,
    smooth: bool,
    out: Path,
    as_json: bool,
) -> None:
    """Slide an occluder over the person in IMAGE and map how far every joint is thrown off.

    Without ground truth the maps show displacement: the distance from the model's own prediction on the
    clean image. With it they show the error, as the PARE paper does (Section 3, Figure 2).

    The person is found in the picture unless an option or the ground truth says where they are.

    Writes heatmaps.png, heatmaps.pdf, summary.png and result.h5 into the output folder.
    """
    from occlusion_toolkit.cli.selection import metric_of, select_joints
    from occlusion_toolkit.files.atomic import staging_folder
    from occlusion_toolkit.heatmaps.pictures import draw_all

    joint_set, names = select_joints(joints)
    shown = metric_of(metric, pa, bool(ground_truth))
    settings = sweep.settings(body, joint_set, shown)
    crop = person.crop(image, ground_truth, sweep.model)
    console.warn(*crop.warnings)
    if crop.truth is not None and crop.truth.topology is None:
        console.warn(f"the ground truth does not name its body; {settings.body.topology} is assumed")
    with staging_folder(out) as folder:
        started = time.perf_counter()
        with console.progress("windows") as report:
            maps = settings(crop, report).focused(shown, names)
        seconds = time.perf_counter() - started
        maps.save(folder / "result.h5")
        drawn = draw_all(maps, folder, shared_limits=limits == "shared", smooth=smooth)
    files = [out / path.name for path in drawn] + [out / "result.h5"]
    table = maps.table()
    if as_json:
        console.print_json(table.as_json() | {"seconds": seconds, "files": [str(path) for path in files]})
    else:
        _print(table, seconds, files)


def _print(summary: HeatmapTable, seconds: float, files: list[Path]) -> None:
    """Print the table of a heatmap: the worst window of every joint."""
    from occlusion_toolkit.plotting.metric_text import metric_text

    table = Table(
        title=f"{summary.model} on {summary.image}: {metric_text(summary.metric)} in mm", title_justify="left"
    )

    table.add_column("joint")
    for name in ("clean", "mean", "worst"):
        if name != "clean" or summary.overall.clean_mm is not None:
            table.add_column(name, justify="right")
    table.add_column("worst window\nrows, columns")
    table.add_column("which hides")
    for joint in summary.joints:
        table.add_row(*_cells(joint))
    table.add_section()
    table.add_row(*_cells(summary.overall), style="bold")
    console.out.print(table)
    rate = (summary.windows + 1) / seconds
    console.out.print(
        f"{summary.windows} windows and the clean crop in {seconds:.1f} s ({rate:.0f}/s); "
        f"protocol {summary.protocol}"
    )
    if summary.deviation_mm is not None:
        console.out.print(f"the faster arithmetic moves joints by up to {summary.deviation_mm:.2f} mm")
    for path in files:
        click.echo(f"  {path}")


def _cells(joint: JointRow) -> list[str]:
    from occlusion_toolkit.plotting.metric_text import window_text

    clean = [] if joint.clean_mm is None else [f"{joint.clean_mm:.0f}"]
    window = window_text(joint.worst_window, words=False)
    hides = ", ".join(name.replace("_", " ") for name in joint.hides) or "no joint"
    name = joint.joint.replace("_", " ")
    return [name, *clean, f"{joint.mean_mm:.0f}", f"{joint.worst_mm:.0f}", window, hides]
