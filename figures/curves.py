"""Failures over the threshold, and errors over the occluder's size, from `compare`."""

from pathlib import Path

import rich_click as click

from occlusion_toolkit.cli.look_options import look_options
from occlusion_toolkit.comparison.comparison import Comparison
from occlusion_toolkit.plotting.figure_files import save_png_and_pdf


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
@look_options
def main(result: Path, out: Path) -> None:
    """Draw curves.png and curves.pdf from RESULT, a comparison.json or its folder."""
    for path in save_png_and_pdf(Comparison.open(result).plot_curves(), out, "curves"):
        click.echo(path)


if __name__ == "__main__":
    main()
