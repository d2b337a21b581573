"""Risk over coverage, failures by tenths and what confidence gains by joint, from `confidence`."""

from pathlib import Path

import rich_click as click

from occlusion_toolkit.cli.look_options import look_options
from occlusion_toolkit.confidences.confidence import Confidence
from occlusion_toolkit.confidences.figure import confidence_figure
from occlusion_toolkit.confidences.table import by_name
from occlusion_toolkit.plotting.figure_files import save_png_and_pdf


@click.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RESULT...")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
@look_options
def main(results: tuple[Path, ...], out: Path) -> None:
    """Draw confidence.png and confidence.pdf from RESULTs, a MODEL.h5 of `confidence` for each model."""
    models = by_name([Confidence.open(path) for path in results])
    for path in save_png_and_pdf(confidence_figure(models), out, "confidence"):
        click.echo(path)


if __name__ == "__main__":
    main()
