"""Occlusion sensitivity meshes of one model, each joint and their mean (Figure 3), from `mesh`."""

from pathlib import Path

import click
from occlusion_toolkit.meshes.figures import joints_figure, mean_figure
from occlusion_toolkit.meshes.mesh_result import read_mesh, read_surface

from occlusion_toolkit.comparison.given_results import result_file
from occlusion_toolkit.meshes.table import main_read_out
from occlusion_toolkit.plotting.figure_files import save_png_and_pdf

READ_OUTS = ["error", "increase", "displacement"]


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
@click.option("--metric", type=click.Choice(READ_OUTS), help="Default: error where there is ground truth.")
def main(result: Path, out: Path, metric: str | None) -> None:
    """Draw mesh.png and mesh_mean.png, and both as PDF, from RESULT, a mesh.h5 or its folder."""
    path = result_file(result, "mesh.h5")
    stored, surface = read_mesh(path), read_surface(path)
    read_out = metric or main_read_out(stored)
    figures = {
        "mesh": joints_figure(stored, surface, read_out),
        "mesh_mean": mean_figure(stored, surface, read_out),
    }
    for name, figure in figures.items():
        for written in save_png_and_pdf(figure, out, name):
            click.echo(written)


if __name__ == "__main__":
    main()
