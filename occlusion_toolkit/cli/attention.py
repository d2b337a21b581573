"""`occlusion-toolkit attention`: where a PARE network looks for each body part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import rich_click as click

from occlusion_toolkit.cli.body_options import BodyOptions, body_options
from occlusion_toolkit.cli.person_options import PersonOptions, person_options
from occlusion_toolkit.cli.trust_option import trusted_files


@click.command()
@click.argument("image", type=click.Path(path_type=Path))
@person_options
@click.option(
    "--ground-truth",
    metavar="FILE|ROOT:SPLIT/SEQUENCE:FRAME",
    help="Ground truth, as for `heatmap`, to take the person's box from.",
)
@click.option(
    "--occlude",
    type=int,
    nargs=4,
    metavar="X Y W H",
    help="Also look at the crop with this rectangle of its 224x224 pixels under a grey occluder.",
)
@click.option(
    "--model", default="pare-open", show_default=True, help="Name of a card, or path of one (.yaml)."
)
@body_options
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/attention"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON instead of a table.")
def attention(
    image: Path,
    person: PersonOptions,
    ground_truth: str | None,
    occlude: tuple[int, int, int, int] | None,
    model: str,
    body: BodyOptions,
    device: str,
    out: Path,
    as_json: bool,
) -> None:
    """Map where in IMAGE the network looks for each of the 24 body parts (PARE, Figure 7).

    With --occlude the maps of the occluded crop stand beside those of the clean one, and the table says how
    much attention left the parts that are hidden. A part is where the network's own clean prediction shows
    it.

    The person is found in the picture unless an option says where they are.

    Writes attention.png, attention.pdf and attention.h5 into the output folder.
    """
    from occlusion_toolkit.attention_maps.console import print_attention
    from occlusion_toolkit.attention_maps.figure import attention_figure
    from occlusion_toolkit.attention_maps.result import write_attention
    from occlusion_toolkit.attention_maps.run import run_attention
    from occlusion_toolkit.attention_maps.table import summarise_attention
    from occlusion_toolkit.cli import console
    from occlusion_toolkit.cli.selection import select_device
    from occlusion_toolkit.data.ground_truth import load_ground_truth
    from occlusion_toolkit.files.atomic import staging_folder
    from occlusion_toolkit.files.images import read_image
    from occlusion_toolkit.heatmaps.run import Photograph
    from occlusion_toolkit.models.registry import load_card, load_regressor
    from occlusion_toolkit.plotting.figure_files import save_png_and_pdf
    from occlusion_toolkit.sweep.occluders import parse_occluder

    if ground_truth and person != PersonOptions(None, None, None):
        raise click.UsageError("Give one of --bbox, --openpose, --person and --ground-truth.")
    place = select_device(device)
    picture = read_image(image)
    truth = load_ground_truth(ground_truth, trusted_files()) if ground_truth else None
    box, box_rule = person.box(picture, truth)
    card = load_card(model)
    bodies = body.bodies(card)
    window = None
    if occlude is not None:
        x, y, width, height = occlude
        window = (y, y + height, x, x + width)
    result = run_attention(
        load_regressor(model, place, trusted_files()),
        bodies.load(card.body),
        Photograph(image, picture, box, box_rule),
        parse_occluder("grey", 1),
        window,
    )
    result = replace(result, card=result.card.model_copy(update={"trusted_files": trusted_files().recorded}))
    console.warn(*picture.warnings)
    with staging_folder(out) as folder:
        write_attention(folder / "attention.h5", result)
        drawn = save_png_and_pdf(attention_figure(result), folder, "attention")
    files = [out / path.name for path in drawn] + [out / "attention.h5"]
    summary = summarise_attention(result)
    if as_json:
        console.print_json(summary.as_json() | {"files": [str(path) for path in files]})
    else:
        print_attention(summary, files)
