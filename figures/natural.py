"""Joints that the world hides against joints under squares, from `natural`."""

from pathlib import Path

import rich_click as click

from occlusion_toolkit.cli.look_options import look_options
from occlusion_toolkit.comparison.results import names_of
from occlusion_toolkit.natural_occlusion.figure import natural_figure
from occlusion_toolkit.natural_occlusion.natural import NaturalOcclusion
from occlusion_toolkit.plotting.figure_files import save_png_and_pdf


@click.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RESULT...")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
@look_options
def main(results: tuple[Path, ...], out: Path) -> None:
    """Draw natural.png and natural.pdf from RESULTs, a MODEL.h5 of `natural` for each model."""
    found = [NaturalOcclusion.open(path) for path in results]
    models = dict(zip(names_of([one.card for one in found]), found, strict=True))
    for path in save_png_and_pdf(natural_figure(models), out, "natural"):
        click.echo(path)


if __name__ == "__main__":
    main()
