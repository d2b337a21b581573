"""Trains the open networks side by side for a number of minutes.

    occlusion-toolkit synthesize --count 20000 --split train --seed 31 --size 256x256 --out out/people
    python tools/train_open_weights.py --data out/people --runs out/runs --minutes 9 --fit --precision bf16

Made for machines that are lent for some minutes at a time (docs/training.md). With `--fit` the runs get as
many steps as fit into the time, all of them the same number; without it they have those of the recipes, and
the same line goes on where it stopped. Everything is in the two folders; `--copy-to` puts cards and weights
(not the checkpoints) where they are brought home from.
"""

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from occlusion_toolkit.training.checkpoints import CHECKPOINT
from occlusion_toolkit.training.curves import read_log
from occlusion_toolkit.training.recipe_files import load_recipe

NETWORKS = ("pare-open", "hmr-synthocc-open", "hmr-open")
TRIAL_MINUTES, ROUNDED_TO = 1.0, 100
USED = 0.92
"""Share of the time that is planned for, as validations and pictures are in no speed."""


def train(recipes: Sequence[Path], folder: Path, words: Sequence[str], arguments: argparse.Namespace) -> bool:
    """Train all recipes at once, each into a folder of its name, and show where they stand at the end."""
    runs = []
    cache = arguments.cache or arguments.runs / "cache"
    for recipe in recipes:
        out = folder / recipe.stem
        out.mkdir(parents=True, exist_ok=True)
        line = [
            *(sys.executable, "-m", "occlusion_toolkit", "train", str(recipe), "--resume"),
            *("--data", str(arguments.data), "--cache", str(cache), "--out", str(out)),
            *("--seed", str(arguments.seed), "--precision", arguments.precision),
            *("--workers", str(arguments.workers), *words),
        ]
        if arguments.start_from is not None:
            weights = arguments.start_from / recipe.stem / "weights" / f"{recipe.stem}-best.safetensors"
            line += ["--start-from", str(weights)]
        with (out / "log.txt").open("ab") as log:
            runs.append((subprocess.Popen(line, stdout=log, stderr=subprocess.STDOUT), out))
    ended = [(process.wait(), out) for process, out in runs]
    for code, out in ended:
        lines = (out / "log.txt").read_text().splitlines()
        print(f"{out.name}: {'FAILED' if code else 'ok'}", *lines[-3:], sep="\n  ", flush=True)
    return not any(code for code, _ in ended)


def fitting_steps(recipes: Sequence[Path], end: float, arguments: argparse.Namespace) -> int:
    """Steps that all networks can make until `end`, from a minute of trial."""
    if any((arguments.runs / recipe.stem / CHECKPOINT).is_file() for recipe in recipes):
        raise SystemExit(f"{arguments.runs} holds runs already; go on without --fit, or choose other --runs")
    folder = arguments.runs / "trial"
    for minutes in (0.0, TRIAL_MINUTES):  # the first fills the cache, which is in no speed either
        shutil.rmtree(folder, ignore_errors=True)
        if not train(recipes, folder, ["--max-time", str(minutes)], arguments):
            raise SystemExit("the trial failed")
    speeds = []
    for recipe in recipes:
        speed = read_log(folder / recipe.stem)["speed/samples_per_s"]
        speeds.append(float(speed.values[-1]) / load_recipe(recipe).train.batch_size)
    steps = int(min(speeds) * USED * (end - time.monotonic()))
    if steps < ROUNDED_TO:
        raise SystemExit(f"{steps} steps fit into the time that is left; give it more --minutes")
    return steps - steps % ROUNDED_TO


def bring_home(folder: Path, target: Path) -> None:
    """Copy what a run made, without checkpoints."""
    made = [*folder.glob("*.yaml"), *folder.glob("weights/*.safetensors"), *folder.glob("logs/csv*/*.csv")]
    for file in [*made, *sorted(folder.glob("pictures/*.png"))[-1:]]:
        place = target / folder.name / file.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="synthetic people")
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="shared with other runs; RUNS/cache by default")
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--fit", action="store_true", help="as many steps as fit into the time")
    parser.add_argument("--steps", type=int, help="of each run, instead of the recipe's")
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--workers", type=int, default=5, help="loader processes of each run")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--start-from", type=Path, help="folder of earlier runs whose weights to go on from")
    parser.add_argument("--recipe", type=Path, action="append", help="instead of the three open networks")
    parser.add_argument("--copy-to", type=Path)
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.minutes
    recipes = arguments.recipe or [Path("models") / f"{name}.yaml" for name in NETWORKS]
    steps = fitting_steps(recipes, end, arguments) if arguments.fit else arguments.steps
    left = max(0.0, (end - time.monotonic()) / 60)
    words = ["--max-time", f"{left:.2f}", *(() if steps is None else ("--steps", str(steps)))]
    done = train(recipes, arguments.runs, words, arguments)
    if arguments.copy_to is not None:
        for recipe in recipes:
            bring_home(arguments.runs / recipe.stem, arguments.copy_to)
    if not done:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
