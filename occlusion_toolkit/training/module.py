"""A network in training, as pytorch-lightning sees it: loss, optimiser, validation errors."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytorch_lightning as lightning
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.crops import IMAGENET_MEAN, IMAGENET_STD
from occlusion_toolkit.errors import TrainingError
from occlusion_toolkit.models.backbones.blazepose_trunk import BlazePoseTrunk, points_of
from occlusion_toolkit.models.base import MeanParameters, RegressorOutput
from occlusion_toolkit.training.bodies import TrainingBodies
from occlusion_toolkit.training.checkpoints import check_resumable, run_state
from occlusion_toolkit.training.evaluation import PoseErrors, errors_mm, mean_iou, part_overlaps
from occlusion_toolkit.training.losses import Objective
from occlusion_toolkit.training.network import build_network
from occlusion_toolkit.training.recipe import Optimisation, Recipe
from occlusion_toolkit.training.sample import TrainingSample
from occlusion_toolkit.training.tuning import parameter_groups, tuned_trunk


class RegressorTraining(lightning.LightningModule):
    """One network and what it is taught.

    Bodies move with the network but are none of its modules: they are in no checkpoint, and neither averaged
    nor broadcast between devices.

    Args:
        recipe: what to do.
        bodies: the body whose parameters are regressed.
        mean: the person that the network starts from.
        people: number of people in each training set, by name.
    """

    def __init__(
        self,
        recipe: Recipe,
        bodies: TrainingBodies,
        mean: MeanParameters,
        people: Mapping[str, int],
    ) -> None:
        super().__init__()
        self.recipe = recipe
        self.people = dict(people)
        train = recipe.train
        self.network = build_network(
            recipe.network, train.augmentation.resolution, mean, train.initial_weights
        )
        body, joints = bodies.model("neutral"), bodies.joints("neutral")
        self._apart = (Objective(body, joints, train.supervision, train.projection),)
        self._errors: list[Float[Tensor, "people 2"]] = []
        self._overlaps: list[Int[Tensor, "2 24"]] = []

    @property
    def objective(self) -> Objective:
        """The loss terms, and the body that they need."""
        return self._apart[0]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        self.objective._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]

    @property
    def body(self) -> BodyModel:
        """The body whose parameters are regressed."""
        return self.objective.body

    def forward(
        self, crops: UInt8[Tensor, "batch 3 size size"] | Float[Tensor, "batch numbers"]
    ) -> RegressorOutput:
        """Predict people from RGB crops, or from what a trunk has seen of them."""
        output: RegressorOutput
        trunk = getattr(self.network, "backbone", None)
        if crops.dtype != torch.uint8:
            output = self._of_sight(crops.float())
        elif isinstance(trunk, BlazePoseTrunk) and not trunk.tuned:
            # As the sights that heads learn from: in 16 bits the points of a frozen trunk are off by 0.1 m.
            with torch.autocast(crops.device.type, enabled=False):
                sight = trunk.look(normalised(crops))
            output = self._of_sight(sight)
        else:
            output = self.network(normalised(crops))
        return output

    def _of_sight(self, sight: Float[Tensor, "batch numbers"]) -> RegressorOutput:
        output: RegressorOutput = self.network.head(self.network.backbone.neck(sight))  # type: ignore[operator]
        return output

    def supervised(self, step: int) -> bool:
        """Whether the 2D branch is supervised at an optimiser step; lambda_P falls to zero where it ends."""
        supervision = self.recipe.train.supervision
        return supervision is not None and (supervision.until_step is None or step < supervision.until_step)

    def training_step(self, batch: TrainingSample, index: int) -> Tensor:
        """The loss of a batch; its terms go to the log."""
        trunk, supervised = tuned_trunk(self.network), self.supervised(self.global_step)
        seen = batch.crop if trunk is None else trunk.see(normalised(batch.crop))
        points = None if trunk is None else points_of(seen)
        terms = self.objective(self(seen), batch, supervised=supervised, points=points)
        total: Tensor = terms.total(self.recipe.train.losses)
        self.log_dict({f"loss/{name}": value.detach() for name, value in vars(terms).items()})
        self.log("loss/total", total.detach())
        return total

    def validation_step(self, batch: TrainingSample, index: int) -> None:
        """Errors of held-out people with a known body."""
        output, body = self(batch.crop), self.body
        found = BodyParameters(output.rotmats.float(), output.betas.float(), output.camera.float())
        known = batch.has_smpl
        if bool(known.any()):
            truth = BodyParameters(batch.rotmats[known], batch.betas[known], found.camera[known])
            self._errors.append(errors_mm(found[known], truth, body).T)
        if output.part_logits is not None:
            self._overlaps.append(part_overlaps(output.part_logits, batch.labels))

    def gather_errors(self) -> PoseErrors:
        """Mean errors of the people validated since the last call, over all devices; they go to the log."""
        own = torch.cat(self._errors) if self._errors else torch.zeros(0, 2, device=self.device)
        totals = self._sum(torch.cat((own.sum(dim=0), own.new_tensor([len(own)]))))
        position, aligned, people = totals.tolist()
        errors = PoseErrors(position / max(people, 1), aligned / max(people, 1))
        figures = {"validation/mpjpe_mm": errors.mpjpe_mm, "validation/pa_mpjpe_mm": errors.pa_mpjpe_mm}
        if self._overlaps:
            overlaps = self._sum(torch.stack(self._overlaps).sum(dim=0))
            if bool(overlaps[1].any()):  # there are part labels
                figures["validation/part_iou"] = mean_iou(overlaps)
        self._errors, self._overlaps = [], []
        self.log_dict(figures)
        return errors

    def _sum(self, values: Tensor) -> Tensor:
        """The sum over all devices."""
        gathered = self.all_gather(values)
        if not isinstance(gathered, Tensor):
            raise TrainingError("Lightning gathered something else than a tensor")
        return gathered.view(-1, *values.shape).sum(dim=0)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keeps what the order of samples depends on."""
        checkpoint |= run_state(self.recipe, self.people, self.trainer.accumulate_grad_batches)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Compares what is about to go on with what was stopped.

        Raises:
            TrainingError: as `check_resumable`.
        """
        state = run_state(self.recipe, self.people, self.trainer.accumulate_grad_batches)
        check_resumable(state, checkpoint)

    def configure_optimizers(self) -> Any:
        """Adam (AdamW where weights decay) and its schedule by step."""
        settings = self.recipe.train.optimisation
        # Without decay AdamW is Adam.
        optimiser = torch.optim.AdamW(parameter_groups(self.network, settings))
        steps = self.recipe.train.steps
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: rate_share(settings, step, steps)
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def rate_share(settings: Optimisation, step: int, steps: int) -> float:
    """The learning rate at a step as a share of the recipe's: linear warm-up, then a cosine to the end."""
    warm_up = min(1.0, (step + 1) / settings.warm_up_steps) if settings.warm_up_steps else 1.0
    along = min(1.0, step / steps)
    return warm_up * (settings.final_rate + (1 - settings.final_rate) * 0.5 * (1 + math.cos(math.pi * along)))


def normalised(crops: UInt8[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch 3 size size"]:
    """RGB crops as networks take them, in channels-last memory."""
    # Colour by colour: tensors of constants would be copied to the device, which waits for it.
    channels = zip(crops.unbind(dim=1), IMAGENET_MEAN, IMAGENET_STD, strict=True)
    colours = [(channel / 255 - mean) / std for channel, mean, std in channels]
    return torch.stack(colours, dim=1).contiguous(memory_format=torch.channels_last)
