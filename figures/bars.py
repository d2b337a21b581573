"""Bars per joint of several models, with intervals (Figure 6), from `compare`."""

from pathlib import Path

import click

from occlusion_toolkit.comparison.figures import bars_figure
from occlusion_toolkit.comparison.given_results import result_file
from occlusion_toolkit.comparison.stored import read_comparison
from occlusion_toolkit.errors import UsageError
from occlusion_toolkit.plotting.figure_files import save_png_and_pdf


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
@click.option("--quantity", default="occluded", show_default=True, help="clean, occluded, increase, …")
def main(result: Path, out: Path, quantity: str) -> None:
    """Draw bars.png and bars.pdf from RESULT, a comparison.json or its folder."""
    comparison = read_comparison(result_file(result, "comparison.json"))
    known = [described.name for described in comparison.quantities]
    if quantity not in known:
        raise UsageError(f"--quantity: the comparison has no {quantity!r}; it has: {', '.join(known)}")
    for path in save_png_and_pdf(bars_figure(comparison, quantity), out, "bars"):
        click.echo(path)


if __name__ == "__main__":
    main()
