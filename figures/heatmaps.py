"""Figures 1 and 2 of the PARE paper, from a stored result: `python figures/heatmaps.py RESULT.h5`."""

from pathlib import Path

import click

from occlusion_toolkit.analyses.bodies import load_body
from occlusion_toolkit.io.results import read_heatmap
from occlusion_toolkit.viz.heatmap_report import draw_heatmap


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
@click.option("--limits", type=click.Choice(["shared", "per-joint"]), default="shared", show_default=True)
@click.option("--smooth", is_flag=True, help="Interpolate the heatmaps for display.")
def main(result: Path, out: Path, limits: str, smooth: bool) -> None:
    """Draw heatmaps.png, heatmaps.pdf and summary.png from RESULT, without running any network."""
    stored = read_heatmap(result)
    out.mkdir(parents=True, exist_ok=True)
    body = load_body(stored.card.body)
    for path in draw_heatmap(stored, body, out, shared_limits=limits == "shared", smooth=smooth):
        click.echo(path)


if __name__ == "__main__":
    main()
