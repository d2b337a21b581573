"""Occlusion sensitivity meshes of one model, each joint and their mean (Figure 3), from `mesh`."""

from pathlib import Path

import click

from occlusion_toolkit.meshes.sensitivity_mesh import MEAN_OF_JOINTS, SensitivityMesh
from occlusion_toolkit.plotting.figure_files import save_png_and_pdf


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
@click.option("--metric", help="Such as error, increase or pa_error. Default: the one that was pooled for.")
@click.option("--joint", default=MEAN_OF_JOINTS, show_default=True, help="The joint to draw large.")
def main(result: Path, out: Path, metric: str | None, joint: str) -> None:
    """Draw mesh.png and mesh_mean.png, and both as PDF, from RESULT, a mesh.h5 or its folder."""
    mesh = SensitivityMesh.open(result / "mesh.h5" if result.is_dir() else result)
    figures = {"mesh": mesh.plot(metric=metric), f"mesh_{joint}": mesh.plot(metric=metric, joint=joint)}
    for name, figure in figures.items():
        for written in save_png_and_pdf(figure, out, name):
            click.echo(written)


if __name__ == "__main__":
    main()
