"""`occlusion-toolkit train`: a recipe, its data sets, and weights that learn from them."""

from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import rich_click as click

from occlusion_toolkit.cli.help import examples

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(
    "train",
    epilog=examples(
        "train pare-open --data out/people --out out/run",
        "train pare-open --data out/people --out out/run --resume",
    ),
)
@click.argument("recipe")
@click.option(
    "--data",
    multiple=True,
    metavar="[NAME=]DIR",
    help="Folder of a data set of the recipe, or of Pascal VOC's objects (voc=DIR). Without a name: the "
    "recipe's first. Default: data/NAME in the toolkit's folder.",
)
@click.option("--out", required=True, type=_FOLDER, help="Folder of the run.")
@click.option(
    "--cache", type=_FOLDER, help="Decoded crops and part labels, shared by runs. Default: OUT/cache."
)
@click.option(
    "--smpl-dir", type=_FOLDER, help="Folder of the SMPL files. Default: smpl in the toolkit's folder."
)
@click.option("--resume", is_flag=True, help="Go on from OUT/last.ckpt, if it is there.")
@click.option("--max-time", type=click.FloatRange(min=0), metavar="MINUTES", help="Stop and save then.")
@click.option("--fast-dev-run", is_flag=True, help="Two small steps of everything, to see that it works.")
@click.option(
    "--devices", type=click.IntRange(min=1), default=1, show_default=True, help="GPUs or processes."
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "gpu"]),
    default="auto",
    show_default=True,
    help="GPUs where there are any, or one of the two.",
)
@click.option("--precision", type=click.Choice(["fp32", "bf16", "fp16"]), default="fp32", show_default=True)
@click.option(
    "--accumulate",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Parts of a batch, one by one.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    help="Loader processes per device. Default: the processors that a GPU has to itself, or 2 without GPU.",
)
@click.option(
    "--start-from",
    type=_FILE,
    help="Other weights to start from than the recipe's. With the same --seed as theirs the samples repeat.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Another seed than the recipe's.")
@click.option(
    "--steps", type=click.IntRange(min=1), help="Another length; whatever happens at a step moves along."
)
@click.option(
    "--held-out",
    type=click.IntRange(min=1),
    metavar="N",
    help="Validate on the first N people of the first data set instead of training on them. Default: as the "
    "recipe says.",
)
def train(
    recipe: str,
    data: tuple[str, ...],
    out: Path,
    cache: Path | None,
    smpl_dir: Path | None,
    resume: bool,
    max_time: float | None,
    fast_dev_run: bool,
    device: Literal["auto", "cpu", "gpu"],
    devices: int,
    precision: Literal["fp32", "bf16", "fp16"],
    accumulate: int,
    workers: int | None,
    start_from: Path | None,
    seed: int | None,
    steps: int | None,
    held_out: int | None,
) -> None:
    """Train the network of RECIPE: a recipe or a model card with a `train:` section, by path or name.

    Ctrl-C stops after the step and saves; the same line with --resume goes on as if nothing had happened.
    """
    # Imported here so that `--help` stays fast.
    from occlusion_toolkit.cli import console
    from occlusion_toolkit.cli.data import parse_folders
    from occlusion_toolkit.cli.interruption import stopped, when_interrupted
    from occlusion_toolkit.training import train as training
    from occlusion_toolkit.training.recipe_files import load_recipe

    when_interrupted("what was saved is kept", "--resume")
    loaded = load_recipe(recipe)
    with ExitStack() as preparing:
        prepared = preparing.enter_context(console.progress("preparing data"))

        def say(line: str) -> None:
            preparing.close()  # the first line comes when the data are there
            click.echo(line)

        run = training.train(
            loaded,
            out=out,
            data=parse_folders(data, loaded.train.data_sets),
            resume=resume,
            seed=seed,
            steps=steps,
            held_out=held_out,
            start_from=start_from,
            only_try=fast_dev_run,
            device=device,
            devices=devices,
            precision=precision,
            accumulate=accumulate,
            workers=workers,
            max_minutes=max_time,
            cache=cache,
            smpl_dir=smpl_dir,
            report=say,
            progress=prepared,
        )
    if run.signal is not None:
        stopped(run.signal, f"step {run.steps:,} of {run.all_steps:,} is saved", "--resume")
    if run.card is None:
        click.echo(f"Stopped at step {run.steps:,} of {run.all_steps:,}; --resume goes on from here.")
    else:
        click.echo(f"Done: {run.card} is a card for --model.")
