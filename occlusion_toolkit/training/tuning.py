"""How a BlazePose that has seen real people learns on.

Its published layers have their batch norms folded in, so that weights differ in size by orders of magnitude
and steps of one size, as Adam makes them, ruin the small ones within five (docs/training-open-weights.md).
Kernels are therefore written as a length times a direction (Salimans and Kingma, NeurIPS 2016), and
directions learn. Convolutions of single channels, a sixteenth of the weights and most of a step's time, stay.
"""

from typing import Any, Final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

from occlusion_toolkit.models.backbones.blazepose_trunk import BlazePoseTrunk
from occlusion_toolkit.training.recipe import Optimisation

SLOW: Final = 0.1
"""Share of their directions' rate at which the lengths of kernels, and biases, learn."""


class _Precise(nn.Module):
    """Layers in single precision whatever the arithmetic of the rest."""

    def forward(self, x: Tensor) -> Tensor:
        """What the layers make of `x`."""
        with torch.autocast(x.device.type, enabled=False):
            answer: Tensor = super().forward(x.float())
        return answer


class PreciseStages(_Precise, nn.Sequential):
    """Layers one after the other, in single precision."""


class PreciseConv(_Precise, nn.Conv2d):
    """A convolution in single precision."""


class Subsampled(nn.Conv2d):
    """A convolution that halves a map, computed at all places and read at every second.

    The same numbers. On processors the way back through a stride of 2 takes ten times as long.
    """

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels h w"]:
        """The convolved map."""
        down, right = self.stride
        everywhere = F.conv2d(x, self.weight, self.bias, padding=self.padding, groups=self.groups)
        return everywhere[:, :, ::down, ::right]


def prepare(network: nn.Module) -> None:
    """Make the layers of a tuned BlazePose ready to learn on; any other network stays as it is.

    Args:
        network: a regressor with its weights; `plain_state_dict` gives them back under their own names.
    """
    trunk = tuned_trunk(network)
    if trunk is None:
        return
    # In 16 bits they are off by 140 mm in the same direction, so that training would bend all else to them.
    trunk.network.pose.__class__ = PreciseStages
    trunk.network.landmarks.__class__ = trunk.network.world.__class__ = PreciseConv
    learning = [
        layer
        for layer in trunk.network.modules()
        if isinstance(layer, nn.Conv2d) and any(value.requires_grad for value in layer.parameters())
    ]
    for layer in learning:
        if layer.groups > 1:
            layer.requires_grad_(False)
            if layer.stride != (1, 1):
                layer.__class__ = Subsampled
        else:
            weight_norm(layer)
            direction = layer.parametrizations.weight.original1  # type: ignore[union-attr]
            with torch.no_grad():
                direction /= torch.linalg.vector_norm(direction, dim=(1, 2, 3), keepdim=True).clamp_min(1e-12)


def parameter_groups(network: nn.Module, settings: Optimisation) -> list[dict[str, Any]]:
    """Parameters that learn, by rate and decay; of vectors and of what is tuned nothing decays."""
    directions: list[nn.Parameter] = []
    slow: list[nn.Parameter] = []
    for layer in network.modules():
        if parametrize.is_parametrized(layer):
            named = dict(layer.named_parameters())
            directions.append(named.pop("parametrizations.weight.original1"))
            slow += named.values()
    tuned = {id(value) for value in (*directions, *slow)}
    others = [value for value in network.parameters() if value.requires_grad and id(value) not in tuned]
    rate = settings.learning_rate
    groups = [
        {"params": [p for p in others if p.ndim > 1], "lr": rate, "weight_decay": settings.weight_decay},
        {"params": [p for p in others if p.ndim <= 1], "lr": rate, "weight_decay": 0.0},
        {"params": directions, "lr": rate * settings.tuned_rate, "weight_decay": 0.0},
        {"params": slow, "lr": rate * settings.tuned_rate * SLOW, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def plain_state_dict(network: nn.Module) -> dict[str, Tensor]:
    """A network's tensors under the names that they have outside of training."""
    state = dict(network.state_dict())
    for name, layer in network.named_modules():
        if parametrize.is_parametrized(layer):
            for part in layer.parametrizations.weight.state_dict():
                del state[f"{name}.parametrizations.weight.{part}"]
            state[f"{name}.weight"] = layer.weight
    return state


def tuned_trunk(network: nn.Module) -> BlazePoseTrunk | None:
    """The backbone of a network, if it is a BlazePose whose layers are trained."""
    trunk = getattr(network, "backbone", None)
    return trunk if isinstance(trunk, BlazePoseTrunk) and trunk.tuned else None
