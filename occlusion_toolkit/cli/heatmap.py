"""`occlusion-toolkit heatmap`: one image in, per-joint occlusion-sensitivity heatmaps out; or several."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from occlusion_toolkit.cli import console
from occlusion_toolkit.cli.body_options import BodyOptions, body_options
from occlusion_toolkit.cli.help import examples
from occlusion_toolkit.cli.interruption import when_interrupted
from occlusion_toolkit.cli.look_options import look_options
from occlusion_toolkit.cli.person_options import PersonOptions, person_options
from occlusion_toolkit.cli.sweep_options import SweepOptions, sweep_options
from occlusion_toolkit.files.texts import printable

if TYPE_CHECKING:
    from occlusion_toolkit.find.crop import Crop
    from occlusion_toolkit.heatmaps.run import Heatmap
    from occlusion_toolkit.heatmaps.table import JointRow

_SHOWN_IMAGES = 15
_LEFT_OF_HIDDEN = 56  # columns of the terminal


@click.command(
    epilog=examples(
        "heatmap photo.jpg",
        "heatmap photo.jpg --person 2 --stride 4 --out out/second",
        "heatmap people/ 'more/run-?.png' --out out/people --resume",
        "heatmap walk.mp4 --every 10",
        "heatmap photo.jpg --ground-truth photo.npz --joints left_wrist,right_wrist --pa",
    )
)
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IMAGE...")
@person_options
@click.option(
    "--ground-truth",
    metavar="FILE|ROOT:SPLIT/SEQUENCE:FRAME",
    help="True pose, shape and camera: an .npz file, or a frame of a data set in 3DPW's layout. For several "
    "images a folder with NAME.npz for NAME.jpg.",
)
@click.option(
    "--every", type=click.IntRange(min=1), default=1, show_default=True, help="Of a video, every Nth frame."
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
@look_options
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write an interactive page (.html) of the one image.",
)
@click.option(
    "--seen-only", is_flag=True, help="Leave windows that the model cannot see out of the means of the table."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the results; of several images, with a folder for each. Default: out/heatmap/NAME.",
)
@click.option("--resume", is_flag=True, help="Keep results that are there, and make what is missing.")
@click.option("--overwrite", is_flag=True, help="Replace results that are there.")
@console.verbose_option
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON instead of a table.")
def heatmap(
    images: tuple[Path, ...],
    person: PersonOptions,
    ground_truth: str | None,
    every: int,
    sweep: SweepOptions,
    body: BodyOptions,
    joints: str,
    metric: str | None,
    pa: bool,
    limits: str,
    smooth: bool,
    seen_only: bool,
    report: Path | None,
    out: Path | None,
    resume: bool,
    overwrite: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Slide an occluder over the person in IMAGE and map how far every joint is thrown off.

    Without ground truth the maps show displacement: the distance from the model's own prediction on the
    clean image. With it they show the error, as the PARE paper does (Section 3, Figure 2).

    An IMAGE is a file, a folder of images, a pattern in quotes, or a short video, which stands for its
    frames. The person is found in every picture unless an option or the ground truth says where they are.

    Writes heatmaps.png, heatmaps.pdf, summary.png, table.csv and result.h5 for each image, and for several
    images.csv, a line for each.
    """
    from occlusion_toolkit.cli.selection import metric_of, select_joints
    from occlusion_toolkit.files.atomic import make_folder, write_text
    from occlusion_toolkit.find.images import found_images, is_one_file, unique_names
    from occlusion_toolkit.heatmaps.occlusion_maps import open_maps
    from occlusion_toolkit.heatmaps.run import RESULT, heatmaps, images_csv

    joint_set, names = select_joints(joints)
    shown = metric_of(metric, pa, bool(ground_truth))
    settings = sweep.settings(body, joint_set, shown)
    root = out or Path("out", "heatmap")
    alone = is_one_file(images)
    if alone:
        found = list(images)
        folders = [root if out else root / found[0].stem]
    else:
        when_interrupted("finished images are kept", "--resume")
        if report is not None:
            raise click.UsageError("--report goes with one image.")
        with console.progress("frames") as tell:
            found = found_images(images, root / "frames", every, tell)
        folders = [root / name for name in unique_names(found)]

    def read(image: Path) -> Crop:
        crop = person.crop(image, ground_truth, sweep.model)
        if crop.truth is not None and crop.truth.topology is None:
            console.warn(f"the ground truth does not name its body; {settings.body.topology} is assumed")
        return crop

    done = []
    for each in heatmaps(
        settings,
        dict(zip(found, folders, strict=True)),
        read,
        metric=shown,
        joints=names,
        resume=resume,
        overwrite=overwrite,
        seen_only=seen_only,
        summary=None if alone else root / "images.csv",
        drawing={"shared_limits": limits == "shared", "smooth": smooth},
        stage=console.progress,
    ):
        done.append(each)
        if not alone and each.problem:
            console.warn(f"{each.image}: {each.problem}")
        elif not alone:
            console.say(f"{len(done)} of {len(found)}: {each.folder}")
    if not alone:
        write_text(make_folder(root) / "images.csv", images_csv(done))
    if report is not None:
        open_maps(done[0].folder / RESULT, settings.bodies, settings.occluder).report(report)
    if as_json:
        console.print_json(_as_json(done, root, alone=alone))
    elif alone:
        _print(done[0], verbose)
        if report is not None:
            click.echo(f"page: {report}")
    else:
        _print_several(done, root, verbose)
    if any(each.problem for each in done):
        raise SystemExit(1)


