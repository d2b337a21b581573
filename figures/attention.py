"""Attention of a PARE network to each body part (Figure 7), from `attention`."""

from pathlib import Path

import rich_click as click

from occlusion_toolkit.attention_maps.attention_maps import AttentionMaps
from occlusion_toolkit.cli.look_options import look_options
from occlusion_toolkit.plotting.figure_files import result_file, save_png_and_pdf


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
@look_options
def main(result: Path, out: Path) -> None:
    """Draw attention.png and attention.pdf from RESULT, an attention.h5 or its folder."""
    maps = AttentionMaps.open(result_file(result, "attention.h5"))
    for path in save_png_and_pdf(maps.plot(), out, "attention"):
        click.echo(path)


if __name__ == "__main__":
    main()
