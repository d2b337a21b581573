"""Losses and held-out errors of training runs, over the steps."""

from pathlib import Path

import rich_click as click

from occlusion_toolkit.cli.look_options import look_options
from occlusion_toolkit.plotting.figure_files import save_png_and_pdf
from occlusion_toolkit.training.curves import read_log, training_curves_figure


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/figures"), show_default=True)
@look_options
def main(runs: tuple[Path, ...], out: Path) -> None:
    """Draw training_curves.png and .pdf from RUNS, folders of `occlusion-toolkit train`."""
    names = [run.resolve().name for run in runs]
    if len(set(names)) < len(names):  # such as one recipe with several seeds
        names = [str(run) for run in runs]
    logs = {name: read_log(run) for name, run in zip(names, runs, strict=True)}
    for path in save_png_and_pdf(training_curves_figure(logs), out, "training_curves"):
        click.echo(path)


if __name__ == "__main__":
    main()
