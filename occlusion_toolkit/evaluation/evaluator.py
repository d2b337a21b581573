"""One regressor made ready to be measured against the people of a data set."""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import UInt8

from occlusion_toolkit.body.arrays import Gender
from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.boxes import RESOLUTION
from occlusion_toolkit.data.crops import normalise
from occlusion_toolkit.data.people import People
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.errors import RunError, TopologyError
from occlusion_toolkit.evaluation.measure import Errors, PosedPeople, collected, measure, posed
from occlusion_toolkit.evaluation.protocol import Protocol, protocol_card
from occlusion_toolkit.models.registry import LoadedRegressor
from occlusion_toolkit.sweep.memory import is_out_of_memory
from occlusion_toolkit.sweep.network import NetworkRunner, optimised_copy
from occlusion_toolkit.sweep.truth import check_ground_truth


class Evaluator:
    """Predicts people and measures them against the truth, batch by batch.

    Attributes:
        regressor: the network and its card.
        people: who is measured.
        protocol: the rules.
        card: what its numbers mean.
        device: where it runs.
    """

    def __init__(
        self, regressor: LoadedRegressor, bodies: Bodies, people: People, protocol: Protocol
    ) -> None:
        """Loads every body that will be needed, so that nothing is found missing hours later.

        Raises:
            TopologyError: the ground truth belongs to another body than the prediction.
            BodyModelError: a body is missing or not usable.
            UnsafeFileError: a file of a body asks for code.
        """
        topology = regressor.card.body
        if topology != people.topology:
            raise TopologyError(
                f"{people.dataset} has ground truth of the body {people.topology!r}, but the model "
                f"{regressor.card.name} predicts parameters of {topology!r}; use a model of that body"
            )
        self.regressor, self.people, self.protocol = regressor, people, protocol
        self.device = regressor.device
        self._network = NetworkRunner(optimised_copy(regressor, self.device, RESOLUTION), self.device)
        genders: set[Gender] = {protocol.true_gender(frame.gender, topology) for frame in people}
        self._bodies = {
            gender: self._placed(bodies.load(topology, gender)) for gender in sorted({"neutral", *genders})
        }
        self.card = protocol_card(regressor, people, protocol, bodies.trusted.recorded)

    @torch.inference_mode()
    def __call__(
        self,
        frames: Sequence[Sample],
        crops: UInt8[np.ndarray, "batch resolution resolution 3"],
    ) -> Errors:
        """Errors of a batch of people.

        Raises:
            GroundTruthError: a true body is not finite.
            RunError: the network gives NaN or infinite values, or the batch does not fit into memory.
        """
        try:
            estimates = self._network(normalise(crops).to(self.device))
            self._check(estimates, frames)
            predicted = self._posed("neutral", estimates)
            return measure(predicted, self._true_people(frames))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise RunError(
                f"a batch of {len(frames)} does not fit into the memory of {self.device}; "
                "give a smaller --batch-size"
            ) from error

    def _true_people(self, frames: Sequence[Sample]) -> PosedPeople:
        true = true_parameters(frames)
        check_ground_truth(true, len(frames))
        genders = [self.protocol.true_gender(frame.gender, self.card.body) for frame in frames]
        groups = []
        for gender in dict.fromkeys(genders):
            rows = torch.tensor([row for row, other in enumerate(genders) if other == gender])
            groups.append((rows.to(self.device), self._posed(gender, true[rows].to(self.device))))
        return collected(groups)

    def _posed(self, gender: Gender, parameters: BodyParameters) -> PosedPeople:
        protocol = self.protocol
        return posed(self._bodies[gender], parameters, protocol.joint_set, protocol.pve_alignment)

    def _placed(self, body: BodyModel) -> BodyModel:
        return body if self.device.type == "cpu" else copy.deepcopy(body).to(self.device)

    def _check(self, estimates: BodyParameters, frames: Sequence[Sample]) -> None:
        finite = estimates.rotmats.flatten(1).isfinite().all(1) & estimates.betas.isfinite().all(1)
        if not finite.all():
            frame = frames[int((~finite).nonzero()[0])]
            raise RunError(
                f"the network {self.card.model_card!r} gave NaN or infinite values for person {frame.person} "
                f"of {frame.sequence}, image {frame.frame}; check its weights"
            )


def true_parameters(frames: Sequence[Sample]) -> BodyParameters:
    """The true bodies of some people; their cameras are zero, since errors do not depend on them."""
    return BodyParameters(
        torch.from_numpy(np.stack([frame.rotmats for frame in frames])),
        torch.from_numpy(np.stack([frame.betas for frame in frames])),
        torch.zeros(len(frames), 3),
    )
