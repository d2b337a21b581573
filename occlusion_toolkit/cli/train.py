"""`occlusion-toolkit train`: a recipe, a data set, and weights that learn from it."""

from pathlib import Path

import rich_click as click

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NEW_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command("train")
@click.argument("recipe", type=_FILE)
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Data set that `occlusion-toolkit synthesize` wrote.",
)
@click.option("--split", default="train", show_default=True, help="Split of the data set.")
@click.option("--out", required=True, type=_NEW_FOLDER, help="Folder of the run.")
@click.option("--cache", type=_NEW_FOLDER, help="Decoded crops, shared by runs. Default: OUT/crops.")
@click.option("--capacity", default=60_000, show_default=True, help="People that a new cache has room for.")
@click.option("--start-from", type=_FILE, help="Checkpoint of a run whose trunk and heads are taken over.")
@click.option("--max-time", type=click.FloatRange(min=0), help="Minutes; the run is saved then.")
@click.option("--bf16/--fp32", default=True, show_default=True, help="Precision of the networks.")
@click.option("--evaluate-every", default=3.0, show_default=True, help="Minutes between evaluations.")
def train(
    recipe: Path,
    data: Path,
    split: str,
    out: Path,
    cache: Path | None,
    capacity: int,
    start_from: Path | None,
    max_time: float | None,
    bf16: bool,
    evaluate_every: float,
) -> None:
    """Train the networks of RECIPE; the same line again goes on where it stopped."""
    # Imported here so that `--help` stays fast.
    from occlusion_toolkit.training.session import TrainingSession, take_in

    session = TrainingSession(recipe, out, bf16=bf16)
    crops = take_in(cache or out / "crops", data, split, capacity)
    click.echo(f"{len(crops):,} people in {len(crops.sequences):,} sequences")
    done = session.run(
        crops, start_from=start_from, minutes=max_time, evaluate_every=evaluate_every, tell=click.echo
    )
    click.echo("The recipe is done." if done else "Time is up; the same line goes on from here.")
