"""One regressor made ready to be measured against the people of a data set."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from occlusion_toolkit.body.arrays import Gender
from occlusion_toolkit.body.bodies import Bodies
from occlusion_toolkit.body.body_model import BodyModel
from occlusion_toolkit.body.joint_output import Estimates, JointOutput
from occlusion_toolkit.body.joints import JointSet
from occlusion_toolkit.body.parameters import BodyParameters
from occlusion_toolkit.data.boxes import RESOLUTION
from occlusion_toolkit.data.crops import normalise, sample_crop
from occlusion_toolkit.data.people import People
from occlusion_toolkit.data.protocol import Protocol, PVEAlignment
from occlusion_toolkit.data.sample import Sample
from occlusion_toolkit.errors import RunError, TopologyError
from occlusion_toolkit.evaluation.protocol import protocol_card
from occlusion_toolkit.models.foreign import is_out_of_memory
from occlusion_toolkit.models.registry import LoadedRegressor
from occlusion_toolkit.models.views import View, read_view
from occlusion_toolkit.sweep.maps import metric_name
from occlusion_toolkit.sweep.measure import METRICS, Metric, check_ground_truth, distances_mm
from occlusion_toolkit.sweep.metrics import centre_on, pve
from occlusion_toolkit.sweep.network import NetworkRunner, optimised_copy

_MM_PER_M = 1000.0

Seen = UInt8[np.ndarray, "resolution resolution 3"] | View
"""What a network sees of a person: the crop of the data set's box, or one of its own."""

Errors = dict[str, Tensor]
"""Millimetres in float64 by the container's names: `clean_error` (B, J), `clean_pve` (B,), ..."""


