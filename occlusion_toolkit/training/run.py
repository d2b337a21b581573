"""One training run: a recipe and its data in, checkpoints, weights with cards, logs and pictures out."""

import logging
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytorch_lightning as lightning
import torch
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger
from pytorch_lightning.strategies import DDPStrategy

from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.files.atomic import make_folder
from occlusion_toolkit.models.base import MeanParameters
from occlusion_toolkit.training.callbacks import (
    AverageWeights,
    FiniteLoss,
    SeedSteps,
    Speed,
    StepReport,
    StopInTime,
)
from occlusion_toolkit.training.checkpoints import CHECKPOINT, SaveCheckpoint, read_checkpoint
from occlusion_toolkit.training.curves import log_files
from occlusion_toolkit.training.data import BatchOrder, RunData, TrainingData
from occlusion_toolkit.training.module import RegressorTraining
from occlusion_toolkit.training.network import mean_person, starting_weights, take_over
from occlusion_toolkit.training.pictures import Pictures
from occlusion_toolkit.training.recipe import Recipe
from occlusion_toolkit.training.trained_weights import SaveWeights
from occlusion_toolkit.training.tuning import prepare

Precision = Literal["fp32", "bf16", "fp16"]

PRECISIONS: dict[Precision, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "fp32": "32-true",
    "bf16": "bf16-mixed",
    "fp16": "16-mixed",
}
MEAN_OVER = 64
"""Samples that the mean person is taken over."""


@dataclass(frozen=True)
class RunOptions:
    """What does not change the result of a run beyond rounding, and where it goes.

    Attributes:
        out: folder of the run.
        resume: go on from the checkpoint in it, if there is one.
        end: `time.monotonic()` after which the step at hand is the last; None for no limit.
        gpu: train on GPUs instead of the CPU.
        devices: GPUs, or processes where there is no GPU.
        precision: "fp32", "bf16" or "fp16".
        parts: batches whose gradients are accumulated for one step.
        workers: processes per device that make samples.
    """

    out: Path
    resume: bool = False
    end: float | None = None
    gpu: bool = False
    devices: int = 1
    precision: Precision = "fp32"
    parts: int = 1
    workers: int = 0


@dataclass(frozen=True)
class Ended:
    """How far a run came.

    Attributes:
        steps: done so far.
        signal: number of the signal that stopped it, after a whole step and saved; None where none did.
    """

    steps: int
    signal: int | None


def _no_report(_numbers: dict[str, float]) -> None:
    pass


def check_run(recipe: Recipe, options: RunOptions) -> None:
    """Everything about a run that can be refused before its data are read.

    Raises:
        TrainingError: the folder holds another run or a damaged one, options do not fit, or the weights
            that the recipe starts from are not there.
    """
    train, devices = recipe.train, options.devices
    if (checkpoint := options.out / CHECKPOINT).is_file():
        if not options.resume:
            raise TrainingError(
                f"{options.out} holds a run already; go on with --resume, or choose another folder."
            )
        read_checkpoint(checkpoint)
    elif (left := options.out / f"{recipe.name}-best.yaml").is_file():
        raise TrainingError(
            f"{left} is of a run whose {CHECKPOINT} is gone, and would be mistaken for the best of this one; "
            "choose another folder, or remove it."
        )
    elif train.start_from is not None:
        starting_weights(train.start_from)
    if options.precision == "fp16" and not options.gpu:
        raise TrainingError("fp16 needs a GPU; choose bf16 or fp32.")
    if options.gpu and devices > torch.cuda.device_count():
        raise TrainingError(
            f"{devices} devices were asked for, and {torch.cuda.device_count()} GPUs are there; lower "
            "--devices."
        )
    if devices > train.held_out:
        raise TrainingError(
            f"{train.held_out} held-out people cannot be shared by {devices} devices; raise held_out or "
            "lower --devices."
        )
    BatchOrder(train.steps, train.batch_size, parts=options.parts, devices=devices)


