"""Sensitivity meshes of several models and their differences (Figure 5), from `mesh` or `compare`."""

from pathlib import Path

import rich_click as click

from occlusion_toolkit.cli.look_options import look_options
from occlusion_toolkit.comparison.meshes import meshes_by_model_figure
from occlusion_toolkit.comparison.results import meshes_by_model
from occlusion_toolkit.meshes.sensitivity_mesh import MEAN_OF_JOINTS
from occlusion_toolkit.plotting.figure_files import save_png_and_pdf


@click.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RESULT...")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
@click.option(
    "--joint", default=MEAN_OF_JOINTS, show_default=True, help="A joint, or the mean over all of them."
)
@click.option("--metric", help="error, increase, displacement, … Default: that of the meshes.")
@look_options
def main(results: tuple[Path, ...], out: Path, joint: str, metric: str | None) -> None:
    """Draw meshes.png and meshes.pdf from RESULTs: a mesh for each model, or a folder of `compare`."""
    meshes = meshes_by_model(*results)
    shown = metric or next(iter(meshes.values())).metric
    for path in save_png_and_pdf(meshes_by_model_figure(meshes, shown, joint), out, "meshes"):
        click.echo(path)


if __name__ == "__main__":
    main()
