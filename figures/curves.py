"""Failures over the threshold, and errors over the occluder's size, from `compare`."""

from pathlib import Path

import click

from occlusion_toolkit.comparison.figures import curves_figure
from occlusion_toolkit.comparison.given_results import result_file
from occlusion_toolkit.comparison.stored import read_comparison
from occlusion_toolkit.plotting.figure_files import save_png_and_pdf


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
def main(result: Path, out: Path) -> None:
    """Draw curves.png and curves.pdf from RESULT, a comparison.json or its folder."""
    comparison = read_comparison(result_file(result, "comparison.json"))
    for path in save_png_and_pdf(curves_figure(comparison), out, "curves"):
        click.echo(path)


if __name__ == "__main__":
    main()