def fit(recipe: Recipe, data: RunData, options: RunOptions, report: StepReport = _no_report) -> Ended:
    """Train until the recipe is done, the time is up, or Ctrl-C; `check_run` comes first.

    Args:
        recipe: what to do.
        data: its data sets and bodies.
        options: where and how.
        report: takes speed and losses every half minute and at the end.

    Returns:
        Steps done so far, and what stopped the run.

    Raises:
        TrainingError: the run cannot be resumed with these data, or the loss is not finite.
    """
    out, train = make_folder(options.out), recipe.train
    checkpoint = out / CHECKPOINT
    torch.manual_seed(train.seed)
    mean, resumed = MeanParameters.standing(), checkpoint.is_file()
    if not resumed:  # a checkpoint has the mean person that the run began with
        mean = mean_person([data.samples[position] for position in range(MEAN_OVER)])
    module = RegressorTraining(recipe, data.bodies, mean, data.people)
    if train.start_from is not None and not resumed:
        take_over(module.network, starting_weights(train.start_from))
    prepare(module.network)
    samples = TrainingData(
        data.samples,
        data.held_out,
        steps=train.steps,
        batch_size=train.batch_size,
        parts=options.parts,
        workers=options.workers,
    )
    with _quiet():
        stop = StopInTime(options.end)
        trainer = _trainer(recipe, options, report, out, stop)
        trainer.fit(
            module,
            datamodule=samples,
            ckpt_path=checkpoint if resumed else None,
            weights_only=True,
        )
    return Ended(trainer.global_step, stop.signal)


def _trainer(
    recipe: Recipe, options: RunOptions, report: StepReport, out: Path, stop: StopInTime
) -> lightning.Trainer:
    train, gpu = recipe.train, options.gpu
    checkpoints = SaveCheckpoint(out / CHECKPOINT, train.validate_every)
    callbacks: list[lightning.Callback] = [
        SeedSteps(train.seed, train.batch_size),
        FiniteLoss(out),
        SaveWeights(recipe, out, hardware(options), checkpoints),
        Pictures(out / "pictures", train.pictures_every),
    ]
    if train.optimisation.average_decay is not None:
        callbacks.append(AverageWeights(train.optimisation.average_decay))
    callbacks += [stop, checkpoints, Speed(train.batch_size, report)]
    return lightning.Trainer(
        accelerator="gpu" if gpu else "cpu",
        devices=options.devices,
        # Published networks carry layers that they never use.
        strategy=DDPStrategy(find_unused_parameters=True) if options.devices > 1 else "auto",
        precision=PRECISIONS[options.precision],
        max_steps=train.steps,
        val_check_interval=min(train.validate_every, train.steps) * options.parts,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=max(1, min(50, train.steps // 10)),
        accumulate_grad_batches=options.parts,
        gradient_clip_val=train.optimisation.clip_norm,
        use_distributed_sampler=False,
        sync_batchnorm=gpu and options.devices > 1,
        benchmark=gpu,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        logger=_loggers(out),
        callbacks=callbacks,
        default_root_dir=out,
    )


def _loggers(out: Path) -> list[Logger]:
    earlier = len(log_files(out))  # Lightning's CSV log begins anew and deletes what it finds
    return [
        CSVLogger(out, name="logs", version="csv" if not earlier else f"csv-{earlier + 1:03d}"),
        TensorBoardLogger(out, name="logs", version="tensorboard"),
    ]


def hardware(options: RunOptions) -> str:
    """What the run runs on, in words."""
    one = torch.cuda.get_device_name() if options.gpu else f"{platform.machine()} CPU"
    return f"{options.devices} x {one}, {options.precision}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning neither prints what it found nor warns of what is meant (order and resumption are ours)."""
    talker = logging.getLogger("pytorch_lightning")
    level = talker.level
    talker.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        talker.setLevel(level)
