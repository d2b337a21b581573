"""The moving average of a network's weights, which is what is validated and shipped."""

from collections.abc import Sequence

import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks.weight_averaging import WeightAveraging
from torch import Tensor


class AverageWeights(WeightAveraging):
    """Lightning's weight averaging for networks that are trained for minutes as well as for days.

    Three things are other than in Lightning's own exponential average. Integers are taken over and not
    averaged: at some decays rounding lowers them step by step. The average begins short: after n steps it
    forgets at a rate of at least 9 / (10 + n), so that neither random weights nor untrained normalisation
    statistics linger in it. And it is kept where the network is trained, not where it was made.

    Args:
        decay: share of the old average that a step keeps, once the average is long enough.
    """

    def __init__(self, decay: float) -> None:
        def update(averaged: Sequence[Tensor], current: Sequence[Tensor], _steps: Tensor | int) -> None:
            steps = self._latest_update_step  # the same number, and no GPU has to be asked for it
            move_average(averaged, current, min(decay, (1 + steps) / (10 + steps)))

        super().__init__(multi_avg_fn=update)

    def setup(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        """Makes the average, on the device of this process."""
        super().setup(trainer, pl_module, stage)
        if self._average_model is not None:
            self._average_model.to(trainer.strategy.root_device)


@torch.no_grad()
def move_average(averaged: Sequence[Tensor], current: Sequence[Tensor], decay: float) -> None:
    """Move averages towards current values, in place.

    Args:
        averaged: tensors of one type and device.
        current: the newest values, likewise.
        decay: share of the average that is kept.
    """
    if averaged[0].is_floating_point():
        torch._foreach_lerp_(list(averaged), list(current), 1 - decay)
        return
    for old, new in zip(averaged, current, strict=True):
        old.copy_(new)
