"""What several models make of one image, clean and under the worst window (Figure 8), from `heatmap`."""

from pathlib import Path

import rich_click as click

from occlusion_toolkit.cli.look_options import look_options
from occlusion_toolkit.comparison.example_figures import predictions_by_model_figure
from occlusion_toolkit.comparison.results import maps_by_model
from occlusion_toolkit.plotting.figure_files import save_png_and_pdf


@click.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RESULT...")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
@look_options
def main(results: tuple[Path, ...], out: Path) -> None:
    """Draw predictions.png and .pdf from RESULTs: a heatmap for each model, or a folder of `compare`."""
    for path in save_png_and_pdf(predictions_by_model_figure(maps_by_model(*results)), out, "predictions"):
        click.echo(path)


if __name__ == "__main__":
    main()
