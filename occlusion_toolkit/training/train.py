"""Training, as the package offers it: a recipe and its data in, weights with a card out."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.errors import TrainingError, UsageError
from occlusion_toolkit.sweep.network import EMULATED, is_emulated
from occlusion_toolkit.training.bodies import TrainingBodies
from occlusion_toolkit.training.catalogue import data_folders
from occlusion_toolkit.training.processes import Progress, default_workers
from occlusion_toolkit.training.recipe import Recipe
from occlusion_toolkit.training.recipe_files import load_recipe, with_changes
from occlusion_toolkit.training.voc import VOC

logger = logging.getLogger(__name__)

_OBJECTS = {"voc": "objects of Pascal VOC", "drawn": "drawn objects"}


@dataclass(frozen=True)
class TrainedRun:
    """What a call of `train` left in its folder.

    Attributes:
        out: the folder: cards, weights/, logs/, pictures/ and last.ckpt.
        steps: optimiser steps done so far.
        all_steps: steps of the recipe.
        people: people trained on, by name of the data set.
        card: of the best weights, for `load_regressor` and `--model`; None while steps are missing.
        signal: number of the signal that stopped it; None where it was the end or the time.
    """

    out: Path
    steps: int
    all_steps: int
    people: Mapping[str, int]
    card: Path | None
    signal: int | None = None


def train(
    recipe: Recipe | Path | str,
    *,
    out: Path | str,
    data: Mapping[str, Path] | Path | str | None = None,
    resume: bool = False,
    seed: int | None = None,
    steps: int | None = None,
    held_out: int | None = None,
    start_from: Path | str | None = None,
    only_try: bool = False,
    device: Literal["auto", "cpu", "gpu"] = "auto",
    devices: int = 1,
    precision: Literal["fp32", "bf16", "fp16"] = "fp32",
    accumulate: int = 1,
    workers: int | None = None,
    max_minutes: float | None = None,
    cache: Path | str | None = None,
    smpl_dir: Path | None = None,
    report: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> TrainedRun:
    """Train the network of a recipe.

    Ctrl-C stops after the step and saves; the same call with `resume=True` goes on as if nothing had
    happened. The same recipe, seed and data give the same samples whatever the devices and workers.

    >>> import occlusion_toolkit as ot
    >>> run = ot.train("pare-open", data="people", out="run", steps=500)  # doctest: +SKIP
    >>> ot.load_regressor(run.card)                                  # doctest: +SKIP

    Args:
        recipe: a recipe, the path of one or of a model card with a `train:` section, or the name of one that
            the toolkit carries.
        out: folder of the run.
        data: folder of the recipe's first data set, or folders by name of the data set ("voc" for objects of
            Pascal VOC). Default: data/NAME in the toolkit's folder.
        resume: go on from OUT/last.ckpt, if it is there.
        seed: another seed than the recipe's.
        steps: another length; whatever happens at a step moves along.
        held_out: another number of people, the first of the first data set, who are validated on instead of
            trained on.
        start_from: other weights to start from than the recipe's.
        only_try: two small steps of everything, to see that it works.
        device: "auto" takes GPUs where there are any.
        devices: number of GPUs, or of processes on the CPU.
        precision: of the arithmetic.
        accumulate: parts that a batch is divided into, one after the other.
        workers: loader processes per device. Default: the processors that a GPU has to itself, or 2.
        max_minutes: stop and save then; preparation of the data counts.
        cache: folder of decoded crops and part labels, shared by runs. Default: OUT/cache.
        smpl_dir: folder of the SMPL files. Default: smpl in the toolkit's folder.
        report: takes a line of text now and then: what is learned from, speed and losses.
        progress: called with how much of the data is prepared and how much there is.

    Raises:
        UsageError: a name is unknown, a folder is not there, or there is no GPU.
        TrainingError: the recipe is not valid, the options do not fit, the folder holds another run, the
            loss is not finite, or the extra `train` is not installed.
        DatasetError: a data set is missing or damaged; the message says where to get it.
    """
    began = time.monotonic()
    try:
        from occlusion_toolkit.training.data import open_data
        from occlusion_toolkit.training.run import RunOptions, check_run, fit
    except ModuleNotFoundError as error:
        raise TrainingError(
            f"Training needs {error.name}; install it with: pip install 'occlusion-toolkit[train]'."
        ) from error
    say = report or (lambda line: None)
    loaded = load_recipe(recipe)
    folders = data_folders(data, loaded.train.data_sets)
    loaded = with_changes(
        loaded,
        seed=seed,
        steps=steps,
        held_out=held_out,
        start_from=start_from,
        voc=folders.get(VOC),
        cut_down_for=devices * accumulate if only_try else None,
    )
    gpu = device != "cpu" and torch.cuda.is_available()
    if device == "gpu" and not gpu:
        raise UsageError("there is no GPU that PyTorch can use; choose the CPU")
    options = RunOptions(
        out=Path(out),
        resume=resume,
        end=None if max_minutes is None else began + 60 * max_minutes,
        gpu=gpu,
        devices=devices,
        precision=precision,
        parts=accumulate,
        workers=default_workers(devices, gpu=gpu) if workers is None else workers,
    )
    check_run(loaded, options)
    if is_emulated(torch.device("cuda" if gpu else "cpu"), precision):
        (report or logger.warning)(EMULATED.format(precision))
    bodies = TrainingBodies(Bodies(smpl_dir), loaded.body)
    people = open_data(
        loaded, folders, bodies, Path(cache or options.out / "cache"), gpu=gpu, progress=progress
    )
    occlusion, all_steps = loaded.train.augmentation.occlusion, loaded.train.steps
    if occlusion is not None:
        say(f"SynthOcc pastes {_OBJECTS[occlusion.objects]}.")
    say(", ".join(f"{count:,} people of {name}" for name, count in people.people.items()))
    ended = fit(loaded, people, options, lambda numbers: say(_status(numbers, all_steps)))
    card = options.out / f"{loaded.name}-best.yaml"
    done = ended.steps
    if done == all_steps and not card.is_file():
        raise TrainingError(
            f"The run is at its end, but {card} is missing: its last validation was cut short."
        )
    if done < all_steps:
        return TrainedRun(options.out, done, all_steps, people.people, None, ended.signal)
    return TrainedRun(options.out, done, all_steps, people.people, card)


def _status(numbers: Mapping[str, float], steps: int) -> str:
    """Where a run stands."""
    losses = (f"{name[5:]} {numbers[name]:.4g}" for name in sorted(numbers) if name.startswith("loss/"))
    words = [
        f"step {numbers['step']:,.0f} of {steps:,}",
        f"{numbers['speed/samples_per_s']:,.0f} samples/s (trainer alone "
        f"{numbers['speed/trainer_samples_per_s']:,.0f}, waiting {numbers['speed/waiting_share']:.0%})",
        *losses,
    ]
    if "validation/pa_mpjpe_mm" in numbers:
        words.append(f"held out: PA-MPJPE {numbers['validation/pa_mpjpe_mm']:.1f} mm")
    return "; ".join(words)
