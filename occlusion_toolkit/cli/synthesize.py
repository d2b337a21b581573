"""`occlusion-toolkit synthesize`: renders synthetic people with exact ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from occlusion_toolkit.cli.help import examples

if TYPE_CHECKING:
    from occlusion_toolkit.open_world.splits import Split


def parse_size(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, int]:
    """Return (width, height) of a value such as 320x320."""
    wide, cross, high = value.lower().partition("x")
    if not (cross and wide.isdigit() and high.isdigit()):
        raise click.BadParameter(f"{value!r} is not WIDTHxHEIGHT in pixels, such as 320x320")
    return int(wide), int(high)


@click.command(
    epilog=examples(
        "synthesize --count 80 --out out/people",
        "synthesize --count 800 --split test --workers 4 --out out/people",
    )
)
@click.option("--count", type=click.IntRange(min=1), required=True, help="Images to have in all.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to."
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="The same seed gives the same images.",
)
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    default="train",
    show_default=True,
    help="Splits share no shapes, poses, hues, patterns or places.",
)
@click.option(
    "--frames-per-sequence",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Images per person.",
)
@click.option(
    "--size",
    default="320x320",
    show_default=True,
    callback=parse_size,
    help="Image size in pixels, WIDTHxHEIGHT.",
)
@click.option(
    "--backgrounds",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of photographs to use as backgrounds.",
)
@click.option(
    "--backgrounds-share",
    type=click.FloatRange(0.0, 1.0),
    default=0.5,
    show_default=True,
    help="Share of the sequences before a photograph, where --backgrounds is given.",
)
@click.option(
    "--occluded-share",
    type=click.FloatRange(0.0, 0.5),
    help="Share of the people with something in front of them, and as many cut by the frame; otherwise 0.15 "
    "in training and 0 elsewhere.",
)
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes to render with."
)
def synthesize(
    count: int,
    out: Path,
    seed: int,
    split: Split,
    frames_per_sequence: int,
    size: tuple[int, int],
    backgrounds: Path | None,
    backgrounds_share: float,
    occluded_share: float | None,
    workers: int,
) -> None:
    """Render synthetic people into the file layout of 3DPW, with part-label maps.

    The body is the open body, so poses, shapes and cameras in the sequence files are exact. A run that was
    stopped goes on where it left off. Needs an OpenGL driver reached through EGL and the extra
    occlusion-toolkit[synthesize].
    """
    from occlusion_toolkit.cli import console
    from occlusion_toolkit.cli.interruption import when_interrupted
    from occlusion_toolkit.open_world import synthesize as open_world

    when_interrupted("finished sequences are kept")
    with console.progress(f"{split} images") as report:
        people = open_world.synthesize(
            out,
            count=count,
            seed=seed,
            split=split,
            frames_per_sequence=frames_per_sequence,
            size=size,
            backgrounds=backgrounds,
            backgrounds_share=backgrounds_share,
            occluded_share=occluded_share,
            workers=workers,
            progress=report,
        )
    click.echo(f"{people.images} images of the {split} split in {out} ({people.rendered} rendered now)")
