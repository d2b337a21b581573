"""What several models make of one image, clean and under the worst window (Figure 8), from `heatmap`."""

from pathlib import Path

import click
from occlusion_toolkit.heatmaps.figures import heatmap_panels, worst_case
from occlusion_toolkit.sweep.results import read_heatmap

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.comparison.given_results import by_model, result_file
from occlusion_toolkit.comparison.predictions_by_model import predictions_by_model_figure
from occlusion_toolkit.plotting.figure_files import save_png_and_pdf


@click.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RESULT...")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
def main(results: tuple[Path, ...], out: Path) -> None:
    """Draw predictions.png and predictions.pdf from RESULTs of the same image, one file for each model."""
    stored = by_model(read_heatmap(result_file(result, "result.h5")) for result in results)
    bodies = Bodies()
    cases = {}
    for name, result in stored.items():
        body = bodies.load(result.card.body)
        cases[name] = worst_case(result, body, heatmap_panels(result, body))
    for path in save_png_and_pdf(predictions_by_model_figure(cases), out, "predictions"):
        click.echo(path)


if __name__ == "__main__":
    main()
