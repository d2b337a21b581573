"""Heatmaps of one image for several models on one scale, from `heatmap` or `compare`."""

from pathlib import Path

import rich_click as click

from occlusion_toolkit.cli.look_options import look_options
from occlusion_toolkit.comparison.example_figures import heatmaps_by_model_figure
from occlusion_toolkit.comparison.results import maps_by_model
from occlusion_toolkit.plotting.figure_files import save_png_and_pdf


@click.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RESULT...")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
@click.option(
    "--limits",
    type=click.Choice(["worst", "robust"]),
    default="worst",
    show_default=True,
    help="Colours end at the worst window, or at the 1st and 99th percentile with arrows.",
)
@look_options
def main(results: tuple[Path, ...], out: Path, limits: str) -> None:
    """Draw heatmaps.png and heatmaps.pdf from RESULTs: a heatmap for each model, or a folder of `compare`."""
    figure = heatmaps_by_model_figure(maps_by_model(*results), robust=limits == "robust")
    for path in save_png_and_pdf(figure, out, "heatmaps"):
        click.echo(path)


if __name__ == "__main__":
    main()
