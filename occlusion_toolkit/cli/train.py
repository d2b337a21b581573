"""`occlusion-toolkit train`: a recipe, its data sets, and weights that learn from them."""

from pathlib import Path

import rich_click as click

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)

_OBJECTS = {"voc": "objects of Pascal VOC", "drawn": "drawn objects"}


@click.command("train")
@click.argument("recipe", type=_FILE)
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
def train(
    recipe: Path,
    data: tuple[str, ...],
    out: Path,
    cache: Path | None,
    smpl_dir: Path | None,
    resume: bool,
    max_time: float | None,
    fast_dev_run: bool,
    devices: int,
    precision: str,
    accumulate: int,
    workers: int | None,
    start_from: Path | None,
    seed: int | None,
    steps: int | None,
) -> None:
    """Train the network of RECIPE: a recipe, or a model card that has a `train:` section.

    Ctrl-C stops after the step and saves; the same line with --resume goes on as if nothing had happened.
    """
    # Imported here so that `--help` stays fast.
    from occlusion_toolkit.cli import console
    from occlusion_toolkit.cli.data_folders import data_folders
    from occlusion_toolkit.errors import TrainingError
    from occlusion_toolkit.training.recipe_files import (
        cut_down,
        load_recipe,
        seeded,
        started_from,
        stretched,
        with_augmentation,
    )
    from occlusion_toolkit.training.synthetic_occlusion import with_objects_chosen

    try:
        from occlusion_toolkit.training.run import RunOptions, check_run, run_training
    except ModuleNotFoundError as error:
        raise TrainingError(
            f"Training needs {error.name}; install it with: pip install 'occlusion-toolkit[train]'."
        ) from error
    from occlusion_toolkit.body.bodies import Bodies
    from occlusion_toolkit.training.data import open_data
    from occlusion_toolkit.training.processes import default_workers

    loaded = load_recipe(recipe)
    if start_from is not None:
        loaded = started_from(loaded, start_from)
    if seed is not None:
        loaded = seeded(loaded, seed)
    if steps is not None:
        loaded = stretched(loaded, steps)
    if fast_dev_run:
        loaded = cut_down(loaded, devices * accumulate)
    folders = data_folders(data, loaded.train.data_sets)
    loaded = with_augmentation(loaded, with_objects_chosen(loaded.train.augmentation, folders.get("voc")))
    options = RunOptions(
        out=out,
        resume=resume,
        max_minutes=max_time,
        devices=devices,
        precision=precision,
        parts=accumulate,
        workers=default_workers(devices) if workers is None else workers,
    )
    check_run(loaded, options)
    with console.progress("preparing data") as prepared:
        people = open_data(loaded, folders, Bodies(smpl_dir), cache or out / "cache", prepared)
    occlusion = loaded.train.augmentation.occlusion
    if occlusion is not None:
        click.echo(f"SynthOcc pastes {_OBJECTS[occlusion.objects]}.")
    click.echo(", ".join(f"{count:,} people of {name}" for name, count in people.people.items()))
    done = run_training(
        loaded, people, options, lambda numbers: click.echo(_line(numbers, loaded.train.steps))
    )
    if done < loaded.train.steps:
        click.echo(f"Stopped at step {done:,} of {loaded.train.steps:,}; --resume goes on from here.")
    elif not (card := out / f"{loaded.name}-best.yaml").is_file():
        raise TrainingError(
            f"The run is at its end, but {card} is missing: its last validation was cut short."
        )
    else:
        click.echo(f"Done: {card} is a card for --model.")


def _line(numbers: dict[str, float], steps: int) -> str:
    """Where a run stands."""
    speed = numbers["speed/samples_per_s"]
    words = [
        f"step {numbers['step']:,.0f} of {steps:,}",
        f"{speed:,.0f} samples/s (trainer alone {numbers['speed/trainer_samples_per_s']:,.0f}, "
        f"waiting {numbers['speed/waiting_share']:.0%})",
        *(
            f"{name.split('/')[1]} {numbers[name]:.4g}"
            for name in sorted(numbers)
            if name.startswith("loss/")
        ),
    ]
    if "validation/pa_mpjpe_mm" in numbers:
        words.append(f"held out: PA-MPJPE {numbers['validation/pa_mpjpe_mm']:.1f} mm")
    return "; ".join(words)
