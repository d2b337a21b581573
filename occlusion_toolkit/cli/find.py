"""`occlusion-toolkit find`: the people in pictures."""

from contextlib import nullcontext
from pathlib import Path

import rich_click as click

from occlusion_toolkit.cli.help import examples


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

    from occlusion_toolkit.cli import console
    from occlusion_toolkit.files.atomic import staging_folder
    from occlusion_toolkit.files.images import read_image
    from occlusion_toolkit.find.console import PeopleInImage, print_people
    from occlusion_toolkit.find.drawing import draw_people, drawing_names
    from occlusion_toolkit.find.images import found_images
    from occlusion_toolkit.find.people import find_people

    with console.progress("frames") as report:
        found = found_images(images, (out or Path("out", "find")) / "frames", progress=report)
    results = []
    names = drawing_names(found)
    with console.progress("images") as report, staging_folder(out) if out else nullcontext() as folder:
        for done, (path, name) in enumerate(zip(found, names, strict=True), start=1):
            picture = read_image(path)
            console.warn(*picture.warnings)
            height, width = picture.pixels.shape[:2]
            results.append(PeopleInImage(path, height, width, tuple(find_people(picture.pixels))))
            if folder:
                drawn = draw_people(picture.pixels, results[-1].people)
                Image.fromarray(drawn).save(folder / name)
            report(done, len(found))
    files = [out / name for name in names] if out else []
    if as_json:
        content = {"images": [result.as_json() for result in results], "files": [str(path) for path in files]}
        console.print_json(content)
    else:
        print_people(results, files)
