"""`occlusion-toolkit find`: the people in pictures."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from occlusion_toolkit.cli import console
from occlusion_toolkit.cli.help import examples
from occlusion_toolkit.files.texts import printable

if TYPE_CHECKING:
    from occlusion_toolkit.find.person import FoundPerson


@click.command(
    epilog=examples(
        "find photo.jpg",
        "find people/ --out out/people",
    )
)
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IMAGE...")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Also draw the people, one PNG an image."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def find(images: tuple[Path, ...], out: Path | None, as_json: bool) -> None:
    """Find the people in every IMAGE, the largest first.

    An IMAGE is a file, a folder of images, a pattern in quotes, or a short video, which stands for its
    frames (written to DIR/frames, or out/find/frames).

    The number beside a person is what --person takes in `heatmap` and `attention`.
    """
    from PIL import Image

    from occlusion_toolkit.files.atomic import staging_folder
    from occlusion_toolkit.files.images import read_image
    from occlusion_toolkit.find.drawing import draw_people, drawing_names
    from occlusion_toolkit.find.images import found_images
    from occlusion_toolkit.find.people import find_people

    with console.progress("frames") as report:
        found = found_images(images, (out or Path("out", "find")) / "frames", progress=report)
    names, results = drawing_names(found), []
    with console.progress("images") as report, staging_folder(out) if out else nullcontext() as folder:
        for done, (path, name) in enumerate(zip(found, names, strict=True), start=1):
            picture = read_image(path)
            console.warn(*picture.warnings)
            people, (height, width) = find_people(picture.pixels), picture.pixels.shape[:2]
            results.append((path, height, width, people))
            if folder:
                Image.fromarray(draw_people(picture.pixels, people)).save(folder / name)
            report(done, len(found))
    files = [out / name for name in names] if out else []
    if as_json:
        images_as_json = [_as_json(*result) for result in results]
        console.print_json({"images": images_as_json, "files": [str(path) for path in files]})
        return
    for result in results:
        _print_people(*result)
    console.print_files(files, verbose=True)


def _as_json(path: Path, height: int, width: int, people: Sequence[FoundPerson]) -> dict[str, Any]:
    """The people of one image in plain values; pixels with a tenth, certainties with three digits."""
    from occlusion_toolkit.find.person import LANDMARKS

    return {
        "image": str(path),
        "width": width,
        "height": height,
        "people": [
            {
                "person": number,
                "bbox_xywh_px": _rounded(person.bbox_xywh),
                "crop": {"centre_px": _rounded(person.box.centre), "side_px": round(person.box.size, 1)},
                "score": round(person.score, 3),
                "reaches_beyond_image": person.reaches_beyond(height, width),
                "landmarks_px": {
                    name: _rounded(point)
                    for name, point in zip(LANDMARKS, person.landmarks_px.tolist(), strict=True)
                },
            }
            for number, person in enumerate(people, start=1)
        ],
    }


def _print_people(path: Path, height: int, width: int, people: Sequence[FoundPerson]) -> None:
    """Prints a row for every person of an image, or that nobody is in it."""
    title = f"{path}, {width} x {height} pixels"
    if not people:
        console.out.print(printable(f"{title}: nobody found"))
        return
    table = console.plain_table(title)
    for name in ("person", "x", "y", "width", "height", "crop's side", "score"):
        table.add_column(name, justify="right")
    for number, person in enumerate(people, start=1):
        numbers = (*person.bbox_xywh, person.box.size)
        table.add_row(str(number), *(f"{value:.0f}" for value in numbers), f"{person.score:.2f}")
    console.out.print(table)
    if cut := [n for n, person in enumerate(people, start=1) if person.reaches_beyond(height, width)]:
        console.out.print(f"not wholly in the image: {', '.join(map(str, cut))}")


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 1) for value in values]
