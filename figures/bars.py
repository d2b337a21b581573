"""Bars per joint of several models, with intervals (Figure 6), from `compare`."""

from pathlib import Path

import rich_click as click

from occlusion_toolkit.cli.look_options import look_options
from occlusion_toolkit.comparison.comparison import Comparison
from occlusion_toolkit.plotting.figure_files import save_png_and_pdf


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
@click.option("--quantity", default="occluded", show_default=True, help="clean, occluded, increase, …")
@look_options
def main(result: Path, out: Path, quantity: str) -> None:
    """Draw bars.png and bars.pdf from RESULT, a comparison.json or its folder."""
    for path in save_png_and_pdf(Comparison.open(result).plot(quantity=quantity), out, "bars"):
        click.echo(path)


if __name__ == "__main__":
    main()
