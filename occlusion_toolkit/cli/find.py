"""`occlusion-toolkit find`: the people in pictures."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from occlusion_toolkit.cli import console
from occlusion_toolkit.cli.help import examples
from occlusion_toolkit.errors import ResultError
from occlusion_toolkit.files.texts import printable

if TYPE_CHECKING:
    from occlusion_toolkit.find.person import FoundPerson

_SHOWN_IMAGES = 18
_COLUMNS = ("x", "y", "width", "height", "crop's side", "score")


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
@click.option("--overwrite", is_flag=True, help="Replace pictures that are there.")
@console.verbose_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def find(images: tuple[Path, ...], out: Path | None, overwrite: bool, verbose: bool, as_json: bool) -> None:
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
    taken = [out / name for name in names if (out / name).exists()] if out and not overwrite else []
    if taken:
        raise ResultError(f"{str(taken[0])!r} is there already; choose another --out, or --overwrite")
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
    if verbose or len(results) == 1:
        for result in results:
            _print_people(*result)
    else:
        _print_counts(results)
    console.print_files(files, verbose=verbose)


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
        console.out.print(printable(f"{title}: nobody found"), soft_wrap=True)
        return
    table = console.plain_table(title)
    for name in ("person", *_COLUMNS):
        table.add_column(name, justify="right")
    for number, person in enumerate(people, start=1):
        table.add_row(str(number), *_cells(person))
    console.out.print(table)
    if cut := [n for n, person in enumerate(people, start=1) if person.reaches_beyond(height, width)]:
        console.out.print(f"not wholly in the image: {', '.join(map(str, cut))}")


def _print_counts(results: Sequence[tuple[Path, int, int, Sequence[FoundPerson]]]) -> None:
    """Prints a line for each image: how many people, and where the largest is."""
    count = sum(len(people) for *_, people in results)
    table = console.plain_table(f"{len(results)} images, {count} people; the largest of each")
    table.add_column("image", overflow="ellipsis", no_wrap=True)
    for name in ("people", *_COLUMNS):
        table.add_column(name, justify="right")
    for path, _, _, people in results[:_SHOWN_IMAGES]:
        largest = _cells(people[0]) if people else []
        table.add_row(printable(str(path)), str(len(people)), *largest)
    console.out.print(table)
    more = len(results) - _SHOWN_IMAGES
    cut = f"... and {more} more images; " if more > 0 else ""
    console.out.print(f"{cut}--verbose shows everybody, --json their landmarks too")


def _cells(person: FoundPerson) -> list[str]:
    return [*(f"{value:.0f}" for value in (*person.bbox_xywh, person.box.size)), f"{person.score:.2f}"]


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 1) for value in values]
