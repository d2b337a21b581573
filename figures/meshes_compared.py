"""Sensitivity meshes of several models and their differences (Figure 5), from `mesh` or `compare`."""

from pathlib import Path

import click
from occlusion_toolkit.meshes.mesh_result import MEAN_OF_JOINTS, read_mesh, read_surface

from occlusion_toolkit.comparison.given_results import by_model, result_file
from occlusion_toolkit.comparison.mesh_figure import meshes_by_model_figure
from occlusion_toolkit.errors import UsageError
from occlusion_toolkit.meshes.table import main_read_out
from occlusion_toolkit.plotting.figure_files import save_png_and_pdf

READ_OUTS = ["error", "increase", "displacement"]


@click.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RESULT...")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
@click.option(
    "--joint", default=MEAN_OF_JOINTS, show_default=True, help="A joint, or the mean over all of them."
)
@click.option("--metric", type=click.Choice(READ_OUTS), help="Default: error where there is ground truth.")
def main(results: tuple[Path, ...], out: Path, joint: str, metric: str | None) -> None:
    """Draw meshes.png and meshes.pdf from RESULTs, a mesh.h5 or its folder for each model."""
    files = [result_file(result, "mesh.h5") for result in results]
    meshes = by_model(read_mesh(path) for path in files)
    first = next(iter(meshes.values()))
    if joint not in first.row_names:
        raise UsageError(f"--joint: there is no {joint!r}; the meshes have: {', '.join(first.row_names)}")
    figure = meshes_by_model_figure(meshes, read_surface(files[0]), metric or main_read_out(first), joint)
    for path in save_png_and_pdf(figure, out, "meshes"):
        click.echo(path)


if __name__ == "__main__":
    main()
