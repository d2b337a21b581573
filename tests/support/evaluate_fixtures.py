"""People of the open test set, and a regressor that answers with the truth, or with a known change of it."""

import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.open_body import OPEN_BODY_TOPOLOGY
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.catalogue import open_dataset
from occlusion_toolkit.data.crops import normalise, sample_crop
from occlusion_toolkit.data.people import EvenlySpaced, People
from occlusion_toolkit.data.protocol import SPIN, Protocol
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.evaluation.evaluator import Evaluator, true_parameters
from occlusion_toolkit.models.base import RegressorOutput
from occlusion_toolkit.models.cards import PluginCard
from occlusion_toolkit.models.registry import LoadedRegressor

Change = Callable[[BodyParameters], BodyParameters]


class OracleNetwork(nn.Module):
    """Knows people by their crops and answers with their true body, or a changed one."""

    def __init__(self, frames: Sequence[Sample], change: Change = lambda true: true) -> None:
        super().__init__()
        self._answers = change(true_parameters(frames))
        self._rows = {_key(normalise(sample_crop(frame))): row for row, frame in enumerate(frames)}

    def forward(self, crops: Tensor) -> RegressorOutput:
        rows = torch.tensor([self._rows.get(_key(crop), 0) for crop in crops])
        known = self._answers[rows]
        return RegressorOutput(known.rotmats, known.betas, known.camera)


def _key(crop: Tensor) -> bytes:
    return crop.contiguous().numpy().tobytes()


@functools.cache
def everybody() -> People:
    """The open test set, read once."""
    return open_dataset("open")


def some_people(count: int) -> People:
    """People of the open test set, evenly spaced over its sequences."""
    return EvenlySpaced(everybody(), count)


def loaded(network: nn.Module, body: str = OPEN_BODY_TOPOLOGY) -> LoadedRegressor:
    """A network of the tests as `load_regressor` would give it."""
    card = PluginCard(
        name="fake",
        title="A stand-in",
        description="For tests.",
        body=body,
        licence="CC0-1.0",
        origin="tests",
    )
    return LoadedRegressor(network.eval(), card, "0" * 64, torch.device("cpu"))


def evaluator_of(
    network: nn.Module, people: People, protocol: Protocol = SPIN, bodies: Bodies | None = None
) -> Evaluator:
    """An evaluator of a network of the tests."""
    return Evaluator(loaded(network, people.topology), bodies or Bodies(), people, protocol)
