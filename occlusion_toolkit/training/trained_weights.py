"""The weights that a run leaves to use, each with its card."""

from pathlib import Path
from typing import Literal

from pytorch_lightning import Callback, LightningModule, Trainer

from occlusion_toolkit.files.atomic import make_folder
from occlusion_toolkit.files.checkpoints import read_metadata, write_state_dict
from occlusion_toolkit.files.checksums import sha256_file
from occlusion_toolkit.models.cards import ErrorFigure, ModelCard, Weights, write_card
from occlusion_toolkit.models.cards import Training as TrainingSummary
from occlusion_toolkit.training.checkpoints import SaveCheckpoint
from occlusion_toolkit.training.evaluation import PoseErrors
from occlusion_toolkit.training.module import RegressorTraining
from occlusion_toolkit.training.recipe import Recipe
from occlusion_toolkit.training.tuning import plain_state_dict

_ERROR = "validation_pa_mpjpe_mm"


class SaveWeights(Callback):
    """Writes NAME-last and, at the smallest PA-MPJPE, NAME-best at every validation, each with its card.

    It must come before a callback that averages weights, so that it sees the averaged ones, which that one
    puts in for validation.

    Args:
        recipe: the recipe.
        out: folder of the cards; tensors go to `weights/` in it.
        hardware: what the run runs on.
        clock: knows the time spent.
    """

    def __init__(self, recipe: Recipe, out: Path, hardware: str, clock: SaveCheckpoint) -> None:
        self._recipe, self._out, self._hardware, self._clock = recipe, out, hardware, clock

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the weights that were just validated."""
        if not isinstance(pl_module, RegressorTraining):
            return
        errors = pl_module.gather_errors()
        if not trainer.is_global_zero or trainer.global_step == 0:
            return
        make_folder(self._out / "weights")
        self._write(pl_module, "last", errors, trainer.global_step)
        best = self._out / "weights" / f"{self._recipe.name}-best.safetensors"
        if not best.is_file() or errors.pa_mpjpe_mm < float(read_metadata(best)[_ERROR]):
            self._write(pl_module, "best", errors, trainer.global_step)

    def _write(self, module: RegressorTraining, which: str, errors: PoseErrors, step: int) -> None:
        name = f"{self._recipe.name}-{which}"
        file = self._out / "weights" / f"{name}.safetensors"
        metadata = {"recipe": self._recipe.name, "step": str(step), _ERROR: repr(errors.pa_mpjpe_mm)}
        # A copy without the memory layout of training.
        state = plain_state_dict(module.network)
        state = {key: value.detach().cpu().contiguous() for key, value in state.items()}
        write_state_dict(file, state, metadata)
        summary = training_summary(self._recipe, step, self._hardware, self._clock.seconds)
        write_card(_card(self._recipe, name, file, summary, errors), self._out / f"{name}.yaml")


def training_summary(recipe: Recipe, step: int, hardware: str, seconds: float) -> TrainingSummary:
    """What a card says about how its weights were made."""
    train, occlusion = recipe.train, recipe.train.augmentation.occlusion
    supervised = None
    if train.supervision is not None:
        supervised = min(step, train.supervision.until_step or step)
    pasted = None
    if occlusion is not None:
        pasted = (
            f"{occlusion.objects} objects, 1 to {occlusion.most} on {occlusion.probability:.0%} of the crops"
        )
    return TrainingSummary(
        data=", then ".join(
            " and ".join(f"{name} {share:.0%}" for name, share in stage.shares.items())
            for stage in train.data
        ),
        seed=train.seed,
        steps=max(step, 1),
        samples=max(step, 1) * train.batch_size,
        occlusion_augmentation=pasted,
        part_supervision_steps=supervised,
        hardware=hardware,
        hours=float(f"{max(seconds, 1.0) / 3600:.3g}"),
        started_from=None if train.start_from is None else Path(train.start_from).name,
    )


def _card(recipe: Recipe, name: str, file: Path, summary: TrainingSummary, errors: PoseErrors) -> ModelCard:
    return ModelCard(
        name=name,
        title=recipe.title or name,
        description=f"{summary.steps:,} steps of recipe {recipe.name}, {summary.samples:,} samples",
        network=recipe.network,
        weights=Weights(
            file=file.name,
            sha256=sha256_file(file),
            shipped=False,
            licence="that of whoever trained them; licences of the training data apply",
            source=f"occlusion-toolkit train, recipe {recipe.name}",
            how_to_get=f"Train it: occlusion-toolkit train with recipe {recipe.name}.",
        ),
        body=recipe.body,
        training=summary,
        errors=(
            _figure(recipe, "MPJPE", errors.mpjpe_mm),
            _figure(recipe, "PA-MPJPE", errors.pa_mpjpe_mm),
        ),
    )


def _figure(recipe: Recipe, metric: Literal["MPJPE", "PA-MPJPE"], value_mm: float) -> ErrorFigure:
    return ErrorFigure(
        dataset=f"first {recipe.train.held_out} people of {recipe.train.data_sets[0]}, held out",
        metric=metric,
        joints="lsp14",
        value_mm=max(round(value_mm, 1), 0.1),
        origin="measured",
        reference="occlusion-toolkit train",
    )
