"""`occlusion-toolkit heatmap`: one image in, per-joint occlusion-sensitivity heatmaps out."""

import time
from pathlib import Path
from typing import Literal

import rich_click as click

from occlusion_toolkit.cli.body_options import BodyOptions, body_options
from occlusion_toolkit.cli.person_options import PersonOptions, person_options
from occlusion_toolkit.cli.sweep_options import SweepOptions, sweep_options
from occlusion_toolkit.cli.trust_option import trusted_files


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
    type=click.Choice(["error", "increase", "displacement"]),
    help="What the maps show. Default: error with ground truth, displacement without.",
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
    metric: Literal["error", "increase", "displacement"] | None,
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
    from occlusion_toolkit.cli import console
    from occlusion_toolkit.cli.selection import select_joints
    from occlusion_toolkit.data.ground_truth import load_ground_truth
    from occlusion_toolkit.files.atomic import staging_folder
    from occlusion_toolkit.files.images import read_image
    from occlusion_toolkit.heatmaps.figures import draw_heatmap
    from occlusion_toolkit.heatmaps.run import Photograph, run_heatmap
    from occlusion_toolkit.heatmaps.table import summarise
    from occlusion_toolkit.models.registry import load_card, load_regressor
    from occlusion_toolkit.sweep.engine import Engine
    from occlusion_toolkit.sweep.results import Focus, write_heatmap

    if metric in ("error", "increase") and not ground_truth:
        raise click.UsageError(f"--metric {metric} needs --ground-truth.")
    joint_set, names = select_joints(joints)
    focus = Focus(
        read_out=metric or ("error" if ground_truth else "displacement"),
        joint_set=joint_set.name,
        joints=names,
        aligned=pa,
    )
    windows, pasted, place = sweep.windows(), sweep.pasted(), sweep.place()
    picture = read_image(image)
    truth = load_ground_truth(ground_truth, trusted_files()) if ground_truth else None
    box, box_rule = person.box(picture, truth)
    card = load_card(sweep.model)
    bodies = body.bodies(card)
    engine = Engine(
        load_regressor(sweep.model, place, trusted_files()),
        bodies.load(card.body),
        windows,
        pasted,
        sweep.batch_size,
        sweep.precision,
        sweep.compile,
    )
    console.warn(*picture.warnings)
    if truth and truth.topology is None:
        console.warn(f"the ground truth does not name its body; {card.body} is assumed")
    with staging_folder(out) as folder:
        started = time.perf_counter()
        with console.progress("windows") as report:
            photograph = Photograph(image, picture, box, box_rule)
            result = run_heatmap(engine, bodies, photograph, focus, truth, report)
        seconds = time.perf_counter() - started
        write_heatmap(folder / "result.h5", result)
        drawn = draw_heatmap(result, engine.body, folder, shared_limits=limits == "shared", smooth=smooth)
    files = [out / path.name for path in drawn] + [out / "result.h5"]
    summary = summarise(result, engine.body)
    if as_json:
        console.print_json(summary.as_json() | {"seconds": seconds, "files": [str(path) for path in files]})
    else:
        console.print_heatmap(summary, seconds, files)
