"""Occlusion sensitivity meshes of one model, each joint and their mean (Figure 3), from `mesh`."""

from pathlib import Path

import rich_click as click

from occlusion_toolkit.cli.look_options import look_options
from occlusion_toolkit.meshes.sensitivity_mesh import MEAN_OF_JOINTS, SensitivityMesh
from occlusion_toolkit.plotting.figure_files import result_file, save_png_and_pdf


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
@click.option("--metric", help="error, increase, displacement, … Default: that of the meshes.")
@click.option("--joint", default=MEAN_OF_JOINTS, show_default=True, help="The one that is drawn large.")
@look_options
def main(result: Path, out: Path, metric: str | None, joint: str) -> None:
    """Draw mesh.png and mesh_JOINT.png, and both as PDF, from RESULT, a mesh.h5 or its folder."""
    mesh = SensitivityMesh.open(result_file(result, "mesh.h5"))
    figures = {"mesh": mesh.plot(metric=metric), f"mesh_{joint}": mesh.plot(metric=metric, joint=joint)}
    for name, figure in figures.items():
        for written in save_png_and_pdf(figure, out, name):
            click.echo(written)


if __name__ == "__main__":
    main()
