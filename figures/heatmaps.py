"""Heatmaps per joint and the worst window of one image (Figures 1 and 2), from `heatmap`."""

from pathlib import Path

import rich_click as click

from occlusion_toolkit.cli.look_options import look_options
from occlusion_toolkit.files.atomic import make_folder
from occlusion_toolkit.heatmaps.occlusion_maps import OcclusionMaps
from occlusion_toolkit.heatmaps.pictures import draw_all
from occlusion_toolkit.plotting.figure_files import result_file


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
@click.option("--limits", type=click.Choice(["shared", "per-joint"]), default="shared", show_default=True)
@click.option("--smooth", is_flag=True, help="Interpolate the heatmaps for display.")
@look_options
def main(result: Path, out: Path, limits: str, smooth: bool) -> None:
    """Draw heatmaps.png, heatmaps.pdf and summary.png from RESULT, a result.h5 or its folder."""
    maps = OcclusionMaps.open(result_file(result, "result.h5"))
    for path in draw_all(maps, make_folder(out), shared_limits=limits == "shared", smooth=smooth):
        click.echo(path)


if __name__ == "__main__":
    main()
