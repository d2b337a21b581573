"""Figures 1 and 2 of the PARE paper, from a stored result: `python figures/heatmaps.py RESULT.h5`."""

from pathlib import Path

import click

from occlusion_toolkit.analyses.bodies import load_body
from occlusion_toolkit.io.results import read_heatmap
from occlusion_toolkit.viz.heatmap_report import View, draw_heatmap
from occlusion_toolkit.viz.quantity import Quantity


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
@click.option("--metric", type=click.Choice([quantity.value for quantity in Quantity]))
def main(result: Path, out: Path, metric: str | None) -> None:
    """Draw heatmaps.png, heatmaps.pdf and summary.png from RESULT, without running any network."""
    stored = read_heatmap(result)
    quantity = Quantity(metric) if metric else (Quantity.ERROR if stored.truth else Quantity.DISPLACEMENT)
    out.mkdir(parents=True, exist_ok=True)
    for path in draw_heatmap(stored, load_body(stored.card.body), out, View(quantity)):
        click.echo(path)


if __name__ == "__main__":
    main()