def _as_json(done: Sequence[Heatmap], root: Path, *, alone: bool) -> dict[str, Any]:
    """Everything that is printed, and the paths."""
    entries = [
        ({"image": str(each.image), "problem": each.problem} if each.table is None else each.table.as_json())
        | {"seconds": each.seconds, "files": [str(path) for path in each.files]}
        for each in done
    ]
    return entries[0] if alone else {"images": entries, "files": [str(root / "images.csv")]}


def _print(done: Heatmap, verbose: bool) -> None:
    """Print the worst window, and the table of the joints."""
    from occlusion_toolkit.plotting.metric_text import joint_title, metric_text, window_text

    summary = done.table
    if summary is None:
        return
    overall = summary.overall
    worst = max(summary.joints, key=lambda row: row.worst_mm)
    hidden = ", ".join(map(joint_title, overall.hides)) or "no joint"
    clean = "" if overall.clean_mm is None else f", {overall.clean_mm:.0f} mm clean"
    say = functools.partial(console.out.print, soft_wrap=True)
    say(
        f"{printable(summary.image)}, {summary.model}: {metric_text(summary.metric)}, mean over "
        f"joints {overall.mean_mm:.0f} mm{clean}."
    )
    say(
        f"Worst window: {overall.worst_mm:.0f} mm at {window_text(overall.worst_window)} (hides {hidden}); "
        f"worst joint: {joint_title(worst.joint)}, {worst.worst_mm:.0f} mm."
    )
    table = console.plain_table("")
    table.title = None
    table.add_column("joint")
    for name in ("clean", "mean", "worst"):
        if name != "clean" or overall.clean_mm is not None:
            table.add_column(f"{name}", justify="right")
    table.add_column("at rows, columns")
    room = max(12, console.out.width - _LEFT_OF_HIDDEN)  # a long list is cut, so that no other column breaks
    table.add_column("which hides", no_wrap=True, overflow="ellipsis", max_width=room)
    for joint in summary.joints:
        table.add_row(*_cells(joint))
    table.add_row(*_cells(overall), style="bold")
    console.out.print(table)
    if summary.unseen:
        say(f"{summary.unseen} windows lie where {summary.model} cannot see (--seen-only leaves them out).")
    console.print_files(done.files, verbose=verbose)
    if summary.deviation_mm is not None:
        mean_mm = f"{summary.deviation_mean_mm or 0.0:.2f} mm on average, "
        say(f"the faster arithmetic moves joints by {mean_mm}{summary.deviation_mm:.2f} mm at most")
    if verbose:
        took = "kept from before" if done.seconds is None else f"in {done.seconds:.1f} s"
        say(f"{summary.windows} windows and the clean crop {took}; protocol {summary.protocol}")


def _print_several(done: Sequence[Heatmap], root: Path, verbose: bool) -> None:
    """Print a line for each image, the worst first."""
    from occlusion_toolkit.plotting.metric_text import metric_text

    tables = [each.table for each in done if each.table is not None]
    failed = len(done) - len(tables)
    tables.sort(key=lambda table: -table.overall.worst_mm)
    if tables:
        means = [table.overall.mean_mm for table in tables]
        console.out.print(
            f"{len(tables)} images, {tables[0].model}: {metric_text(tables[0].metric)}, mean over joints and "
            f"windows {sum(means) / len(means):.0f} mm (from {min(means):.0f} to {max(means):.0f})."
        )
    table = console.plain_table("")
    table.title = None
    for name in ("image", "clean", "mean", "worst", "at rows, columns"):
        if name != "clean" or (tables and tables[0].overall.clean_mm is not None):
            table.add_column(name, justify="left" if name[0] in "ia" else "right")
    shown = tables if verbose else tables[:_SHOWN_IMAGES]
    for each in shown:
        table.add_row(printable(each.image), *_cells(each.overall)[1:-1])
    console.out.print(table)
    if len(shown) < len(tables):
        console.out.print(f"... and {len(tables) - len(shown)} more, which --verbose lists")
    if failed:
        console.out.print(f"{failed} of {len(done)} images could not be used; see above")
    console.print_files([root / "images.csv"])


def _cells(joint: JointRow) -> list[str]:
    from occlusion_toolkit.plotting.metric_text import joint_title, window_text

    clean = [] if joint.clean_mm is None else [f"{joint.clean_mm:.0f}"]
    window = window_text(joint.worst_window, words=False)
    hides = ", ".join(map(joint_title, joint.hides)) or "no joint"
    return [joint_title(joint.joint), *clean, f"{joint.mean_mm:.0f}", f"{joint.worst_mm:.0f}", window, hides]
