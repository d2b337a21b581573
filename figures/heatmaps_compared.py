"""Heatmaps of one image for several models on one scale, from `heatmap` or `compare`."""

from pathlib import Path

import click
from occlusion_toolkit.heatmaps.figures import heatmap_panels
from occlusion_toolkit.sweep.results import read_heatmap

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.comparison.given_results import by_model, result_file
from occlusion_toolkit.comparison.heatmaps_by_model import heatmaps_by_model_figure
from occlusion_toolkit.plotting.figure_files import save_png_and_pdf


@click.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RESULT...")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
def main(results: tuple[Path, ...], out: Path) -> None:
    """Draw heatmaps.png and heatmaps.pdf from RESULTs of the same image, one file for each model."""
    stored = by_model(read_heatmap(result_file(result, "result.h5")) for result in results)
    bodies = Bodies()
    panels = {name: heatmap_panels(result, bodies.load(result.card.body)) for name, result in stored.items()}
    for path in save_png_and_pdf(heatmaps_by_model_figure(panels), out, "heatmaps"):
        click.echo(path)


if __name__ == "__main__":
    main()
