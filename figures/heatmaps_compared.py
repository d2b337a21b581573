"""Heatmaps of one image for several models on one scale, from `heatmap` or `compare`."""

from pathlib import Path

import rich_click as click

from occlusion_toolkit.comparison.example_figures import heatmaps_by_model_figure
from occlusion_toolkit.comparison.results import maps_by_model
from occlusion_toolkit.plotting.figure_files import save_png_and_pdf


@click.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RESULT...")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
def main(results: tuple[Path, ...], out: Path) -> None:
    """Draw heatmaps.png and heatmaps.pdf from RESULTs: a heatmap for each model, or a folder of `compare`."""
    for path in save_png_and_pdf(heatmaps_by_model_figure(maps_by_model(*results)), out, "heatmaps"):
        click.echo(path)


if __name__ == "__main__":
    main()
