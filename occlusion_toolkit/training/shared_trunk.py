"""Networks that are trained together on one trunk, so that all of them start from the same features."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from occlusion_toolkit.regressors.architecture import HMRArchitecture, PAREArchitecture
from occlusion_toolkit.regressors.base import MeanParameters, RegressorOutput


class SharedTrunk(nn.Module):
    """One trunk and the head of every network of a recipe.

    Args:
        networks: architectures with equal trunks, at most one of each kind.
        mean: the person that every network corrects.
    """

    def __init__(
        self, networks: tuple[HMRArchitecture | PAREArchitecture, ...], mean: MeanParameters
    ) -> None:
        super().__init__()
        built = {architecture.kind: architecture.build(mean) for architecture in networks}
        self.backbone = next(iter(built.values())).backbone
        self.heads = nn.ModuleDict({kind: network.head for kind, network in built.items()})

    def forward(self, crops: Float[Tensor, "batch 3 height width"]) -> dict[str, RegressorOutput]:
        """What each network predicts for normalised crops, by kind."""
        features = self.backbone(crops)
        return {kind: head(features) for kind, head in self.heads.items()}

    def network_state(self, kind: str) -> dict[str, Tensor]:
        """Weights of one of the networks under its own names, `backbone.*` and `head.*`."""
        return network_state(self.state_dict(), kind)


def network_state(shared: Mapping[str, Tensor], kind: str) -> dict[str, Tensor]:
    """Weights of one network out of the state dict of a `SharedTrunk`."""
    prefix = f"heads.{kind}."
    state = {name: value for name, value in shared.items() if name.startswith("backbone.")}
    heads = {f"head.{name.removeprefix(prefix)}": v for name, v in shared.items() if name.startswith(prefix)}
    return state | heads


class WeightAverage:
    """Exponential moving average of all weights and normalisation statistics of a module.

    The decay grows from zero with the number of updates, so that the average forgets the initial weights.

    Args:
        module: the module to follow.
        decay: limit of the decay per update.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.state = {name: value.detach().clone() for name, value in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move the average towards the module's present weights."""
        self.updates += 1
        decay = min(self.decay, self.updates / (self.updates + 10))
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value, 1 - decay)
            else:
                self.state[name].copy_(value)
