"""Trains the open networks side by side for a number of minutes; the same line goes on where it stopped.

    occlusion-toolkit synthesize --count 20000 --split train --seed 3 --size 256x256 --out out/people
    python tools/train_open_weights.py --data out/people --runs out/runs --minutes 9 --precision bf16

Made for machines that are lent for some minutes at a time (docs/training.md): everything is in the two
folders, `--copy-to` puts the cards and weights (not the checkpoints) where they are brought home from.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

NETWORKS = ("pare-open", "hmr-synthocc-open", "hmr-open")


def command(recipe: Path, name: str, arguments: argparse.Namespace) -> list[str]:
    """The line that trains one network."""
    return [
        *(sys.executable, "-m", "occlusion_toolkit", "train", str(recipe), "--resume"),
        *("--data", str(arguments.data), "--cache", str(arguments.runs / "cache")),
        *("--out", str(arguments.runs / name), "--seed", str(arguments.seed)),
        *("--max-time", str(arguments.minutes), "--precision", arguments.precision),
        *("--workers", str(arguments.workers)),
        *(() if arguments.steps is None else ("--steps", str(arguments.steps))),
    ]


def finish(process: subprocess.Popen[bytes], name: str, arguments: argparse.Namespace) -> bool:
    """Wait for a run, show where it stands and copy what it made."""
    failed = process.wait() != 0
    folder = arguments.runs / name
    lines = (folder / "log.txt").read_text().splitlines()
    print(f"{name}: {'FAILED' if failed else 'ok'}", *lines[-3:], sep="\n  ", flush=True)
    if arguments.copy_to is not None:
        made = [*folder.glob("*.yaml"), *folder.glob("weights/*best*"), *folder.glob("logs/csv*/*.csv")]
        made += sorted(folder.glob("pictures/*.png"))[-1:]
        for file in made:
            target = arguments.copy_to / name / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    return not failed


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="synthetic people")
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--workers", type=int, default=5, help="loader processes of each run")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--steps", type=int, help="of each run, instead of the recipe's")
    parser.add_argument("--recipe", type=Path, action="append", help="instead of the three open networks")
    parser.add_argument("--copy-to", type=Path)
    arguments = parser.parse_args()
    recipes = arguments.recipe or [Path("models") / f"{name}.yaml" for name in NETWORKS]
    runs = []
    for recipe in recipes:
        name = recipe.stem
        (arguments.runs / name).mkdir(parents=True, exist_ok=True)
        with (arguments.runs / name / "log.txt").open("ab") as log:
            process = subprocess.Popen(command(recipe, name, arguments), stdout=log, stderr=subprocess.STDOUT)
        runs.append((process, name))
    results = [finish(process, name, arguments) for process, name in runs]
    if not all(results):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