@dataclass(frozen=True)
class PosedPeople:
    """People as they are compared.

    Attributes:
        joints: relative to the pelvis, (B, J, 3), metres.
        vertices: (B, V, 3), metres; None where only joints were predicted.
    """

    joints: Float[Tensor, "batch joints 3"]
    vertices: Float[Tensor, "batch vertices 3"] | None


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
        self,
        regressor: LoadedRegressor,
        bodies: Bodies,
        people: People,
        protocol: Protocol,
        metrics: Mapping[str, Metric] = METRICS,
    ) -> None:
        """Loads every body that will be needed, so that nothing is found missing hours later.

        Raises:
            TopologyError: the ground truth belongs to another body than the prediction.
            BodyModelError: a body is missing or not usable.
            UnsafeFileError: a file of a body asks for code.
        """
        topology = people.topology
        if not regressor.has_joints_alone and regressor.card.body != topology:
            raise TopologyError(
                f"{people.dataset} has ground truth of the body {topology!r}, but the model "
                f"{regressor.card.name} predicts parameters of {regressor.card.body!r}; "
                "use a model of that body"
            )
        self.regressor, self.people, self.protocol = regressor, people, protocol
        self.device = regressor.device
        self._metrics = metrics
        self._network = NetworkRunner(optimised_copy(regressor, self.device, RESOLUTION), self.device)
        genders: set[Gender] = {protocol.true_gender(sample.gender, topology) for sample in people}
        self._bodies = {
            gender: self._on_device(bodies.load(topology, gender)) for gender in sorted({"neutral", *genders})
        }
        self.card = protocol_card(regressor, people, protocol, tuple(metrics), bodies.trusted.recorded)

    @torch.inference_mode()
    def __call__(
        self,
        samples: Sequence[Sample],
        crops: Sequence[Seen],
    ) -> Errors:
        """Errors of a batch of people.

        Args:
            samples: the people.
            crops: what `look` gives of each.

        Raises:
            GroundTruthError: a true body is not finite.
            RunError: the network gives NaN or infinite values, or the batch does not fit into memory.
            SweepError: a metric gives no finite number for each joint.
        """
        try:
            estimates = self._network(*self._given(crops))
            self._check(estimates, samples)
            predicted = self._predicted(estimates, crops)
            return measure(predicted, self._true_people(samples), self._metrics)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise RunError(
                f"a batch of {len(samples)} does not fit into the memory of {self.device}; "
                "give a smaller --batch-size"
            ) from error

    def _predicted(self, estimates: Estimates, crops: Sequence[Seen]) -> PosedPeople:
        if isinstance(estimates, JointOutput):
            rows = [estimates[row : row + 1] for row in range(len(crops))]
            turned = [
                crop.joints_in_reference(row) if isinstance(crop, View) else row
                for crop, row in zip(crops, rows, strict=True)
            ]
            return PosedPeople(torch.cat([each.centred(self.protocol.joint_set) for each in turned]), None)
        return self._posed("neutral", estimates)

    def look(self, sample: Sample) -> Seen:
        """What the network is to see of a person.

        Raises:
            ImageError: the image is missing or damaged.
            CropError: the box does not show anybody, or the focal length is not known and needed.
        """
        if self.regressor.has_own_crops:
            return read_view(self.regressor.card.preprocessing, sample)
        return sample_crop(sample, resampling=self.protocol.crop_rule)

    def _given(self, crops: Sequence[Seen]) -> list[Tensor]:
        """Crops and, for networks that are told, where they lie before the camera; on the device."""
        views = [crop for crop in crops if isinstance(crop, View)]
        if not views:
            return [normalise(np.stack([np.asarray(crop) for crop in crops])).to(self.device)]
        given = [torch.stack([view.crop for view in views])]
        placements = [view.placement for view in views if view.placement is not None]
        return [
            tensor.to(self.device) for tensor in (*given, *([torch.stack(placements)] if placements else []))
        ]

    def _true_people(self, samples: Sequence[Sample]) -> PosedPeople:
        true = true_parameters(samples)
        check_ground_truth(true, len(samples))
        genders = [self.protocol.true_gender(sample.gender, self.people.topology) for sample in samples]
        rows = {
            gender: torch.tensor([row for row, other in enumerate(genders) if other == gender])
            for gender in dict.fromkeys(genders)
        }
        groups = [self._posed(gender, true[chosen].to(self.device)) for gender, chosen in rows.items()]
        order = torch.cat(list(rows.values())).argsort().to(self.device)
        joints = torch.cat([group.joints for group in groups])
        vertices = torch.cat([group.vertices for group in groups if group.vertices is not None])
        return PosedPeople(joints[order], vertices[order])

    def _posed(self, gender: Gender, parameters: BodyParameters) -> PosedPeople:
        protocol = self.protocol
        return posed(self._bodies[gender], parameters, protocol.joint_set, protocol.pve_alignment)

    def _on_device(self, body: BodyModel) -> BodyModel:
        return body if self.device.type == "cpu" else copy.deepcopy(body).to(self.device)

    def _check(self, estimates: Estimates, samples: Sequence[Sample]) -> None:
        tensors = [value.flatten(1) for name, value in estimates.tensors.items() if name != "camera"]
        finite = torch.cat(tensors, dim=1).isfinite().all(1)
        if not finite.all():
            sample = samples[int((~finite).nonzero()[0])]
            raise RunError(
                f"the network {self.card.model_card!r} gave NaN or infinite values for person "
                f"{sample.person} of {sample.sequence}, image {sample.frame}; check its weights"
            )


def posed(
    body: BodyModel, parameters: BodyParameters, joint_set: JointSet, pve_alignment: PVEAlignment
) -> PosedPeople:
    """Joints and vertices of bodies in the camera frame, without translation."""
    vertices = body(parameters).vertices
    if pve_alignment == "pelvis":
        vertices = centre_on(vertices, body.pelvis(parameters, joint_set))
    return PosedPeople(body.centred_joints(parameters, joint_set), vertices)


def measure(predicted: PosedPeople, true: PosedPeople, metrics: Mapping[str, Metric] = METRICS) -> Errors:
    """Errors of each person; distances are taken in float64, since near points cancel."""
    joints = predicted.joints.double(), true.joints.double()
    errors = {
        f"clean_{metric_name(name, 'error')}": distances_mm(name, metric, *joints)
        for name, metric in metrics.items()
    }
    if predicted.vertices is None or true.vertices is None:
        return errors
    return errors | {"clean_pve": _MM_PER_M * pve(predicted.vertices.double(), true.vertices.double())}


def true_parameters(samples: Sequence[Sample]) -> BodyParameters:
    """The true bodies of some people; their cameras are zero, since errors do not depend on them."""
    return BodyParameters(
        torch.from_numpy(np.stack([sample.rotmats for sample in samples])),
        torch.from_numpy(np.stack([sample.betas for sample in samples])),
        torch.zeros(len(samples), 3),
    )
