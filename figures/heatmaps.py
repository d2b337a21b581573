"""Heatmaps per joint and the worst window of one image (Figures 1 and 2), from `heatmap`."""

from pathlib import Path

import click
from occlusion_toolkit.heatmaps.figures import draw_heatmap
from occlusion_toolkit.sweep.results import read_heatmap

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.comparison.given_results import result_file
from occlusion_toolkit.files.atomic import make_folder


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
@click.option("--limits", type=click.Choice(["shared", "per-joint"]), default="shared", show_default=True)
@click.option("--smooth", is_flag=True, help="Interpolate the heatmaps for display.")
def main(result: Path, out: Path, limits: str, smooth: bool) -> None:
    """Draw heatmaps.png, heatmaps.pdf and summary.png from RESULT, a result.h5 or its folder."""
    stored = read_heatmap(result_file(result, "result.h5"))
    body = Bodies().load(stored.card.body)
    for path in draw_heatmap(stored, body, make_folder(out), shared_limits=limits == "shared", smooth=smooth):
        click.echo(path)


if __name__ == "__main__":
    main()
