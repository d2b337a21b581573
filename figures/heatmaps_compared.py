"""Heatmaps of one image for several models on one scale, from `heatmap` or `compare`."""

from pathlib import Path

import click

from occlusion_toolkit.analyses.bodies import Bodies
from occlusion_toolkit.io.given_results import by_model, result_file
from occlusion_toolkit.io.results import read_heatmap
from occlusion_toolkit.viz.figure_files import save_png_and_pdf
from occlusion_toolkit.viz.heatmap_report import heatmap_panels
from occlusion_toolkit.viz.heatmaps_by_model import heatmaps_by_model_figure


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
