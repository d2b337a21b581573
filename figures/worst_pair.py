"""The two squares that together do most harm, against one of the same area, from `worst-pair`."""

from pathlib import Path

import rich_click as click

from occlusion_toolkit.cli.look_options import look_options
from occlusion_toolkit.comparison.results import names_of
from occlusion_toolkit.plotting.figure_files import save_png_and_pdf
from occlusion_toolkit.worst_pairs.figure import worst_pair_figure
from occlusion_toolkit.worst_pairs.worst_pair import WorstPair


@click.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RESULT...")
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
@look_options
def main(results: tuple[Path, ...], out: Path) -> None:
    """Draw worst_pair.png and worst_pair.pdf from RESULTs, a MODEL.h5 of `worst-pair` for each model."""
    found = [WorstPair.open(path) for path in results]
    models = dict(zip(names_of([one.card for one in found]), found, strict=True))
    for path in save_png_and_pdf(worst_pair_figure(models), out, "worst_pair"):
        click.echo(path)


if __name__ == "__main__":
    main()
