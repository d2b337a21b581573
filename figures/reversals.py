"""Where the square must stand to turn people round, and what that costs, from `reversals`."""

from pathlib import Path

import rich_click as click

from occlusion_toolkit.cli.look_options import look_options
from occlusion_toolkit.comparison.results import names_of
from occlusion_toolkit.flips.figure import reversals_figure
from occlusion_toolkit.flips.reversals import Reversals
from occlusion_toolkit.plotting.figure_files import save_png_and_pdf


@click.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RESULT...")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
@look_options
def main(results: tuple[Path, ...], out: Path) -> None:
    """Draw reversals.png and reversals.pdf from RESULTs, a MODEL.h5 of `reversals` for each model."""
    found = [Reversals.open(path) for path in results]
    models = dict(zip(names_of([one.card for one in found]), found, strict=True))
    for path in save_png_and_pdf(reversals_figure(models), out, "reversals"):
        click.echo(path)


if __name__ == "__main__":
    main()
