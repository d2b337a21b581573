"""Attention of a PARE network to each body part (Figure 7), from `attention`."""

from pathlib import Path

import click
from occlusion_toolkit.attention_maps.result import read_attention

from occlusion_toolkit.attention_maps.figure import attention_figure
from occlusion_toolkit.comparison.given_results import result_file
from occlusion_toolkit.plotting.figure_files import save_png_and_pdf


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
def main(result: Path, out: Path) -> None:
    """Draw attention.png and attention.pdf from RESULT, an attention.h5 or its folder."""
    stored = read_attention(result_file(result, "attention.h5"))
    for path in save_png_and_pdf(attention_figure(stored), out, "attention"):
        click.echo(path)


if __name__ == "__main__":
    main()
